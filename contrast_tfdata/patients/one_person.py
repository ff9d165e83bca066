"""Groups that may be one person: the number in their headers is one, or their names differ as by a slip of typing."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from contrast_tfdata.patients.findings import first_of
from contrast_tfdata.patients.grouping import name_of, patient_number
from contrast_tfdata.patients.plan import PlannedUnit

_First = dict[str, tuple[str, str]]
"""Of each group the first (split, path as records hold it)."""


def warnings(units: Iterable[PlannedUnit]) -> list[str]:
    """Returns a line on each kind of sign that a person has several groups, with the first of them; it names nobody.

    Nothing is joined: a number may be that of a study or of two hospitals, and letters of another case or width can be
    seen, so that whoever names groups knows better.
    """
    numbers: dict[str, _First] = defaultdict(dict)
    names: dict[str, _First] = defaultdict(dict)
    for each in units:
        name, number = name_of(each.unit, each.facts), patient_number(each.facts)
        if number:
            _note(numbers[number], each)
        if name.known:
            _note(names["".join(unicodedata.normalize("NFKC", name.text).casefold().split())], each)
    lines = (
        (
            "PatientIDs stand in several groups",
            "where such a number is one person's, give all its files one group",
            numbers,
        ),
        (
            "names of patients differ only by case, blanks or width of letters",
            "where they mean one person, write them alike",
            names,
        ),
    )
    return [_line(what, advice, several) for what, advice, found in lines if (several := _in_several(found.values()))]


def _note(groups: _First, unit: PlannedUnit) -> None:
    this = unit.split, unit.source
    groups[unit.group] = min(groups.get(unit.group, this), this)


def _in_several(found: Iterable[_First]) -> list[list[tuple[str, str]]]:
    """Returns for each person with several groups where these stand; first who is in several splits."""
    several = (sorted(groups.values()) for groups in found if len(groups) > 1)
    return sorted(several, key=lambda places: (not _crosses_splits(places), places))


def _crosses_splits(places: Sequence[tuple[str, str]]) -> bool:
    return places[0][0] != places[-1][0]


def _line(what: str, advice: str, several: Sequence[Sequence[tuple[str, str]]]) -> str:
    across = sum(map(_crosses_splits, several))
    return f"{len(several)} {what}, {across} of them in several splits; {advice}: {first_of(several, _ends)}"


def _ends(places: Sequence[tuple[str, str]]) -> str:
    return " = ".join(" ".join(place) for place in (places[0], places[-1]))
