"""The plan of a conversion: which slices of which files become records, in which split and order."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.errors import Problems
from contrast_tfdata.images.slices import OUT_OF_SCOPE, FileFacts
from contrast_tfdata.intake import bids, file_warnings, stacks
from contrast_tfdata.intake.scanning import Progress, Rejection, scan
from contrast_tfdata.intake.sources import Sources
from contrast_tfdata.intake.units import FileUnit, PhantomUnit, Unit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients import assignment, duplicates, grouping
from contrast_tfdata.patients.duplicates import Scanned
from contrast_tfdata.patients.findings import Findings, no_usable_image
from contrast_tfdata.patients.identity import example_id, group_key, hide_patient
from contrast_tfdata.patients.near_duplicates import Pair
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.patients.splits import SplitOptions
from contrast_tfdata.patients.thumbnails import ThumbnailFile, ThumbnailsOfUnits
from contrast_tfdata.wording import plural

PATIENTS_UNKNOWN = (
    "patient independence unverified: no patient is known for some files, so slices of one patient may stand on both "
    "sides of the split, although files that look alike were kept together; name patients with --group_regex, a table "
    "column or DICOM PatientID"
)
TESTED_PATIENTS_UNKNOWN = (
    "patient independence unverified: no patient is known for some files, so nobody can say which slices are of one "
    "patient, or of one that a network was trained on; name patients with --group_regex, a table column or DICOM "
    "PatientID"
)
KERAS_SPLIT_LEAKS = (
    "patient independence unverified: the split goes by file as on the slides, so slices of one patient, and pictures "
    "that look alike (between these two they are not looked for), may stand in both training and validation"
)


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedUnit:
    """A unit with the slices to take from it, its hashed group, its path as records hold it, and its split."""

    unit: Unit
    facts: FileFacts
    indices: tuple[int, ...]
    group: str
    source: str
    split: str


@dataclasses.dataclass(frozen=True, slots=True)
class PairAcrossSplits:
    """Two units that look alike, in two splits."""

    first: PlannedUnit
    second: PlannedUnit
    similarity: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be written, as far as it is known before anything is decoded.

    Attributes:
        units: per split, in the order in which their records will stand.
        rejected: files that cannot be used.
        skipped: files passed over without being faulty, by reason.
        duplicates: exact copies that were left out.
        patients_known: whether every group is a patient.
        split: the split's options as they were applied.
        warnings: lines for people.
        across_splits: units that look alike and stand in different splits; None where that is still to be found out.
        copied: for each image that stands under several known patients, a copy of each.
    """

    units: Mapping[str, Sequence[PlannedUnit]]
    rejected: Sequence[Rejection]
    skipped: Mapping[str, int]
    duplicates: int
    patients_known: bool
    split: SplitOptions
    warnings: Sequence[str]
    across_splits: Sequence[PairAcrossSplits] | None = None
    copied: Sequence[Sequence[Scanned]] = ()


Chosen = tuple[Unit, FileFacts, tuple[int, ...]]


def make_plan(
    sources: Sources,
    options: PlanOptions,
    workers: Workers,
    progress: Progress,
    folder: Path,
    *,
    skip_bad_images: bool,
) -> Plan:
    """Scans all files and decides where each goes; keeps on the disk of `folder` meanwhile what is large.

    Raises:
        DataError: listing found problems, the same bytes stand in both classes, a class has no usable image; or, unless
            allowed, an image or a patient stands in train and test. All kinds are listed, and with them the files that
            cannot be used; those alone are left for when the others have been decoded, as that finds more of them.
    """
    with ThumbnailFile(folder) as kept:
        return _plan(sources, options, workers, progress, folder, ThumbnailsOfUnits(kept), skip_bad_images)


