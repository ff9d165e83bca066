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
        step between neighbours over the mean grey, at least 1; `grain`: mean step between neighbours of a row over
        that between every second one, 0.5 where greys change evenly and about 1 for noise; `greys`: entropy of the
        foreground's histogram in bits, 8 where all greys are as common. Of a blank slice they are 0.
    """
    if is_blank(pixels):
        return dict.fromkeys(MEASURES, 0.0)
    # Every second row has the same greys: half the time, which predict spends on every slice.
    rows, rows_below = pixels[:-1:2], pixels[1::2].astype(np.int16)
    counts = np.bincount(rows.ravel(), minlength=256)
    foreground = counts[np.arange(256) > foreground_floor(rows)]
    signed = rows.astype(np.int16)
    down, along = float(np.abs(rows_below - signed).mean()), float(np.abs(np.diff(signed, axis=1)).mean())
    next_but_one = float(np.abs(signed[:, 2:] - signed[:, :-2]).mean())
    shares = foreground[foreground > 0] / max(foreground.sum(), 1)
    return {
        "foreground_share": float(foreground.sum() / rows.size),
        "edges": (along + down) / 2 / max(float(rows.mean()), 1.0),
        "grain": along / next_but_one if next_but_one else 1.0,
        "greys": abs(float((shares * np.log2(shares)).sum())),
    }
