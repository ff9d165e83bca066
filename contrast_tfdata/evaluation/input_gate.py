"""Which pictures the network should not answer: those that look like no slice of a head that it was trained on.

It refuses what is blank, almost empty, noise, writing, drawings, smooth textures and negatives. What it cannot do was
measured, too: heads cut along another plane, lying or standing on their head look the same to it (see
`images.appearance`), and so do about half of all photographs and most round gradients.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from contrast_tfdata.images.appearance import MEASURES, appearance, is_blank

BLANK = "blank"
"""Why a slice is refused that shows nothing; for other slices the measure that is out of bounds is the reason."""
MARGIN = 0.2
"""Of the range of a measure: how far outside of it a slice is not refused yet."""
LEAST_RANGES = {
    "foreground_share": (0.117, 0.794),
    "edges": (0.025, 0.181),
    "grain": (0.498, 0.612),
    "greys": (5.72, 7.3),
}
"""What 416 slices of 52 patients of the phantom had, rounded outwards; bounds are never narrower.

That was before its windows darkened fluid. Of 416 slices since, 25 lie outside of the ranges and none outside of the
margin; ranges around them all would let nine in ten photographs pass instead of half.

Few training patients do not show how different heads are: of the slices of every fourth of 4 patients a third lay
outside of the ranges of the other 3, with the margin, and of every fourth of 125 patients 2 %.
"""
_PERCENTILES = (0.5, 99.5)  # So that a stray picture among the training slices does not open the gate.


@dataclasses.dataclass(frozen=True)
class InputGate:
    """Bounds of the measures of `images.appearance`.

    Attributes:
        bounds: lowest and highest value by measure; a gate without any refuses only blank slices.
        num_slices: training slices that they come from.

    Raises:
        ValueError: an unknown measure, or bounds that are not two rising numbers.
    """

    bounds: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    num_slices: int = 0

    def __post_init__(self):
        for name, (low, high) in self.bounds.items():
            if name not in MEASURES or not low <= high:
                raise ValueError(f"Bounds must be a measure's, and rising. Received: {name}={low, high}")

    @classmethod
    def around(cls, slices: Iterable[np.ndarray]) -> "InputGate":
        """Returns the gate that lets pass what looks like these slices, and like the phantom's.

        Args:
            slices: (S, S) uint8 each, as the network gets them; none is kept.
        """
        rows = [list(appearance(pixels).values()) for pixels in slices]
        if not rows:
            return cls(_with_margin(LEAST_RANGES))
        lows, highs = np.percentile(rows, _PERCENTILES, axis=0)
        found = {
            name: (min(float(low), LEAST_RANGES[name][0]), max(float(high), LEAST_RANGES[name][1]))
            for name, low, high in zip(MEASURES, lows, highs, strict=True)
        }
        return cls(_with_margin(found), len(rows))

    @classmethod
    def from_dict(cls, values: Mapping) -> "InputGate":
        """Returns the gate that `to_dict` wrote; raises KeyError, TypeError or ValueError if it is damaged."""
        bounds = {name: (float(low), float(high)) for name, (low, high) in values["bounds"].items()}
        return cls(bounds, int(values["num_slices"]))

    def to_dict(self) -> dict:
        """Returns what model.json holds."""
        bounds = {name: list(each) for name, each in self.bounds.items()}
        return {"bounds": bounds, "num_slices": self.num_slices}

    def refusal(self, pixels: np.ndarray) -> str:
        """Returns why a slice, (S, S) uint8 as the network gets it, should not be answered; "" where it may be."""
        if is_blank(pixels):
            return BLANK
        if not self.bounds:
            return ""
        found = appearance(pixels)
        return next((name for name, (low, high) in self.bounds.items() if not low <= found[name] <= high), "")


def series_refusal(refusals: Sequence[str]) -> str:
    """Returns why a series should not be answered: the commonest reason where most slices are refused, else ""."""
    found = Counter(reason for reason in refusals if reason)
    return found.most_common(1)[0][0] if 2 * found.total() > len(refusals) else ""


def _with_margin(ranges: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: (low - MARGIN * (high - low), high + MARGIN * (high - low)) for name, (low, high) in ranges.items()}
