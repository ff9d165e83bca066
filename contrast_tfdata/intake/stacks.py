"""Files to stacks: the slices of one acquisition in their order, or a volume, whatever the files are called.

A stack is what gets one verdict. Pictures and NIfTI volumes are one each. DICOM files are put together as their headers
say, and where those are silent, as the files lie:

1. A series is what shares patient, study and series number. Where files have none, or each has one of its own, as some
   anonymisers leave them, files of one folder with the same geometry are a series.
2. In a series, other directions, sizes and pixel distances are other stacks. So are other acquisitions, echoes, times
   and diffusion weightings, where they repeat positions; where nothing tells them apart, their numbers do.
3. Slices lie in the order of their positions along the normal; else of SliceLocation, else of InstanceNumber, else of
   their names. Whatever was done but by position is among the stack's notes.
4. A stack that is not sagittal is a volume where its slices are evenly spaced, and is then cut as NIfTI volumes are.
"""

import dataclasses
import functools
import hashlib
import itertools
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import numpy as np

from contrast_tfdata.images.kinds import UNKNOWN, ImageKind
from contrast_tfdata.images.patient_ids import known_patient
from contrast_tfdata.images.slices import OUT_OF_SCOPE, FileFacts, FramePlace, RejectedImageError
from contrast_tfdata.images.volumes import ROUNDING, Grid, affine_of
from contrast_tfdata.intake.names import one_form
from contrast_tfdata.intake.scanning import Rejection
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.intake.units import FileUnit, StackUnit, Unit

NOTES = {
    "joined": "put together by folder and geometry: the files name no series, or each its own",
    "divided": "divided into several stacks that repeat each other's positions",
    "ordered_by_location": "ordered by SliceLocation, for want of positions",
    "ordered_by_number": "ordered by InstanceNumber, for want of positions",
    "ordered_by_name": "ordered by the names of the files, for want of anything better",
}
"""What was done otherwise than by position and series, by code."""
NOT_T1 = "not_t1"
_LEAST_JOINED = 3  # Slices: fewer may well be single pictures.
_EVEN = 0.1  # Largest relative difference of the distances in a volume: rounding, and gantries that are read in 0.1 mm.
_DIRECTION_DIGITS, _LENGTH_DIGITS = 2, 2