def _plan(
    sources: Sources,
    options: PlanOptions,
    workers: Workers,
    progress: Progress,
    folder: Path,
    seen: ThumbnailsOfUnits,
    skip_bad_images: bool,
) -> Plan:
    # Look-alikes are only looked for where they decide about groups; pictures are then decoded as they are read.
    compare = options.split.rule == "group" and not all(unit.group for unit in sources.units)
    scanned, rejected = _scan(sources, workers, progress, seen.keep if compare else None)
    findings = Findings(options.allow_leakage, list(sources.notes), list(sources.problems))
    kept = _without_copies(scanned, options.split.rule, findings)
    findings.warnings += file_warnings.lines((unit.path, facts) for unit, facts in kept)
    findings.warnings += grouping.patient_id_warnings(kept)
    findings.warnings += grouping.expression_warnings(kept) if sources.by_regex else []
    chosen, left_out = _choose_slices(kept, options)
    left_out.update(each.code for each in rejected if each.is_out_of_scope)
    rejected = [each for each in rejected if not each.is_out_of_scope]
    names = [grouping.name_of(unit, facts) for unit, facts, _ in chosen]
    pools = _pools(chosen, names, options, findings)
    listed = {unit.split for unit in sources.units}
    applied = assignment.effective_options(listed, options.split)
    to_train_on = assignment.for_training(listed, applied)
    findings.problems += _missing_classes(sources, chosen, sources.skipped + left_out, to_train_on=to_train_on)
    findings.refuse([] if skip_bad_images else rejected)
    patients_known = all(name.known for name in names)
    if options.split.rule == "keras":
        division = _divided_by_position(sources, chosen, names)
    else:
        look_alikes = None if patients_known else grouping.find_look_alikes(chosen, seen, workers, progress, folder)
        division = _divided_by_group(chosen, names, pools, look_alikes, applied)
    planned = _planned(chosen, division, options)
    across_splits = _across_splits(planned, division.look_alikes, options.split.rule)
    if options.split.rule == "group":
        # By content, hence in no order that means anything: training without a cache needs only a small shuffle buffer.
        planned.sort(key=lambda each: each.unit.path)
        planned.sort(key=lambda each: each.facts.sha256)  # In two steps, which need no pairs of both as keys.
    return Plan(
        {split: [each for each in planned if each.split == split] for split in SPLITS},
        rejected,
        sources.skipped + left_out,
        len(scanned) - len(kept),
        patients_known,
        applied,
        [*findings.warnings, *division.warnings, *_independence_warnings(applied.rule, patients_known, to_train_on)],
        across_splits,
        duplicates.under_several_patients(scanned, workers) if len(kept) < len(scanned) else [],
    )


@dataclasses.dataclass(frozen=True)
class _Division:
    """Which group and split each unit belongs to.

    Attributes:
        groups: the name of its group.
        splits: its split.
        warnings: lines for people.
        look_alikes: pairs of units that look alike; None where nobody looked for them.
    """

    groups: Sequence[str]
    splits: Sequence[str]
    warnings: Sequence[str] = ()
    look_alikes: Sequence[Pair] | None = None


def _divided_by_position(sources: Sources, chosen: Sequence[Chosen], names: Sequence[grouping.Name]) -> _Division:
    """Divides as the slides do."""
    listed = [assignment.Member("", (unit.label,), unit.split, unit.path) for unit in sources.units]
    split_of = assignment.split_by_position(listed)
    splits = ["test" if unit.split == "test" else split_of[unit.path] for unit, _, _ in chosen]
    return _Division([name.text for name in names], splits)


def _divided_by_group(
    chosen: Sequence[Chosen],
    names: Sequence[grouping.Name],
    pools: Sequence[str | None],
    look_alikes: Sequence[Pair] | None,
    applied: SplitOptions,
) -> _Division:
    """Keeps patients in one split, and what looks alike where patients are unknown."""
    groups = grouping.join(names, pools, look_alikes or [])
    splits = assignment.split_by_group(_members(chosen, groups, pools), applied)
    return _Division(groups, splits, _joined_warnings(look_alikes or [], groups), look_alikes)


def _independence_warnings(rule: str, patients_known: bool, to_train_on: bool) -> list[str]:
    """Returns why slices of one patient may stand on both sides of the split, or of training and test."""
    if rule == "keras" and to_train_on:
        return [KERAS_SPLIT_LEAKS]
    if patients_known:
        return []
    return [PATIENTS_UNKNOWN if to_train_on else TESTED_PATIENTS_UNKNOWN]


def _planned(chosen: Sequence[Chosen], division: _Division, options: PlanOptions) -> list[PlannedUnit]:
    hashed = {group: group_key(group, options.secret) for group in set(division.groups)}  # One string for each group.
    paths = (source_of(unit, facts, options) for unit, facts, _ in chosen)
    parts = zip(chosen, map(hashed.get, division.groups), paths, division.splits, strict=True)
    return [PlannedUnit(*unit, *more) for unit, *more in parts]


