"""The plan of a conversion: which slices of which files become records, in which split and order."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.images.selection import SliceSelection, choose_slices
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.records.identity import group_key
from contrast_tfdata.records.options import PlanOptions
from contrast_tfdata.records.sources import SPLITS, Sources
from contrast_tfdata.records.splits import assign_groups, keras_split
from contrast_tfdata.records.units import FileUnit, PhantomUnit, Unit
from contrast_tfdata.records.workers import Workers

PATIENTS_UNKNOWN = (
    "patient independence unverified: no patient is known for some files, so slices of one patient may stand on both "
    "sides of the split; name patients with --group_regex, a table column or DICOM PatientID"
)
_FILE_WARNINGS = {
    "plane_unknown": "DICOM without ImageOrientationPatient, taken for sagittal",
    "burned_in_unknown": "DICOM does not say whether text is burnt into its pixels (BurnedInAnnotation)",
}
KERAS_SPLIT_LEAKS = (
    "the split goes by file as on the slides: slices of one patient may stand in both training and validation"
)


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A file that cannot be used: where, a stable reason, a line for a person."""

    path: str
    code: str
    detail: str


@dataclasses.dataclass(frozen=True)
class PlannedUnit:
    """A unit with the slices to take from it, its hashed group, and its split."""

    unit: Unit
    facts: FileFacts
    indices: tuple[int, ...]
    group: str
    split: str

    @property
    def labels(self) -> list[int]:
        """The label of each slice to come."""
        if isinstance(self.unit, PhantomUnit):
            return [int(index >= self.unit.options.slices_per_class) for index in self.indices]
        return [self.unit.label] * len(self.indices)


@dataclasses.dataclass
class Plan:
    """What is to be written.

    Attributes:
        units: per split, in the order in which their records will stand.
        rejected: files that cannot be used.
        skipped: files passed over without being faulty, by reason.
        duplicates: exact copies that were left out.
        patients_known: whether every group is a patient.
        warnings: lines for people.
    """

    units: dict[str, list[PlannedUnit]]
    rejected: list[Rejection]
    skipped: Counter
    duplicates: int
    patients_known: bool
    warnings: list[str]


def make_plan(sources: Sources, options: PlanOptions, workers: Workers) -> Plan:
    """Scans all files and decides where each goes.

    Raises:
        DataError: the same bytes stand in both classes; or, unless allowed, in train and test, or a patient does.
    """
    scanned, rejected = _scan(sources.units, workers)
    rejected = [Rejection(each.path, each.code, each.detail) for each in sources.rejected] + rejected
    warnings = list(sources.notes)
    by_position = options.split.rule == "keras"
    kept = _drop_duplicates(scanned, by_position, options.allow_leakage, warnings)
    warnings += _file_warnings(kept)
    chosen = _choose_slices(kept, options.selection)
    raw_groups = [_raw_group(unit, facts) for unit, facts, _ in chosen]
    patients_known = all(known for _, known in raw_groups)
    groups = [group_key(name, options.secret) for name, _ in raw_groups]
    if by_position:
        splits = _splits_by_position(sources.units, chosen)
        warnings.append(KERAS_SPLIT_LEAKS)
    else:
        splits = _splits_by_group(chosen, groups, options, warnings)
    if not patients_known:
        warnings.append(PATIENTS_UNKNOWN)
    planned = [PlannedUnit(*parts, group, split) for parts, group, split in zip(chosen, groups, splits, strict=True)]
    if not by_position:
        # By content, hence in no order that means anything: training without a cache needs only a small shuffle buffer.
        planned.sort(key=lambda each: (each.facts.sha256, each.unit.path))
    units = {split: [each for each in planned if each.split == split] for split in SPLITS}
    skipped = sources.skipped + Counter({"outside --slice_range": len(kept) - len(chosen)})
    return Plan(units, rejected, skipped, len(scanned) - len(kept), patients_known, warnings)


Scanned = tuple[Unit, FileFacts]


def scan_unit(unit: Unit) -> FileFacts | RejectedImageError:
    """Scans one unit in a worker process; a rejection is returned, so that the others go on."""
    try:
        return unit.scan()
    except RejectedImageError as error:
        return error


def _scan(units: Sequence[Unit], workers: Workers) -> tuple[list[Scanned], list[Rejection]]:
    scanned, rejected = [], []
    for unit, facts in zip(units, workers.map(scan_unit, units), strict=True):
        if isinstance(facts, RejectedImageError):
            rejected.append(Rejection(unit.path, facts.code, facts.detail))
        else:
            scanned.append((unit, facts))
    return scanned, rejected


