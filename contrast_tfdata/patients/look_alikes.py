"""Files that look alike and stand in different splits: found on thumbnails made while converting, and listed."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from contrast_tfdata.patients import near_duplicates
from contrast_tfdata.patients.findings import first_of
from contrast_tfdata.patients.plan import PairAcrossSplits, Plan, PlannedUnit, find_across_splits, side_of
from contrast_tfdata.patients.thumbnails import ThumbnailFile
from contrast_tfdata.storage.csv_text import csv_line, guard_formula
from contrast_tfdata.wording import plural

FILE_NAME = "look_alikes.csv"

_COLUMNS = ("split", "path", "other_split", "other_path", "similarity")


@contextlib.contextmanager
def comparing(plan: Plan, directory: Path) -> Iterator["Thumbnails"]:
    """Gives a block that decodes a plan's units a place for their thumbnails, on the disk of `directory`."""
    with ThumbnailFile(directory) as kept:
        yield Thumbnails(kept, plan)


class Thumbnails:
    """Thumbnails of a plan's units, where the plan leaves it to them which look alike.

    Args:
        kept: where they are kept.
        plan: what is decoded.

    Attributes:
        wanted: whether they are to be made.
    """

    def __init__(self, kept: ThumbnailFile, plan: Plan):
        self.wanted = plan.across_splits is None
        self._kept = kept
        self._plan = plan
        self._units: list[PlannedUnit] = []

    def add(self, unit: PlannedUnit, thumbnail: np.ndarray | None) -> None:
        """Keeps a unit's thumbnail, as `images.thumbnail` makes it; where none are wanted, it is None."""
        if thumbnail is not None:
            self._kept.append(thumbnail)
            self._units.append(unit)

    def across_splits(self) -> Sequence[PairAcrossSplits]:
        """Returns the units of different splits that look alike, once all were added."""
        if not self.wanted:
            return self._plan.across_splits
        sides = [side_of(unit.split, self._plan.split.rule) for unit in self._units]
        return find_across_splits(self._units, near_duplicates.find_pairs(self._kept, sides))


def warnings(across_splits: Sequence[PairAcrossSplits]) -> list[str]:
    """Returns the line that says how many look alike, with the first of them; none where there are none."""
    if not across_splits:
        return []
    what = f"{plural(len(across_splits), 'pair')} of look-alike files in several splits"
    where = f"{FILE_NAME} in the folder of the records names them all"
    return [f"NEAR-DUPLICATES: {what} ({where}): {first_of(across_splits, _both)}"]


def _both(pair: PairAcrossSplits) -> str:
    return " = ".join(f"{unit.split} {unit.source}" for unit in (pair.first, pair.second))


def csv_lines(across_splits: Sequence[PairAcrossSplits]) -> Iterator[str]:
    """Yields the lines of the file that lists all of them."""
    yield csv_line(_COLUMNS)
    for each in across_splits:
        first, second = ((unit.split, unit.unit.path) for unit in (each.first, each.second))
        yield csv_line(map(guard_formula, (*first, *second, f"{each.similarity:.3f}")))
