"""Who belongs together: slices of one patient or study, and where no patient is known, files that look alike."""

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from contrast_tfdata.images.patient_ids import known_patient
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.images.thumbnail import thumbnail
from contrast_tfdata.intake.names import one_form
from contrast_tfdata.intake.scanning import Progress
from contrast_tfdata.intake.units import Unit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients import assignment, near_duplicates
from contrast_tfdata.patients.thumbnails import ThumbnailFile, ThumbnailsOfUnits
from contrast_tfdata.wording import plural

MOST_JOINED = 0.2
"""Share of all names that may be joined into one group because files look alike.

A chain of look-alikes through all of the data would leave nothing to test on.
"""
PATIENT = "patient:"
_ALWAYS_JOINED = 8  # Names, however few there are.
_MOST_OF_STUDIES = 0.5  # That one patient may have before a person is asked to look.
_LEAST_STUDIES = 20  # In fewer, one patient may well have most.


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """What stands for a file's group before hashing.

    Attributes:
        text: `patient:`, `study:` or `file:` and what distinguishes it.
        known: whether it is a patient, so that all slices of that person carry it.
    """

    text: str
    known: bool


def name_of(unit: Unit, facts: FileFacts) -> Name:
    """Returns the patient of a unit, else its study, else its own path."""
    if unit.group:
        # One string for all slices of a patient.
        return Name(sys.intern(f"{PATIENT}{one_form(unit.group)}"), True)
    if patient_of(facts):
        return Name(sys.intern(patient_of(facts)), patient_number(facts) is not None)
    # A file's own name is no patient: the same name below the train and the test folder means two files.
    return Name(f"file:{unit.split}:{unit.path}", False)


def patient_of(facts: FileFacts) -> str | None:
    """Returns the name, before hashing, of the patient or at least the study that a file says it is of, or None."""
    if patient_number(facts):
        return f"{PATIENT}{patient_number(facts)}"
    study = facts.study_uid or facts.series_uid
    return f"study:{study}" if study else None


def patient_number(facts: FileFacts) -> str | None:
    """Returns the PatientID of a file's header in one form; None where it is missing or a placeholder."""
    found = known_patient(facts.patient_id)
    return (one_form(found) or None) if found else None


def written_names(unit: Unit, facts: FileFacts) -> list[str]:
    """Returns what a file's patient is called, each name as it was written: by the user, and in the header."""
    return [name for name in (unit.group, known_patient(facts.patient_id)) if name]


def patient_id_warnings(scanned: Iterable[tuple[Unit, FileFacts]]) -> list[str]:
    """Returns lines on PatientIDs that are no patient's, or seem to be several patients'; they name none."""
    placeholders, studies = 0, defaultdict(set)
    for unit, facts in scanned:
        if unit.group or not facts.patient_id:
            continue
        if patient_number(facts):
            studies[patient_number(facts)].add(facts.study_uid or facts.series_uid)
        else:
            placeholders += 1
    lines = []
    if placeholders:
        what = "PatientID is a placeholder such as ANONYMOUS or 0, so the study stands for the patient"
        lines.append(f"{plural(placeholders, 'file')}: {what}")
    total, most = sum(map(len, studies.values())), max(map(len, studies.values()), default=0)
    if total >= _LEAST_STUDIES and most > _MOST_OF_STUDIES * total:
        advice = "where that is no person's number, name patients with --group_regex or a table"
        lines.append(f"one PatientID covers {most} of {total} studies, which go to one split together; {advice}")
    return lines


def expression_warnings(scanned: Iterable[tuple[Unit, FileFacts]]) -> list[str]:
    """Returns a line where --group_regex tells all slices of a class apart, as one does that catches whole file names.

    Volumes do not count: most patients have one of a class.
    """
    slices = [
        (name_of(unit, facts).text, unit.label) for unit, facts in scanned if unit.group and facts.num_slices == 1
    ]
    if len(slices) < 2 or len(set(slices)) < len(slices):
        return []
    patients = len({name for name, _ in slices})
    what = "every file is a patient of its own" if patients == len(slices) else "no patient has two files of one class"
    counted = f"{plural(patients, 'patient')} in {len(slices)} files"
    return [f"{what}: {counted}; if a patient has several, --group_regex catches too much of their names"]


