"""Takes brightness away: all slices get one histogram, so that only where things are can still tell slices apart.

The reference is Kumaraswamy's distribution (Journal of Hydrology 46 (1980) 79-88), whose quantiles are one formula,
over the greys that a foreground has after `preprocessing`: from its floor, 15 % of `FOREGROUND_GREY`, to white. Two
quantiles give its two shapes: the 99th percentile stands at `FOREGROUND_GREY` as in every prepared slice, the median at
the mean of the medians of 96 slices of the phantom, half of them after contrast (of 216 real slices it is 73). So
matched slices look like prepared ones, to people and to networks.
"""

import numpy as np

from contrast_tfdata.images.preprocessing import FOREGROUND_FRACTION, FOREGROUND_GREY, foreground_floor

_GREYS = np.arange(256)
_DARKEST, _WHITE = FOREGROUND_FRACTION * FOREGROUND_GREY, 255
_SHAPES = 1.4103, 4.1145  # Median 90, 99th percentile 200.
_CELLS = 1 << 14  # Equal shares of the reference, for its integral.


def reference_quantile(share: np.ndarray) -> np.ndarray:
    """Returns the grey, float64 in [30, 255], below which the reference has this share, in [0, 1], of its pixels."""
    a, b = _SHAPES
    return _DARKEST + (_WHITE - _DARKEST) * (1 - (1 - share) ** (1 / b)) ** (1 / a)


_EDGES = np.linspace(0, 1, _CELLS + 1)
_INTEGRAL = np.concatenate([[0.0], np.cumsum(reference_quantile((_EDGES[:-1] + _EDGES[1:]) / 2)) / _CELLS])


def match_foreground(pixels: np.ndarray) -> np.ndarray:
    """Gives the foreground of a slice the reference's histogram, by a map of greys that never falls.

    The pixels of one grey share a range of ranks; they get the mean of the reference over that range. Equal greys stay
    equal, and the foreground's mean becomes the reference's even where many pixels are clipped white. What
    `scale_foreground` calls background is scaled to stay below the foreground; black stays black. The result depends
    on nothing but the slice.

    A gain changes nothing but roundings. Nor does any other rising change of greys, as long as the same pixels are
    foreground; a strong gamma moves some dark ones over its floor.

    Args:
        pixels: (height, width) uint8, 0 black.

    Returns:
        (height, width) uint8.

    Raises:
        ValueError: pixels of another type, or not two-dimensional.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise ValueError(f"Pixels must be (height, width) uint8. Received: {pixels.dtype} {pixels.shape}")
    floor = foreground_floor(pixels)
    is_foreground = floor < _GREYS
    counts = np.bincount(pixels.ravel(), minlength=256) * is_foreground
    background = _GREYS * (_DARKEST / max(floor, 1.0))
    table = np.where(is_foreground, _means_over_ranks(counts), background)
    table[0] = 0
    return np.rint(table).astype(np.uint8)[pixels]


def _means_over_ranks(counts: np.ndarray) -> np.ndarray:
    """Returns the mean of the reference over the ranks that the pixels of each grey have; 0 for a grey of no pixel."""
    upper = np.cumsum(counts)
    total = max(int(upper[-1]), 1)
    rises = np.diff(np.interp(np.concatenate([[0], upper]) / total, _EDGES, _INTEGRAL))
    return np.divide(rises * total, counts, out=np.zeros(len(counts)), where=counts > 0)
