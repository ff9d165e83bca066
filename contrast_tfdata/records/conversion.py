"""The conversion itself: plan, decode in parallel, write, describe."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.errors import DataError, Problems
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake.decoding import DecodedSlice, decode
from contrast_tfdata.intake.scanning import Progress, Rejection, unusable
from contrast_tfdata.intake.sources import Sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients import assignment, copied_patients, look_alikes, one_person
from contrast_tfdata.patients.findings import no_usable_image
from contrast_tfdata.patients.identity import example_id
from contrast_tfdata.patients.plan import PairAcrossSplits, Plan, PlannedUnit, make_plan, shown_path
from contrast_tfdata.patients.thumbnails import THUMBNAIL_BYTES
from contrast_tfdata.records import codec, descriptions, manifest, shards
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import verify
from contrast_tfdata.storage.csv_text import csv_line, guard_formula
from contrast_tfdata.storage.staging import space_for
from contrast_tfdata.wording import plural

REJECTED_FILE = "rejected.csv"


@dataclasses.dataclass
class Outcome:
    """What became of the plan.

    Attributes:
        splits: what each split holds; none that is empty.
        used: files that gave records.
        constant: slices of one grey value all over.
        rejected: units that could not be decoded.
        across_splits: units that look alike and stand in different splits.
    """

    splits: dict[str, manifest.SplitInfo] = dataclasses.field(default_factory=dict)
    used: int = 0
    constant: int = 0
    rejected: list[Rejection] = dataclasses.field(default_factory=list)
    across_splits: Sequence[PairAcrossSplits] = ()


def convert(
    sources: Sources, directory: Path, options: ConversionOptions, workers: Workers, progress: Progress
) -> manifest.Manifest:
    """Writes the records of everything listed into an empty folder, manifest last, and verifies them.

    Raises:
        DataError: files cannot be used and are not to be skipped (all are listed), labels or splits contradict each
            other, or a class has no usable image.
        StorageError: the disk is too small for the records, or failed.
        OSError: the folder cannot be written.
    """
    plan = make_plan(sources, options.plan, workers, progress, directory, skip_bad_images=options.skip_bad_images)
    needed = needed_bytes(plan, options.preprocessing)
    with space_for(directory, needed), look_alikes.comparing(plan, directory) as thumbnails:
        outcome = _write_splits(plan, directory, options, workers, progress, thumbnails)
    return finish(sources, directory, options, plan, outcome)


def finish(
    sources: Sources, directory: Path, options: ConversionOptions, plan: Plan, outcome: Outcome
) -> manifest.Manifest:
    """Describes the shards that were written, manifest last, and verifies them; raises as `convert` does."""
    rejected = [*plan.rejected, *(each for each in outcome.rejected if not each.is_out_of_scope)]
    problems = [] if options.skip_bad_images or not rejected else [unusable(rejected, "nothing was written")]
    to_train_on = assignment.for_training({unit.split for unit in sources.units}, plan.split)
    left_out = Counter(plan.skipped) + _out_of_scope(outcome)
    empty, warnings = _empty_classes(outcome.splits, left_out, to_train_on=to_train_on)
    warnings += _empty_splits(sources, plan, outcome)
    if problems + empty:
        raise DataError.listing_kinds(problems + empty)
    if outcome.constant:
        warnings.append(f"{plural(outcome.constant, 'slice')} with one grey value all over")
    warnings += one_person.warnings(unit for units in plan.units.values() for unit in units)
    warnings += copied_patients.warnings(plan, options.plan)
    across_splits = copied_patients.with_copies(outcome.across_splits, plan, options.plan)
    warnings += look_alikes.warnings(across_splits)
    for name, lines in (
        (REJECTED_FILE, _rejected_lines(rejected)),
        (look_alikes.FILE_NAME, look_alikes.csv_lines(across_splits)),
    ):
        with (directory / name).open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(lines)
    result = _describe(sources, plan, outcome, options, rejected, [*plan.warnings, *warnings])
    descriptions.write(directory, result)
    (directory / manifest.FILE_NAME).write_text(result.to_text(), encoding="utf-8")
    verify(directory, result)
    return result


def needed_bytes(plan: Plan, preprocessing: Preprocessing) -> int:
    """Returns about how many bytes the records of a plan will take."""
    planned = [unit for units in plan.units.values() for unit in units]
    thumbnails = len(planned) * THUMBNAIL_BYTES if plan.across_splits is None else 0
    return thumbnails + shards.expected_bytes(sum(len(each.indices) for each in planned), preprocessing.image_size)


def _write_splits(
    plan: Plan,
    directory: Path,
    options: ConversionOptions,
    workers: Workers,
    progress: Progress,
    thumbnails: look_alikes.Thumbnails,
) -> Outcome:
    """Writes the shards of all splits."""
    total = sum(len(units) for units in plan.units.values())
    done, outcome = 0, Outcome()
    for split in SPLITS:
        units = plan.units[split]
        planned = sum(len(each.indices) for each in units)
        if not planned:
            continue
        num_shards = shards.choose_num_shards(planned, options.preprocessing.image_size, options.num_shards)
        with shards.SplitWriter(directory, split, planned, num_shards) as writer:
            for unit, decoded in _decode(units, options.preprocessing, workers, thumbnails):
                done += 1
                progress("convert", done, total)
                if isinstance(decoded, RejectedImageError):
                    outcome.rejected.append(Rejection(shown_path(unit.unit), decoded.code, decoded.detail))
                    writer.skip(len(unit.indices))
                    continue
                for record in records_of(unit, decoded):
                    writer.write(record)
                outcome.used += unit.unit.num_files
                outcome.constant += count_constant(decoded)
        info = writer.finish()
        if info.records:
            outcome.splits[split] = info
    outcome.across_splits = thumbnails.across_splits()
    return outcome


def records_of(unit: PlannedUnit, decoded: list[DecodedSlice]) -> Iterator[codec.SliceRecord]:
    """Yields a unit's records in their order."""
    for position, each in zip(unit.indices, decoded, strict=True):
        yield codec.SliceRecord(
            pixels=each.pixels,
            label=each.label,
            example_id=example_id(unit.facts.sha256, position),
            group=unit.group,
            source=unit.source,
            slice_index=each.index,
            source_bytes=unit.facts.num_bytes,
            source_shape=each.shape,
            subgroups=unit.facts.subgroups,
        )


