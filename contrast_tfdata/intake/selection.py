"""Which slices of a volume or series are used."""

import dataclasses
import math
from fractions import Fraction

from contrast_tfdata.errors import UsageError


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
