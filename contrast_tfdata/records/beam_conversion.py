"""The same conversion as Apache Beam pipelines, for more files than the cores of one machine can decode.

What is small stays in this process and global: the plan, the manifest, the check of all that was written. What is large
goes to the runner's workers: one pipeline scans the files, a second one decodes them and writes whole shards, so that
no pixel passes through here before that check. Every worker must see the sources and the folder of the output under the
same paths (a shared file system), and have the same version of this package.
"""

import dataclasses
import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake.decoding import decode
from contrast_tfdata.intake.scanning import Progress, Rejection
from contrast_tfdata.intake.sources import Sources
from contrast_tfdata.patients import look_alikes
from contrast_tfdata.patients.plan import Plan, PlannedUnit, labels_of, make_plan, shown_path
from contrast_tfdata.records import codec, conversion, manifest, shards
from contrast_tfdata.records.beam_workers import BeamWorkers, PipelineOptions, beam, complete_file
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.storage.staging import space_for


def convert(
    sources: Sources, directory: Path, options: ConversionOptions, beam_options: PipelineOptions, progress: Progress
) -> manifest.Manifest:
    """Writes the records of everything listed into an empty folder, byte for byte as `conversion.convert` does.

    Raises:
        DataError: as `conversion.convert` does.
        StorageError: a worker could not read or write.
        ContrastError: a pipeline failed for another reason.
    """
    # A folder of this user alone: what a scan learns about a DICOM file, its PatientID too, comes back through it.
    with tempfile.TemporaryDirectory(prefix=".beam-", dir=directory) as folder:
        workers = BeamWorkers(Path(folder), beam_options)
        plan = make_plan(sources, options.plan, workers, progress, directory, skip_bad_images=options.skip_bad_images)
        needed = conversion.needed_bytes(plan, options.preprocessing)
        with space_for(directory, needed), look_alikes.comparing(plan, directory) as thumbnails:
            outcome = _write_splits(plan, directory, options, workers, progress, thumbnails)
    return conversion.finish(sources, directory, options, plan, outcome)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where the records of one split go.

    Attributes:
        first: number of its first shard, counted over all splits.
        names: of its shards.
        num_records: planned, in all of them together.
    """

    first: int
    names: tuple[str, ...]
    num_records: int

    def shard_of(self, position: int) -> int:
        """Number, counted over all splits, of the shard in which the record at `position` of this split stands."""
        return self.first + shards.shard_number(position, len(self.names), self.num_records)


def _write_splits(
    plan: Plan,
    directory: Path,
    options: ConversionOptions,
    workers: BeamWorkers,
    progress: Progress,
    thumbnails: look_alikes.Thumbnails,
) -> conversion.Outcome:
    """Writes the shards of all splits."""
    units = [unit for split in SPLITS for unit in plan.units[split]]
    layouts = _layouts(plan, options)
    decode_one = functools.partial(
        _decode, preprocessing=options.preprocessing, layouts=layouts, compare=thumbnails.wanted
    )
    write_one = functools.partial(
        _write_shard,
        names=[name for each in layouts.values() for name in each.names],
        directory=directory,
        folder=workers.folder,
    )
    build = functools.partial(_build, decode_one=decode_one, write_one=write_one)
    progress("convert", 0, len(units))
    results = workers.run(_with_positions(units), build)
    progress("convert", len(units), len(units))
    outcome, used = conversion.Outcome(), []
    for unit, result in zip(units, results["units"], strict=True):
        if isinstance(result, RejectedImageError):
            outcome.rejected.append(Rejection(shown_path(unit.unit), result.code, result.detail))
        else:
            used.append(unit)
            constant, thumbnail = result
            outcome.constant += constant
            thumbnails.add(unit, thumbnail)
    outcome.used, outcome.across_splits = sum(each.unit.num_files for each in used), thumbnails.across_splits()
    outcome.splits = _describe_splits(used, layouts, results["shards"], directory)
    return outcome


def _layouts(plan: Plan, options: ConversionOptions) -> dict[str, _Layout]:
    layouts, first = {}, 0
    for split in SPLITS:
        planned = sum(len(unit.indices) for unit in plan.units[split])
        if planned:
            count = shards.choose_num_shards(planned, options.preprocessing.image_size, options.num_shards)
            names = tuple(shards.shard_name(split, number, count) for number in range(count))
            layouts[split] = _Layout(first, names, planned)
            first += count
    return layouts


def _with_positions(units: Iterable[PlannedUnit]) -> Iterator[tuple[PlannedUnit, int]]:
    """Yields each unit with the position of its first record in its split."""
    positions = Counter()
    for unit in units:
        yield unit, positions[unit.split]
        positions[unit.split] += len(unit.indices)


def _build(
    pairs: beam.PCollection, decode_one: Callable[..., Iterator], write_one: Callable[..., tuple[int, manifest.Shard]]
) -> dict[str, beam.PCollection]:
    """Decodes units, brings the records of each shard together, and writes it."""
    decoded = pairs | "Decode" >> beam.FlatMap(decode_one).with_outputs("units", main="records")
    written = decoded.records | "Group records" >> beam.GroupByKey() | "Write shards" >> beam.Map(write_one)
    return {"units": decoded.units, "shards": written}


def _decode(
    pair: tuple[int, tuple[PlannedUnit, int]], preprocessing: Preprocessing, layouts: dict[str, _Layout], compare: bool
) -> Iterator:
    """Yields a unit's records as (shard, (position in the split, bytes)), and what became of it.

    That is a rejection, or how many of its slices have one grey value all over, and its thumbnail.
    """
    position, (unit, first) = pair
    decoded = decode((unit.unit, unit.facts, unit.indices, preprocessing), compare=compare)
    if isinstance(decoded, RejectedImageError):
        yield beam.pvalue.TaggedOutput("units", (position, decoded))
        return
    constant = conversion.count_constant(decoded.slices)
    yield beam.pvalue.TaggedOutput("units", (position, (constant, decoded.thumbnail)))
    for place, record in enumerate(conversion.records_of(unit, decoded.slices), start=first):
        yield layouts[unit.split].shard_of(place), (place, codec.encode(record))


def _write_shard(
    group: tuple[int, Iterable[tuple[int, bytes]]], names: Sequence[str], directory: Path, folder: Path
) -> tuple[int, manifest.Shard]:
    """Writes one shard, which is in memory while it is brought into order."""
    number, records = group
    ordered = sorted(records, key=itemgetter(0))
    with complete_file(directory / names[number], folder) as partial:
        shard = shards.write_shard(partial, (serialized for _, serialized in ordered))
    return number, dataclasses.replace(shard, name=names[number])


def _describe_splits(
    used: Iterable[PlannedUnit], layouts: dict[str, _Layout], written: Iterable[manifest.Shard], directory: Path
) -> dict[str, manifest.SplitInfo]:
    """Describes the splits that hold records; a shard of theirs that none came to is an empty file."""
    by_name = {shard.name: shard for shard in written}
    splits = {}
    for split, layout in layouts.items():
        units = [unit for unit in used if unit.split == split]
        if not units:
            continue
        files = [by_name.get(name) or shards.write_shard(directory / name, ()) for name in layout.names]
        classes = Counter(CLASS_NAMES[label] for unit in units for label in labels_of(unit.unit, unit.indices))
        counts = {name: classes[name] for name in CLASS_NAMES}
        splits[split] = manifest.SplitInfo(tuple(files), counts, len({unit.group for unit in units}))
    return splits
