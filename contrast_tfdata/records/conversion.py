"""The conversion itself: plan, decode in parallel, write, describe."""

import contextlib
import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.records import codec, manifest, shards
from contrast_tfdata.records.decoding import DecodedSlice, decode_unit
from contrast_tfdata.records.identity import example_id
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.plan import Plan, PlannedUnit, Rejection, make_plan
from contrast_tfdata.records.sources import SPLITS, Sources
from contrast_tfdata.records.verification import verify
from contrast_tfdata.records.workers import Workers

REJECTED_FILE = "rejected.csv"


Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""


def convert(
    sources: Sources, directory: Path, options: ConversionOptions, workers: Workers, progress: Progress
) -> manifest.Manifest:
    """Writes the records of everything listed into an empty folder, manifest last, and verifies them.

    Raises:
        DataError: files cannot be used and are not to be skipped (all are listed), labels or splits contradict each
            other, or a class has no usable image.
        OSError: the folder cannot be written.
    """
    progress("scan", 0, len(sources.units))
    plan = make_plan(sources, options.plan, workers)
    splits, constant = _write_splits(plan, directory, options, workers, progress)
    if plan.rejected and not options.skip_bad_images:
        raise DataError.listing(
            f"{len(plan.rejected)} files cannot be used (--on_bad_image=skip leaves them out); nothing was written:",
            [f"{each.path}: {each.code}: {each.detail}" for each in plan.rejected],
        )
    _refuse_empty_class(splits)
    if constant:
        plan.warnings.append(f"{constant} slices have one grey value all over")
    (directory / REJECTED_FILE).write_text(_rejected_csv(plan.rejected), encoding="utf-8", errors="surrogateescape")
    result = _describe(sources, plan, splits, options)
    (directory / manifest.FILE_NAME).write_text(result.to_text(), encoding="utf-8")
    verify(directory, result)
    return result


def _write_splits(plan: Plan, directory: Path, options: ConversionOptions, workers: Workers, progress: Progress):
    """Returns what each split holds, and the number of constant slices; adds to the plan's rejections."""
    total = sum(len(units) for units in plan.units.values())
    done, constant, infos = 0, 0, {}
    for split in SPLITS:
        units = plan.units[split]
        planned = sum(len(each.indices) for each in units)
        if not planned:
            continue
        num_shards = shards.choose_num_shards(planned, options.preprocessing.image_size, options.num_shards)
        with contextlib.closing(_Sink(shards.SplitWriter(directory, split, planned, num_shards))) as sink:
            for unit, decoded in _decode(units, options.preprocessing, workers):
                done += 1
                progress("convert", done, total)
                if isinstance(decoded, RejectedImageError):
                    plan.rejected.append(Rejection(unit.unit.path, decoded.code, decoded.detail))
                    continue
                constant += sink.write(unit, decoded)
        infos[split] = sink.info
    return infos, constant


class _Sink:
    """Gives decoded slices their names and hands them to the writer."""

    def __init__(self, writer: shards.SplitWriter):
        self._writer = writer
        self.info: manifest.SplitInfo | None = None

    def write(self, unit: PlannedUnit, decoded: list[DecodedSlice]) -> int:
        """Writes a unit's slices; returns how many of them have one value all over."""
        for position, each in zip(unit.indices, decoded, strict=True):
            record = codec.SliceRecord(
                pixels=each.pixels,
                label=each.label,
                example_id=example_id(unit.facts.sha256, position),
                group=unit.group,
                source=unit.unit.path,
                slice_index=each.index,
            )
            self._writer.write(record)
        return sum(each.pixels.min() == each.pixels.max() for each in decoded)

    def close(self) -> None:
        self.info = self._writer.close()


def _decode(units: list[PlannedUnit], preprocessing: Preprocessing, workers: Workers) -> Iterator[tuple]:
    work = ((each.unit, each.facts, each.indices, preprocessing) for each in units)
    return zip(units, workers.map(decode_unit, work), strict=True)


def _refuse_empty_class(splits: dict[str, manifest.SplitInfo]) -> None:
    found = Counter()
    for info in splits.values():
        found.update(info.classes)
    empty = [name for name, count in found.items() if not count] or ([] if found else ["both classes"])
    if empty:
        raise DataError(f"no usable image of {' and '.join(empty)}; nothing was written")


def _rejected_csv(rejected: list[Rejection]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "reason", "detail"])
    writer.writerows([each.path, each.code, each.detail] for each in rejected)
    return stream.getvalue()


def _describe(sources: Sources, plan: Plan, splits, options: ConversionOptions) -> manifest.Manifest:
    files = {
        "found": len(sources.units) + len(sources.rejected) + sum(sources.skipped.values()),
        "used": sum(len(units) for units in plan.units.values()) - _rejected_late(plan),
        "duplicates": plan.duplicates,
        "rejected": dict(sorted(Counter(each.code for each in plan.rejected).items())),
        "skipped": dict(sorted(plan.skipped.items())),
    }
    return manifest.Manifest(
        preprocessing=options.preprocessing.to_json(),
        split_rule={
            **dataclasses.asdict(options.plan.split),
            "group_hash_keyed": bool(options.plan.secret),
            "allow_leakage": options.plan.allow_leakage,
        },
        splits=splits,
        patients_known=plan.patients_known,
        files=files,
        warnings=tuple(plan.warnings),
    )


def _rejected_late(plan: Plan) -> int:
    planned = {each.unit.path for units in plan.units.values() for each in units}
    return sum(each.path in planned for each in plan.rejected)