Scanned = tuple[str, Unit, FileFacts]
"""A unit, the name under which a person finds it again, and what is known of it."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """One slice of a DICOM file: which file, and how it lies."""

    name: str
    unit: FileUnit
    facts: FileFacts
    place: FramePlace


@dataclasses.dataclass(frozen=True)
class Stack:
    """The slices of one acquisition in their order.

    Attributes:
        parts: units that hold them, one after the other: one slice each, or one unit that holds all.
        kind: what they are.
        file_names: of all files they come from.
        notes: codes of `NOTES`.
        refusal: why it is not to be scored although it may be a T1, `slices_too_thick`; else "".
    """

    parts: tuple[Scanned, ...]
    kind: ImageKind
    file_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def num_files(self) -> int:
        """How many files they come from."""
        return len(self.file_names)

    @property
    def name(self) -> str:
        """Name of its first file."""
        return self.parts[0][0]

    @property
    def facts(self) -> FileFacts:
        """Those of its first file."""
        return self.parts[0][2]

    def left_out(self, *, any_sequence: bool = False) -> str:
        """Returns why the stack is not used, a code of `slices.OUT_OF_SCOPE`; "" where it is.

        Args:
            any_sequence: use other sequences than T1, too.
        """
        return NOT_T1 if self.kind.is_other_sequence and not any_sequence else self.refusal

    def chosen(self, selection: SliceSelection) -> list[tuple[str, Unit, FileFacts, tuple[int, ...]]]:
        """Returns for each unit of which something is selected the slices to read; a picture is always used."""
        if len(self.parts) > 1:
            used = selection.indices(len(self.parts))
            return [(*part, (index,)) for index, part in enumerate(self.parts) if index in used]
        ((name, unit, facts),) = self.parts
        is_picture = facts.num_slices == 1
        return [(name, unit, facts, (0,) if is_picture else tuple(selection.indices(facts.num_slices)))]


@dataclasses.dataclass(frozen=True)
class Assembled:
    """What files were put together to.

    Attributes:
        stacks: in the order of their first files as they were given.
        skipped: files of which nothing is a slice to be scored, with a code of `slices.OUT_OF_SCOPE`.
        copies: files that repeat an instance which another file holds too.
    """

    stacks: tuple[Stack, ...]
    skipped: tuple[Rejection, ...]
    copies: int = 0


def assemble(scanned: Iterable[Scanned], *, always_reformat: bool = False) -> Assembled:
    """Puts files together to stacks.

    Args:
        scanned: files; exact copies must be gone, or they count as slices.
        always_reformat: cut volumes in the sagittal plane however thick their slices are.
    """
    single, slots, skipped, order, seen, copies = [], [], [], {}, set(), 0
    for name, unit, facts in scanned:
        order[name] = len(order)
        if not facts.frames and facts.kind.content != "magnitude":
            skipped.append(Rejection(name, facts.kind.content, OUT_OF_SCOPE[facts.kind.content]))
            continue
        if not facts.frames:
            refusal = "slices_too_thick" if facts.is_thick and not always_reformat else ""
            single.append(Stack(((name, unit, facts),), facts.kind, (name,), refusal=refusal))
            continue
        key = _instance(facts)
        if key in seen:
            copies += 1
            continue
        seen.add(key)
        slots += [Slot(name, unit, facts, place) for place in facts.frames]
    used, stacks = set(), list(single)
    kept = [slot for slot in slots if _content(slot) == "magnitude"]
    for series, notes in _series(kept):
        for group, more in _divided(series):
            stacks.append(_stack(group, (*notes, *more), always_reformat))
            used.update(slot.name for slot in group)
    for slot in slots:
        if slot.name not in used:
            used.add(slot.name)
            skipped.append(Rejection(slot.name, _content(slot), OUT_OF_SCOPE[_content(slot)]))
    stacks.sort(key=lambda stack: order[stack.name])
    return Assembled(tuple(stacks), tuple(skipped), copies)


def _content(slot: Slot) -> str:
    return slot.place.content if slot.place.content != "magnitude" else slot.facts.kind.content


def _patient(facts: FileFacts) -> str | None:
    """Returns what tells a patient's series from others', the same for numbers that look the same."""
    known = known_patient(facts.patient_id)
    return known and one_form(known)


def _instance(facts: FileFacts) -> Hashable:
    """Returns what two files share that hold the same image, whatever syntax they are stored in."""
    if facts.instance_uid is None:
        return facts.sha256
    first = facts.frames[0]
    # Some anonymisers give all images one number, or all series.
    place = first.corner, first.location, first.number, first.told_apart, first.content
    series = _patient(facts), facts.study_uid, facts.series_uid
    return facts.instance_uid, *series, len(facts.frames), *place


def _series(slots: Iterable[Slot]) -> Iterator[tuple[list[Slot], tuple[str, ...]]]:
    """Yields the slices of each series, and how it was found."""
    named, nameless = defaultdict(list), []
    for slot in slots:
        if slot.facts.series_uid is None:
            nameless.append(slot)
        else:
            named[_patient(slot.facts), slot.facts.study_uid, slot.facts.series_uid].append(slot)
    for key in [key for key, members in named.items() if len(members) == 1 and len(members[0].facts.frames) == 1]:
        nameless += named.pop(key)
    by_folder = defaultdict(list)
    for slot in nameless:
        by_folder[_folder_and_geometry(slot)].append(slot)
    for members in by_folder.values():
        if len(members) >= _LEAST_JOINED and _are_one(members):
            yield members, ("joined",)
        else:
            yield from (([member], ()) for member in members)
    yield from ((members, ()) for members in named.values())


def _folder_and_geometry(slot: Slot) -> Hashable:
    folder = slot.name.rpartition("/")[0]
    patient = _patient(slot.facts)
    return folder, patient, slot.facts.series_number, slot.facts.kind, _geometry(slot.place), slot.place.told_apart[1:]


def _geometry(place: FramePlace) -> Hashable:
    directions = place.orientation and tuple(round(each, _DIRECTION_DIGITS) + 0.0 for each in place.orientation)
    return place.shape, tuple(round(each, _LENGTH_DIGITS) for each in place.spacing), directions


def _are_one(slots: Sequence[Slot]) -> bool:
    """Whether slices can be of one series: no two at one place; of patients that nobody names, numbered one by one."""
    _, places = _places(slots)
    is_somebody = _patient(slots[0].facts) is not None
    numbers = {slot.place.number for slot in slots} - {None}
    return len(set(places)) == len(places) and (is_somebody or len(numbers) == len(slots))


def _divided(slots: Sequence[Slot]) -> Iterator[tuple[list[Slot], tuple[str, ...]]]:
    """Yields the stacks of a series, each in its order, and what was done to find them."""
    by_geometry = defaultdict(list)
    for slot in slots:
        by_geometry[_geometry(slot.place)].append(slot)
    for members in by_geometry.values():
        how, places = _places(members)
        groups = _apart(members, places)
        notes = (*((how,) if how else ()), *(("divided",) if len(groups) > 1 else ()))
        for group in groups:
            yield _ordered(group), notes


def _places(slots: Sequence[Slot]) -> tuple[str, list[float | str]]:
    """Returns where slices lie among each other, and how that is known: "" by position, or a code of `NOTES`."""
    ways: list[tuple[str, Callable[[Slot], float | str | None]]] = [
        ("", lambda slot: _rounded(slot.place.position)),
        ("ordered_by_location", lambda slot: _rounded(slot.place.location)),
        ("ordered_by_number", lambda slot: slot.place.number),
    ]
    for how, way in ways:
        places = [way(slot) for slot in slots]
        if None not in places and (len(places) == 1 or len(set(places)) > 1):
            return how, places
    if len(slots) == 1:
        return "", [0.0]
    return "ordered_by_name", [f"{slot.name}\0{slot.place.frame:06d}" for slot in slots]


def _rounded(position: float | None) -> float | None:
    return None if position is None else round(position, _LENGTH_DIGITS)


def _ordered(slots: Sequence[Slot]) -> list[Slot]:
    _, places = _places(slots)
    order = sorted(range(len(slots)), key=lambda number: (places[number], slots[number].name))
    return [slots[number] for number in order]


def _apart(slots: Sequence[Slot], places: Sequence[float | str]) -> list[list[Slot]]:
    """Returns slices in groups that repeat no place, told apart by as little as possible."""
    if len(set(places)) == len(places):
        return [list(slots)]
    place_of = dict(zip(map(id, slots), places, strict=True))
    most = max(Counter(places).values())
    marks = range(len(slots[0].place.told_apart))
    for number in (1, 2):
        for chosen in itertools.combinations(marks, number):
            groups = defaultdict(list)
            for slot in slots:
                groups[tuple(slot.place.told_apart[mark] for mark in chosen)].append(slot)
            alone = all(len({place_of[id(slot)] for slot in group}) == len(group) for group in groups.values())
            if alone and len(groups) <= most:
                return list(groups.values())
    return _in_turns(slots, place_of)


def _in_turns(slots: Sequence[Slot], place_of: dict[int, float | str]) -> list[list[Slot]]:
    """Returns the first slice of each place by number, then the second of each, and so on."""
    groups, times = defaultdict(list), defaultdict(int)
    for slot in sorted(slots, key=lambda each: (each.place.number is None, each.place.number or 0.0, each.name)):
        groups[times[place_of[id(slot)]]].append(slot)
        times[place_of[id(slot)]] += 1
    return list(groups.values())


def _stack(slots: Sequence[Slot], notes: tuple[str, ...], always_reformat: bool) -> Stack:
    """Returns slices in their order as a stack: one by one where they are sagittal, else as a volume."""
    first = slots[0]
    kind, names = first.facts.kind, tuple(dict.fromkeys(slot.name for slot in slots))
    if kind.plane in ("sagittal", UNKNOWN):
        if len(names) == len(slots) and all(len(slot.facts.frames) == 1 for slot in slots):
            return Stack(tuple((slot.name, slot.unit, slot.facts) for slot in slots), kind, names, notes)
        return Stack((_as_one(slots, None),), kind, names, notes)
    grid = _grid(slots)
    refusal = "slices_too_thick" if grid is None or (grid.is_thick and not always_reformat) else ""
    return Stack((_as_one(slots, grid),), kind, names, notes, refusal)


def _grid(slots: Sequence[Slot]) -> Grid | None:
    """Returns how the slices lie as a volume; None where they are none: unevenly spaced, or too few."""
    positions = [slot.place.position for slot in slots]
    if None in positions or len(slots) < 2:
        return None
    steps = np.diff(positions)
    middle = float(np.median(steps))
    if middle <= 0 or np.abs(steps - middle).max() > max(_EVEN * middle, ROUNDING):
        return None
    rows, columns = slots[0].place.shape
    try:
        return Grid.of(affine_of(slots[0].place, slots[-1].place, len(slots)), (columns, rows, len(slots)))
    except RejectedImageError:
        return None


def _as_one(slots: Sequence[Slot], grid: Grid | None) -> Scanned:
    """Returns one unit that holds all slices, with facts of its own."""
    first = slots[0]
    files = {slot.name: slot for slot in slots}
    numbers = {name: number for number, name in enumerate(files)}
    members = tuple((numbers[slot.name], slot.place) for slot in slots)
    digest = hashlib.sha256()
    for slot in slots:
        digest.update(slot.facts.sha256 + slot.place.frame.to_bytes(4, "little"))
    facts = dataclasses.replace(
        first.facts,
        sha256=digest.digest(),
        num_bytes=sum(slot.facts.num_bytes for slot in files.values()),
        claim=functools.reduce(operator.or_, (slot.facts.claim for slot in files.values())),
        num_slices=len(slots) if grid is None else grid.shape[0],
    )
    given = {field.name: getattr(first.unit, field.name) for field in dataclasses.fields(FileUnit)}
    sources = tuple((slot.unit.file, slot.facts) for slot in files.values())
    return first.name, StackUnit(**given, sources=sources, members=members, grid=grid), facts
