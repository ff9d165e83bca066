"""Which slices of a volume or series are used, and in which order a series lies."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from contrast_tfdata.errors import UsageError
from contrast_tfdata.images.dicom import known_patient
from contrast_tfdata.images.slices import FileFacts


@dataclasses.dataclass(frozen=True)
class SliceSelection:
    """The part of a head that is used, as fractions of its sagittal slices.

    Attributes:
        slice_range: first and last fraction, 0 <= first < last <= 1. The default is the middle third, where the
            vessels lie that enhance in every patient. Exact fractions: 1/3 of 3 slices is one slice, not 0.9999.
        slice_step: every how manyth slice of that part is used, at least 1.

    Raises:
        UsageError: a value is out of its range.
    """

    slice_range: tuple[Fraction, Fraction] = (Fraction(1, 3), Fraction(2, 3))
    slice_step: int = 1

    def __post_init__(self):
        if len(self.slice_range) != 2 or not 0 <= self.slice_range[0] < self.slice_range[1] <= 1:
            shown = ",".join(str(value) for value in self.slice_range)
            raise UsageError(f"slice_range must be two rising fractions between 0 and 1. Received: slice_range={shown}")
        if isinstance(self.slice_step, bool) or not isinstance(self.slice_step, int) or self.slice_step < 1:
            raise UsageError(f"slice_step must be an integer of at least 1. Received: slice_step={self.slice_step!r}")

    @classmethod
    def parse(cls, slice_range: str, slice_step: int = 1) -> "SliceSelection":
        """Returns the selection that two fractions in text name, e.g. `1/3,2/3` or `0.3,0.7`.

        Raises:
            UsageError: the text is not two fractions, or a value is out of its range.
        """
        try:
            bounds = tuple(Fraction(part.strip()) for part in slice_range.split(","))
        except (ValueError, ZeroDivisionError) as error:
            message = f"slice_range must be two fractions such as 1/3,2/3. Received: slice_range={slice_range!r}"
            raise UsageError(message) from error
        return cls(bounds, slice_step)

    def indices(self, num_slices: int) -> range:
        """Returns the indices used of `num_slices` >= 1 slices; never empty: 1 -> [0], 2 -> [0, 1], 3 -> [1]."""
        first, last = self.slice_range
        return range(math.floor(num_slices * first), math.ceil(num_slices * last), self.slice_step)


SeriesKey = tuple[str | None, str | None, str]
"""PatientID where it is somebody's, StudyInstanceUID, SeriesInstanceUID."""


def series_key(facts: FileFacts) -> SeriesKey | None:
    """Returns what the files of one DICOM series share, to tell series apart within this process; None of no series.

    A SeriesInstanceUID should be enough (PS3.3, C.7.3.1), but some anonymisers write one and the same for everybody.
    """
    if facts.series_uid is None:
        return None
    return known_patient(facts.patient_id), facts.study_uid, facts.series_uid


def choose_slices(facts: Mapping[str, FileFacts], selection: SliceSelection) -> dict[str, list[int]]:
    """Returns for each file the slice indices to read, an empty list where its slice lies outside the selection.

    A volume is selected from by its number of slices, a DICOM series by its number of files; a picture, and a DICOM
    file of no series, is always used. Files of one series (see `series_key`) are sorted by position, those without a
    position last, ties by path: the result does not depend on the order of `facts`.

    Args:
        facts: what is known of each file, by path; duplicates of a slice must be gone, or they count as slices.
        selection: the part of the head to use.
    """
    chosen = {path: list(selection.indices(fact.num_slices)) for path, fact in facts.items()}
    for paths in _series(facts).values():
        used = selection.indices(len(paths))
        chosen.update({path: [index] if index in used else [] for index, path in enumerate(paths)})
    return chosen


def _series(facts: Mapping[str, FileFacts]) -> dict[SeriesKey, list[str]]:
    """Returns the ordered paths of each DICOM series."""
    members: dict[SeriesKey, list[str]] = defaultdict(list)
    for path, fact in facts.items():
        key = series_key(fact)
        if key is not None:
            members[key].append(path)

    def place(path: str) -> tuple[bool, float, str]:
        position = facts[path].position
        return position is None, position or 0.0, path

    return {key: sorted(paths, key=place) for key, paths in members.items()}