def _scan(
    sources: Sources, workers: Workers, progress: Progress, keep: Callable[[Unit, np.ndarray], None] | None
) -> tuple[list[Scanned], list[Rejection]]:
    usable, unreadable = scan([(shown_path(unit), unit) for unit in sources.units], workers, progress, keep)
    unlisted = [Rejection(each.path, each.code, each.detail) for each in sources.rejected]
    kinds = bids.beside({unit.path: unit for _, unit, _ in usable if isinstance(unit, FileUnit)}).kinds
    told = [
        (unit, dataclasses.replace(facts, kind=kinds[unit.path]) if unit.path in kinds else facts)
        for _, unit, facts in usable
    ]
    scanned, masks = duplicates.without_label_maps(told, workers)
    masked = [Rejection(shown_path(unit), "label_map", OUT_OF_SCOPE["label_map"]) for unit in masks]
    return scanned, unlisted + unreadable + masked


def source_of(unit: Unit, facts: FileFacts, options: PlanOptions) -> str:
    """Returns a path as records hold it: under whatever name the patient is known, the path does not give it away."""
    names = grouping.written_names(unit, facts) if options.hash_paths and isinstance(unit, FileUnit) else []
    return hide_patient(unit.path, names[0], options.secret, also=names[1:]) if names else unit.path


def shown_path(unit: Unit) -> str:
    """A unit's path for messages; below a test folder it says so, since the same name may stand in both."""
    return f"test: {unit.path}" if unit.split == "test" else unit.path


def _without_copies(scanned: list[Scanned], rule: str, findings: Findings) -> list[Scanned]:
    both = duplicates.find_contradictions(scanned)
    findings.add("the same image stands in both classes; only one can be right, so remove the other:", both)
    findings.add_leaks("the same image stands in several splits", duplicates.find_leaks(scanned))
    if rule != "keras":
        return duplicates.drop_copies(scanned)
    copies = duplicates.count_copies(scanned)
    if copies:
        findings.warnings.append(f"exact copies of images kept, as on the slides: {copies}")
    return scanned


def _choose_slices(scanned: list[Scanned], options: PlanOptions) -> tuple[list[Chosen], Counter]:
    """Returns the units of which something is selected, with the slices, and how many files are left out, by reason.

    Each class's part of a series counts alone. So does each patient's whom the user names: the header of an anonymised
    file may tell nobody apart.
    """
    parts = defaultdict(list)
    for unit, facts in scanned:
        if isinstance(unit, FileUnit):
            parts[_part(unit, facts)].append((unit.path, unit, facts))
    chosen, left_out = {}, Counter()
    for key, members in parts.items():
        assembled = stacks.assemble(members, always_reformat=options.always_reformat)
        left_out.update(each.code for each in assembled.skipped)
        left_out["copy_of_an_instance"] += assembled.copies
        for stack in assembled.stacks:
            if reason := stack.left_out(any_sequence=options.any_sequence):
                left_out[reason] += stack.num_files
                continue
            taken = stack.chosen(options.selection)
            left_out["outside --slice_range"] += len(stack.parts) - len(taken)
            chosen.update({(key, name): each for name, *each in taken})
    in_order = []
    for unit, facts in scanned:
        if isinstance(unit, PhantomUnit):
            in_order.append((unit, facts, tuple(range(facts.num_slices))))
        elif (_part(unit, facts), unit.path) in chosen:
            in_order.append(tuple(chosen[_part(unit, facts), unit.path]))
    return in_order, +left_out


def _part(unit: FileUnit, facts: FileFacts) -> tuple[int, str | None, str | None]:
    return unit.label, unit.split, grouping.name_of(unit, facts).text if unit.group else None


def _members(chosen: Sequence[Chosen], groups: Sequence[str], pools: Sequence[str | None]) -> list[assignment.Member]:
    return [
        assignment.Member(group, tuple(labels_of(unit, indices)), pool, unit.path)
        for (unit, _, indices), group, pool in zip(chosen, groups, pools, strict=True)
    ]