def count_constant(decoded: list[DecodedSlice]) -> int:
    """Returns how many of the slices have one grey value all over."""
    return sum(int(each.pixels.min() == each.pixels.max()) for each in decoded)


def _decode(
    units: list[PlannedUnit], preprocessing: Preprocessing, workers: Workers, thumbnails: look_alikes.Thumbnails
) -> Iterator[tuple[PlannedUnit, list[DecodedSlice] | RejectedImageError]]:
    work = ((each.unit, each.facts, each.indices, preprocessing) for each in units)
    results = workers.map(functools.partial(decode, compare=thumbnails.wanted), work)
    for unit, decoded in zip(units, results, strict=True):
        if isinstance(decoded, RejectedImageError):
            yield unit, decoded
        else:
            thumbnails.add(unit, decoded.thumbnail)
            yield unit, decoded.slices


def _empty_classes(
    splits: dict[str, manifest.SplitInfo], left_out: Mapping[str, int], *, to_train_on: bool
) -> tuple[list[Problems], list[str]]:
    """Returns problems and warnings: training needs both classes; validation or test with one are said to be so."""
    missing = {split: [name for name, count in info.classes.items() if not count] for split, info in splits.items()}
    if "train" not in splits and (to_train_on or not splits):
        missing["train"] = CLASS_NAMES
    lacking = missing.pop("train", ())
    problems = [no_usable_image(lacking, left_out, to_train_on=to_train_on)] if lacking else []
    warnings = [
        f"{split} has no image of {' and '.join(names)}, so its AUC is undefined"
        for split, names in missing.items()
        if names
    ]
    return problems, warnings


def _empty_splits(sources: Sources, plan: Plan, outcome: Outcome) -> list[str]:
    """Returns a line for each split that somebody asked for and that holds nothing."""
    asked = assignment.asked_for({unit.split for unit in sources.units}, plan.split)
    found = ""
    if sources.by_regex:
        units = [unit for units in plan.units.values() for unit in units]
        counted = f"{plural(len({unit.group for unit in units}), 'patient')} in {plural(len(units), 'file')}"
        found = f" (--group_regex finds {counted}: if there are more, it catches too little of their names)"
    return [
        f"EMPTY: the {split} split holds nothing, although {why}; add patients, or name some for it{found}"
        for split, why in asked.items()
        if split not in outcome.splits
    ]


def _rejected_lines(rejected: list[Rejection]) -> Iterator[str]:
    yield csv_line(("path", "reason", "detail"))
    for each in rejected:
        yield csv_line(map(guard_formula, (each.path, each.code, each.detail)))


def _out_of_scope(outcome: Outcome) -> Counter:
    return Counter(each.code for each in outcome.rejected if each.is_out_of_scope)


def _describe(
    sources: Sources,
    plan: Plan,
    outcome: Outcome,
    options: ConversionOptions,
    rejected: Sequence[Rejection],
    warnings: Sequence[str],
) -> manifest.Manifest:
    files = {
        "found": len(sources.units) + len(sources.rejected) + sum(sources.skipped.values()),
        "used": outcome.used,
        "duplicates": plan.duplicates,
        "rejected": dict(sorted(Counter(each.code for each in rejected).items())),
        "skipped": dict(sorted((Counter(plan.skipped) + _out_of_scope(outcome)).items())),
    }
    return manifest.Manifest(
        preprocessing=options.preprocessing.to_json(),
        split_rule={
            **dataclasses.asdict(plan.split),
            "group_hash_keyed": bool(options.plan.secret),
            "allow_leakage": options.plan.allow_leakage,
        },
        splits=outcome.splits,
        patients_known=plan.patients_known,
        files=files,
        warnings=tuple(warnings),
    )