def _drop_duplicates(scanned: list[Scanned], keep: bool, allow_leakage: bool, warnings: list[str]) -> list[Scanned]:
    copies: dict[str, list[Unit]] = defaultdict(list)
    for unit, facts in scanned:
        copies[facts.sha256].append(unit)
    repeated = [units for units in copies.values() if len(units) > 1]
    _refuse(
        "the same image stands in both classes; only one can be right:",
        [_paths(units) for units in repeated if len({unit.label for unit in units}) > 1],
    )
    leaks = [_paths(units) for units in repeated if len({unit.split for unit in units}) > 1]
    if not allow_leakage:
        _refuse("the same image stands in train and test (--allow_leakage goes on, and says so in the report):", leaks)
    elif leaks:
        warnings.append(f"LEAKAGE: {len(leaks)} images stand in both train and test")
    if keep:
        if repeated:
            warnings.append(f"{sum(map(len, repeated)) - len(repeated)} exact copies of images kept, as on the slides")
        return scanned
    first = {(facts.sha256, unit.split): unit for unit, facts in reversed(scanned)}
    return [(unit, facts) for unit, facts in scanned if first[facts.sha256, unit.split] is unit]


def _file_warnings(scanned: list[Scanned]) -> list[str]:
    counts = Counter(code for _, facts in scanned for code in facts.warnings)
    return [f"{count} files: {_FILE_WARNINGS.get(code, code)}" for code, count in sorted(counts.items())]


def _choose_slices(scanned: list[Scanned], selection: SliceSelection) -> list[tuple[Unit, FileFacts, tuple[int, ...]]]:
    """Returns the units of which something is selected, with the slices; each class's part of a series counts alone."""
    parts: dict[tuple, dict[str, FileFacts]] = defaultdict(dict)
    for unit, facts in scanned:
        if isinstance(unit, FileUnit):
            parts[unit.label, unit.split][unit.path] = facts
    indices = {key: choose_slices(part, selection) for key, part in parts.items()}
    chosen = []
    for unit, facts in scanned:
        is_file = isinstance(unit, FileUnit)
        wanted = indices[unit.label, unit.split][unit.path] if is_file else range(facts.num_slices)
        if wanted:
            chosen.append((unit, facts, tuple(wanted)))
    return chosen


def _raw_group(unit: Unit, facts: FileFacts) -> tuple[str, bool]:
    """Returns the group's name before hashing, and whether it is a patient."""
    patient = unit.group or facts.patient_id
    if patient:
        return f"patient:{patient}", True
    # A file's own name is no patient: the same name below the train and the test folder means two files.
    return f"file:{unit.split}:{facts.series_uid or unit.path}", False


def _splits_by_position(units: Sequence[Unit], chosen: Iterable[tuple]) -> list[str]:
    """The slides' split counts every file that was listed, as Keras does, also those that turn out to be broken."""
    training = [unit for unit in units if unit.split != "test"]
    split_of = dict(zip((unit.path for unit in training), keras_split([unit.label for unit in training]), strict=True))
    return [unit.split or split_of[unit.path] for unit, _, _ in chosen]


def _splits_by_group(chosen, groups: list[str], options: PlanOptions, warnings: list[str]) -> list[str]:
    fixed, labels = defaultdict(set), defaultdict(set)
    for (unit, facts, indices), group in zip(chosen, groups, strict=True):
        labels[group].update(PlannedUnit(unit, facts, indices, group, "").labels)
        if unit.split:
            fixed[group].add(unit.split)
    contradictory = _patients_in_several(chosen, groups, has_test=any(unit.split == "test" for unit, _, _ in chosen))
    if not options.allow_leakage:
        _refuse("patients stand in several splits (--allow_leakage goes on, and says so in the report):", contradictory)
    elif contradictory:
        warnings.append(f"LEAKAGE: {len(contradictory)} patients stand in several splits")
    free = {group: each for group, each in labels.items() if group not in fixed}
    split_of = assign_groups(free, options.split)
    return [
        unit.split or split_of.get(group) or min(fixed[group])
        for (unit, _, _), group in zip(chosen, groups, strict=True)
    ]


def _patients_in_several(chosen, groups: list[str], has_test: bool) -> list[str]:
    wanted, paths = defaultdict(set), defaultdict(list)
    for (unit, _, _), group in zip(chosen, groups, strict=True):
        if unit.split or has_test:
            wanted[group].add(unit.split or "train")
            paths[group].append(unit.path)
    return [f"{group}: {', '.join(sorted(paths[group])[:4])}" for group, each in wanted.items() if len(each) > 1]


def _paths(units: Sequence[Unit]) -> str:
    return " = ".join(f"{unit.split or 'train'}/{unit.path}" for unit in units)


def _refuse(headline: str, problems: list[str]) -> None:
    if problems:
        raise DataError.listing(headline, problems)


def count_classes(units: Iterable[PlannedUnit]) -> Counter:
    """Number of planned records per class name."""
    return Counter(CLASS_NAMES[label] for unit in units for label in unit.labels)