def _pools(
    chosen: Sequence[Chosen], names: Sequence[grouping.Name], options: PlanOptions, findings: Findings
) -> list[str | None]:
    """Returns where each unit is fixed to: by its folder or table, and by previous records whose split is kept."""
    pools = [unit.split for unit, _, _ in chosen]
    if options.split.rule == "keras":
        return pools
    if options.previous is not None:
        _keep_previous(pools, chosen, names, options, findings)
    # Look-alikes need not be known for it: those that are fixed to different pools are never joined.
    contradictions = assignment.contradictions(_members(chosen, [name.text for name in names], pools))
    findings.add_leaks("patients stand in several splits", contradictions)
    return pools


def _keep_previous(
    pools: list[str | None],
    chosen: Sequence[Chosen],
    names: Sequence[grouping.Name],
    options: PlanOptions,
    findings: Findings,
) -> None:
    """Fixes in `pools` what stands in the previous records to its split there."""
    moved, kept = [], 0
    for number, ((unit, facts, indices), name) in enumerate(zip(chosen, names, strict=True)):
        example_ids = (example_id(facts.sha256, position) for position in indices)
        before = options.previous.split_of(example_ids, group_key(name.text, options.secret))
        if before is None:
            continue
        if assignment.compatible({before, unit.split or before}):
            pools[number] = before
            kept += 1
        else:
            moved.append(f"{shown_path(unit)}: {before} before")
    findings.add_leaks("files stand in another split than in the records whose split is to be kept", moved)
    source = f"the records {options.previous.fingerprint[:12]}"
    line = f"{kept} of {plural(len(chosen), 'file')} in the split that they or their patients have in {source}"
    findings.warnings.append(line)


def _joined_warnings(pairs: Sequence[Pair], groups: Sequence[str]) -> list[str]:
    together = sum(groups[pair.first] == groups[pair.second] for pair in pairs)
    return [f"{plural(together, 'pair')} of look-alike files kept in one group"] if together else []


def _across_splits(
    planned: Sequence[PlannedUnit], pairs: Sequence[Pair] | None, rule: str
) -> list[PairAcrossSplits] | None:
    """Returns `Plan.across_splits`: look-alikes on which no group depends can be found on what is decoded anyway."""
    if pairs is not None:
        return find_across_splits(planned, pairs)
    sides = {side_of(each.split, rule) for each in planned if isinstance(each.unit, FileUnit)}
    return None if len(sides) > 1 else []


def side_of(split: str, rule: str) -> int:
    """Number of what a look-alike must not stand on both sides of; train and validation of the slides are one."""
    return SPLITS.index(split if rule == "group" or split == "test" else "train")


def find_across_splits(units: Sequence[PlannedUnit], pairs: Iterable[Pair]) -> list[PairAcrossSplits]:
    """Returns the look-alikes, given by position, that the split parts; only splits and paths decide their order."""
    found = []
    for pair in pairs:
        first, second = sorted((units[pair.first], units[pair.second]), key=_split_and_path)
        if first.split != second.split:
            found.append(PairAcrossSplits(first, second, pair.similarity))
    return sorted(found, key=places)


def places(pair: PairAcrossSplits) -> tuple[tuple[str, str], tuple[str, str]]:
    """Returns where both stand, split and path of each."""
    return _split_and_path(pair.first), _split_and_path(pair.second)


def _split_and_path(unit: PlannedUnit) -> tuple[str, str]:
    return unit.split, unit.unit.path


def _missing_classes(
    sources: Sources, chosen: Sequence[Chosen], left_out: Mapping[str, int], *, to_train_on: bool
) -> list[Problems]:
    """Returns what is missing, unless listing has said so already: a class to train on, or anything to test on."""
    if not to_train_on:
        return [] if chosen or sources.problems else [no_usable_image(CLASS_NAMES, left_out, to_train_on=False)]
    trained = ((unit, indices) for unit, _, indices in chosen if unit.split not in ("validation", "test"))
    usable = {label for unit, indices in trained for label in labels_of(unit, indices)}
    listed = {unit.label for unit in sources.units if isinstance(unit, FileUnit)}
    return [
        no_usable_image([name], left_out, to_train_on=True)
        for label, name in enumerate(CLASS_NAMES)
        if label not in usable and (label in listed or not sources.problems)
    ]


def labels_of(unit: Unit, indices: Iterable[int]) -> list[int]:
    """Returns the label of each slice of a unit."""
    if isinstance(unit, PhantomUnit):
        return [int(index >= unit.options.slices_per_class) for index in indices]
    return [unit.label for _ in indices]
