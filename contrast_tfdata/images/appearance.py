"""What a prepared slice looks like, in four numbers that tell pictures of heads from most other pictures.

None of them knows anatomy: a head on its side, upside down or cut along another plane has much the same.
"""

import numpy as np

from contrast_tfdata.images.preprocessing import foreground_floor

MEASURES = ("foreground_share", "edges", "grain", "greys")
"""What `appearance` returns."""


def is_blank(pixels: np.ndarray) -> bool:
    """Whether a slice shows nothing: all its pixels, (height, width) uint8, are alike."""
    return bool(pixels.min() == pixels.max())


def appearance(pixels: np.ndarray) -> dict[str, float]:
    """Returns the `MEASURES` of a slice as the network gets it.

    All but `greys` are the same, to rounding, when the slice is multiplied by a positive number.

    Args:
        pixels: (height, width) uint8, 0 black, at least 3 by 3.

    Returns:
        `foreground_share`, in [0, 1]: of the image, foreground being what preprocessing takes for it; `edges`: mean
        step between neighbours over the mean grey; `grain`: mean step between neighbours of a row over that between
        every second one, 0.5 where greys change evenly and about 1 for noise; `greys`: entropy of the foreground's
        histogram in bits, 8 where all greys are as common. Of a blank slice they are 0.
    """
    if is_blank(pixels):
        return dict.fromkeys(MEASURES, 0.0)
    counts = np.bincount(pixels.ravel(), minlength=256)
    foreground = counts[np.arange(256) > foreground_floor(pixels)]
    # Of every second row: half the time, and as good a mean.
    rows, rows_below = pixels[:-1:2].astype(np.int16), pixels[1::2].astype(np.int16)
    down, along = float(np.abs(rows_below - rows).mean()), float(np.abs(np.diff(rows, axis=1)).mean())
    next_but_one = float(np.abs(rows[:, 2:] - rows[:, :-2]).mean())
    shares = foreground[foreground > 0] / foreground.sum()
    return {
        "foreground_share": float(foreground.sum() / pixels.size),
        "edges": (along + down) / 2 / float(pixels.mean()),
        "grain": along / next_but_one if next_but_one else 1.0,
        "greys": float(-(shares * np.log2(shares)).sum()),
    }
