"""Whether pixels are labels, as masks and segmentations hold them, and no intensities: told by how they lie.

Labels fill regions, so that a pixel without a neighbour of its own value is rare. Of intensities many are alone,
however few greys there are: where an edge or noise crosses a step between two of them. And labels that touch differ by
anything, while greys change step by step.

Measured on slices in full and with every fourth pixel, the share of the foreground that is alone: masks 0 to 0.07;
tissues of a brain 0 to 0.01; 10 to 400 regions of a brain 0 to 0.01; T1 slices of 16 greys 0.06 to 0.3, of 8 greys 0.02
to 0.13, dithered ones above 0.3. The mean step between neighbours that differ, in ranks, over that of neighbours by
chance: regions at least 0.97, T1 slices of 5 greys and more at most 0.6.
"""

import numpy as np

from contrast_tfdata.images.slices import MIN_SIDE, RejectedImageError

_MOST_ALONE_IN_ROWS = 0.5  # Of the foreground, if neighbours above and below do not count.
_MOST_ALONE = 0.15  # Of a mask of two values, and so of all label maps.
_FEW = 4  # Values with which a step cannot be much larger than by chance: tissues hardly differ from as many greys.
_MOST_ALONE_OF_FEW = 0.01  # Of values 0, 1, 2 and perhaps 3, which no picture is stored in.
_MOST_ALONE_OF_FEW_GREYS = 0.003  # Of other values.
_MOST_ALONE_OF_REGIONS, _LEAST_STEP = 0.03, 0.75
_SAMPLE = 512
_MOST_PLANES = 12
_ROW_STEP = 4


def check_intensities(pixels: np.ndarray) -> None:
    """Refuses labels in the place of intensities; pixels of one value may be either, and pass.

    Args:
        pixels: (rows, columns) of a slice, or a volume.

    Raises:
        RejectedImageError: `label_map`.
    """
    background = _commonest(pixels)
    planes = [pixels] if pixels.ndim == 2 else _planes(pixels, background)
    if planes and _is_label_map(planes, background):
        raise RejectedImageError("label_map", "its pixels are numbers of regions, as in a mask or a segmentation")


def _is_label_map(planes: list[np.ndarray], background: float) -> bool:
    # A fourth of the rows, without the neighbours above and below, tells nearly all images in a tenth of the time.
    if _share_alone([plane[::_ROW_STEP] for plane in planes], background, axes=(1,)) > _MOST_ALONE_IN_ROWS:
        return False
    planes = [_without_repeats(plane) for plane in planes if not _is_striped(plane)]
    alone = _share_alone(planes, background)
    if alone > _MOST_ALONE:
        return False
    values = np.unique(np.concatenate([plane.ravel() for plane in planes]))
    if len(values) == 2:
        return True
    if len(values) <= _FEW:
        are_numbered = np.array_equal(values, np.arange(len(values)))
        return alone <= (_MOST_ALONE_OF_FEW if are_numbered else _MOST_ALONE_OF_FEW_GREYS)
    return alone <= _MOST_ALONE_OF_REGIONS and _mean_step(planes, values) >= _LEAST_STEP


def _commonest(pixels: np.ndarray) -> float:
    """Returns the commonest value of a sample: the background, or the largest region."""
    flat = pixels.ravel(order="K")
    step = max(1, flat.size // _SAMPLE) | 1  # Odd: one that divides the width would see some columns only.
    values, counts = np.unique(flat[::step], return_counts=True)
    return values[counts.argmax()]


def _planes(volume: np.ndarray, background: float) -> list[np.ndarray]:
    """Returns some planes of a volume in which there is something, evenly spaced; of each its pixels lie together."""
    planes = np.moveaxis(volume, int(np.argmax(np.abs(volume.strides))), 0)
    filled = [number for number, plane in enumerate(planes) if (plane != background).any()]
    chosen = np.linspace(0, len(filled) - 1, min(len(filled), _MOST_PLANES)).round().astype(int)
    return [planes[filled[number]] for number in chosen]


def _share_alone(planes: list[np.ndarray], background: float, axes: tuple[int, ...] = (0, 1)) -> float:
    """Returns the share of the foreground that has no neighbour of its value along axes; 1 where there is none."""
    alone = foreground = 0
    for plane in planes:
        accompanied = plane == background
        foreground += accompanied.size - int(np.count_nonzero(accompanied))
        for axis in axes:
            pixels, found = np.moveaxis(plane, axis, 0), np.moveaxis(accompanied, axis, 0)
            alike = pixels[1:] == pixels[:-1]
            found[1:] |= alike
            found[:-1] |= alike
        alone += accompanied.size - int(np.count_nonzero(accompanied))
    return alone / foreground if foreground else 1.0


def _is_striped(plane: np.ndarray) -> bool:
    """Whether all rows or all columns are the same: a test card, and no outline of anything."""
    return bool((plane == plane[:1]).all() or (plane == plane[:, :1]).all())


def _without_repeats(plane: np.ndarray) -> np.ndarray:
    """Returns a picture without the lines that repeat the one before, as enlarging gives them; drawings stay."""
    for axis in (0, 1):
        lines = np.moveaxis(plane, axis, 0)
        differs = np.concatenate([[True], (lines[1:] != lines[:-1]).any(axis=1)])
        if np.count_nonzero(differs) >= MIN_SIDE:
            plane = np.compress(differs, plane, axis=axis)
    return plane


def _mean_step(planes: list[np.ndarray], values: np.ndarray) -> float:
    """Returns by how many ranks neighbours differ that are not alike, 1 where they do as if drawn by chance."""
    steps = [np.abs(np.diff(np.searchsorted(values, plane), axis=axis)) for plane in planes for axis in (0, 1)]
    unlike = np.concatenate([each[each > 0] for each in steps])
    return float(unlike.mean()) / ((len(values) + 1) / 3)