def find_look_alikes(
    chosen: Sequence[tuple[Unit, FileFacts, tuple[int, ...]]],
    seen: ThumbnailsOfUnits,
    workers: Workers,
    progress: Progress,
    folder: Path,
) -> list[near_duplicates.Pair]:
    """Returns pairs of units, by position, that show the same thing; a volume is represented by its middle slice.

    Every unit that has no thumbnail from the scan is decoded for it, so this is for data in which some patients are
    unknown. Thumbnails are kept on the disk of `folder` meanwhile.
    """
    # By content, so that the order of listing does not matter; files that cannot be decoded are rejected later.
    order = sorted(range(len(chosen)), key=lambda number: chosen[number][0].path)
    order.sort(key=lambda number: chosen[number][1].sha256)
    positions = []
    progress("compare", 0, len(order))
    decoded = workers.map(_thumbnail, (chosen[number] for number in order if chosen[number][0] not in seen))
    with ThumbnailFile(folder) as thumbnails:
        for done, number in enumerate(order, start=1):
            unit = chosen[number][0]
            thumbnail = seen.of(unit) if unit in seen else next(decoded)
            progress("compare", done, len(order))
            if thumbnail is not None:
                thumbnails.append(thumbnail)
                positions.append(number)
        pairs = near_duplicates.find_pairs(thumbnails)
    return [dataclasses.replace(pair, first=positions[pair.first], second=positions[pair.second]) for pair in pairs]


def join(names: Sequence[Name], pools: Sequence[str | None], pairs: Sequence[near_duplicates.Pair]) -> list[str]:
    """Returns the group of each file, before hashing: look-alikes share one, as far as what is known allows it.

    The most alike are joined first. Never joined are two patients, files that are fixed to different pools, and more
    than MOST_JOINED of all names: such pairs stay apart, for `look_alikes` to list if the split parts them.

    Args:
        names: of each file.
        pools: where each file is fixed to; None where anything goes.
        pairs: look-alikes, by position.
    """
    clusters = _Clusters(names, pools, {names[number].text for pair in pairs for number in (pair.first, pair.second)})
    for pair in sorted(
        pairs, key=lambda each: (-each.similarity, *sorted(names[i].text for i in (each.first, each.second)))
    ):
        clusters.join(names[pair.first].text, names[pair.second].text)
    return [clusters.name(name.text) for name in names]


class _Clusters:
    """Names that belong together; those not in `paired` stay alone, and take no memory here."""

    def __init__(self, names: Sequence[Name], pools: Sequence[str | None], paired: set[str]):
        self._members = {text: {text} for text in paired}
        self._known = {name.text for name in names if name.known and name.text in paired}
        self._pools = defaultdict(set)
        for name, pool in zip(names, pools, strict=True):
            if name.text in paired:
                self._pools[name.text] |= {pool} - {None}
        self._most = max(_ALWAYS_JOINED, int(MOST_JOINED * len({name.text for name in names})))

    def join(self, one: str, other: str) -> None:
        """Joins the clusters of two names unless they must stay apart."""
        if self._members[one] is self._members[other]:
            return
        members = self._members[one] | self._members[other]
        pools = set().union(*(self._pools[name] for name in members))
        if len(members) <= self._most and assignment.compatible(pools) and len(members & self._known) <= 1:
            self._members.update(dict.fromkeys(members, members))

    def name(self, text: str) -> str:
        """Returns what stands for a name's cluster: its patient, else the first of its names."""
        members = self._members.get(text, {text})
        return min(members & self._known or members)


def _thumbnail(work: tuple[Unit, FileFacts, tuple[int, ...]]) -> np.ndarray | None:
    """Runs in a worker process; None where the file cannot be decoded."""
    unit, facts, indices = work
    try:
        ((_, middle),) = unit.read(facts, indices[len(indices) // 2 :][:1])
    except RejectedImageError:
        return None
    return thumbnail(middle.pixels)
