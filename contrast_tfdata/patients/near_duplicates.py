"""Pictures of the same thing: saved again, resized, a little cropped, brighter, mirrored, or the slice beside it.

Two steps, both on thumbnails. Candidates are the nearest neighbours among band-passed 8x8 thumbnails: a perceptual hash
by normalised correlation instead of bits, because heads in sagittal slices are so alike that dHash and DCT hashes
(Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010) that tell patients apart miss a crop
of 3 %. Then a candidate is laid over the other one, shifted and stretched along each axis, by Gauss-Newton steps of the
inverse compositional kind (Baker and Matthews, Lucas-Kanade 20 Years On, IJCV 56, 2004), and their correlation decides.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from contrast_tfdata.images.thumbnail import THUMBNAIL_SIZE
from contrast_tfdata.patients.thumbnails import ThumbnailFile

THRESHOLD = 0.95
"""Least correlation of near-duplicates; `tests/patients/test_near_duplicates.py` holds what it finds and mistakes."""

_FINE_BAND = (0.7, 2.5)  # Standard deviations of the two Gaussians whose difference is taken, in pixels.
_COARSE_SIZE = 8
_COARSE_SIGMA = 2.0
_COARSE_THRESHOLD = 0.92
_COARSE_NORM = 2000  # Whole numbers of this length: their products are below 2**24, and float32 adds them exactly.
_NEIGHBOURS = 8  # Candidates of a picture: bounds the work where all pictures are alike.
_MANY_NEAR = 64  # In a row, on average: from here on it pays to find the largest before they are put in order.
_ROWS, _COLUMNS = 256, 1024  # Of the table of correlations that are held at a time: so few that it stays in the cache.
_PAIRS = 256  # Compared at a time, so that arrays stay in the cache.
_HALF_STEPS, _FULL_STEPS = 4, 3
_HALF_THRESHOLD = 0.9
_MOST_SCALE, _MOST_SHIFT = 0.12, 0.12  # Of half a side: a crop of 5 % at each side stays within.
_LEAST_OVERLAP = 0.75


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Pair:
    """Two pictures that show the same thing.

    Attributes:
        first: position of one, less than `second`.
        second: position of the other.
        similarity: correlation in [THRESHOLD, 1] once they are laid over each other.
    """

    first: int
    second: int
    similarity: float


def find_pairs(thumbnails: np.ndarray | ThumbnailFile, sides: Sequence[int] | None = None) -> list[Pair]:
    """Finds near-duplicates, mirrored ones included.

    Memory is 150 bytes a picture, besides the thumbnails, up to 300 more where all look alike, and 10 MB; time grows
    with the square of their number, but in matrix products only.

    Args:
        thumbnails: (N, 48, 48) uint8, as `thumbnail` makes them, in memory or in a file.
        sides: of each picture; only pictures of different sides are compared. None to compare all.

    Returns:
        Pairs by rising positions. Of a set of pictures that are all alike not every pair is among them.
    """
    sides = np.arange(len(thumbnails)) if sides is None else np.asarray(sides)
    if len(np.unique(sides)) < 2:
        return []
    first, second, mirrored = _candidates(thumbnails, sides)
    found = []
    for start in range(0, len(first), _PAIRS):
        block = slice(start, start + _PAIRS)
        ones, others = first[block], second[block]
        similarity = _compare(thumbnails[ones], _mirror_where(mirrored[block], thumbnails[others]))
        near = similarity >= THRESHOLD
        found += map(Pair, ones[near].tolist(), others[near].tolist(), similarity[near].tolist())
    return sorted(found)


def _candidates(thumbnails: np.ndarray | ThumbnailFile, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns positions i < j of pictures worth comparing, and whether j is to be mirrored for it."""
    numbers, counts = np.unique(sides, return_counts=True)
    # Pairs with the largest side are found from their other end; where all sides are alike, from both.
    rows = np.flatnonzero((sides != numbers[np.argmax(counts)]) | (counts.max() == 1))
    count = len(thumbnails)
    coarse = np.empty((count, _COARSE_SIZE, _COARSE_SIZE), np.int16)
    for start in range(0, count, _COLUMNS):
        coarse[start : start + _COLUMNS] = _coarse(thumbnails[start : start + _COLUMNS])
    keys = []
    for start in range(0, len(rows), _ROWS):
        one, other, mirrored = _nearest(coarse, sides, rows[start : start + _ROWS])
        # A pair and its mirroring as one number: each of a pair may have named the other, and once is enough.
        keys.append((np.minimum(one, other) * count + np.maximum(one, other)) * 2 + mirrored)
    keys = np.unique(np.concatenate(keys))
    first, second = np.divmod(keys >> 1, count)
    return first, second, (keys & 1).astype(bool)


def _nearest(coarse: np.ndarray, sides: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the nearest neighbours of other sides, above the threshold, of `rows`: (row, neighbour, mirrored)."""
    wanted = _flat(coarse[rows])
    least = np.full(len(rows), _COARSE_THRESHOLD * _COARSE_NORM**2, np.float32)
    found = np.empty((0, 4), np.int64)
    for place in range(0, len(coarse), _COLUMNS):
        block = coarse[place : place + _COLUMNS]
        straight, mirrored = wanted @ _flat(block).T, wanted @ _flat(block[:, :, ::-1]).T
        best = np.maximum(straight, mirrored)
        best[sides[rows, np.newaxis] == sides[place : place + _COLUMNS]] = -1
        one, other = _near(best, least)
        if len(one):
            turned = mirrored[one, other] > straight[one, other]
            new = np.stack([one, other + place, turned, best[one, other].astype(np.int64)], axis=1)
            found = _largest(np.concatenate([found, new]))
            full = found[_NEIGHBOURS - 1 :][found[_NEIGHBOURS - 1 :, 0] == found[: 1 - _NEIGHBOURS, 0]]
            least[full[:, 0]] = full[:, 3]
    return rows[found[:, 0]], found[:, 1], found[:, 2]


def _near(best: np.ndarray, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where a row's products reach its least; of many in a row only some of the largest."""
    near = best >= least[:, np.newaxis]
    if np.count_nonzero(near) > _MANY_NEAR * len(best):
        near &= best >= np.partition(best, -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS, np.newaxis]
    return np.nonzero(near)


def _largest(found: np.ndarray) -> np.ndarray:
    """Returns of each row the largest products, of equal ones the first; `found` has (row, neighbour, ..., product)."""
    found = found[np.lexsort((found[:, 1], -found[:, 3], found[:, 0]))]
    place_in_row = np.arange(len(found)) - np.searchsorted(found[:, 0], found[:, 0])
    return found[place_in_row < _NEIGHBOURS]


def _flat(coarse: np.ndarray) -> np.ndarray:
    return coarse.reshape(len(coarse), -1).astype(np.float32)


def _coarse(thumbnails: np.ndarray) -> np.ndarray:
    """Returns (N, 8, 8) float32 holding whole numbers, of zero mean and the same length but for rounding."""
    small = np.sqrt(_pooled(thumbnails, THUMBNAIL_SIZE // _COARSE_SIZE))
    small -= _blurred(small, _COARSE_SIGMA)
    return np.rint(_normalised(small) * _COARSE_NORM)


def _pooled(images: np.ndarray, factor: int) -> np.ndarray:
    """Averages squares of `factor` pixels: (N, S, S) to (N, S / factor, S / factor) float32."""
    count, side = len(images), images.shape[1] // factor
    return images.reshape(count, side, factor, side, factor).mean((2, 4), dtype=np.float32)


def _mirror_where(mirrored: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.where(mirrored[:, np.newaxis, np.newaxis], images[:, :, ::-1], images)


def _compare(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the correlations (B,) of two stacks of thumbnails, laid over each other.

    At half size first: most candidates fall out there, at a fraction of the cost.
    """
    first, second = _band_pass(first), _band_pass(second)
    similarity, motion = _align(_pooled(first, 2), _pooled(second, 2), _no_motion(len(first)), _HALF_STEPS)
    near = np.flatnonzero(similarity >= _HALF_THRESHOLD)
    similarity = np.zeros(len(first))
    if len(near):
        similarity[near], _ = _align(first[near], second[near], motion[near], _FULL_STEPS)
    return similarity


def _band_pass(thumbnails: np.ndarray) -> np.ndarray:
    """Returns (B, 48, 48) float32: edges of a middle scale. The square root weighs dark tissue like bright fat."""
    images = np.sqrt(thumbnails.astype(np.float32))
    fine, wide = (_blurred(images, sigma) for sigma in _FINE_BAND)
    return fine - wide


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Applies a Gaussian of `sigma` pixels to (B, n, n); beyond the edges the outermost pixels go on."""
    weights = _gaussian(images.shape[1], sigma)
    return weights @ images @ weights.T


@functools.cache
def _gaussian(side: int, sigma: float) -> np.ndarray:
    """(side, side) float32; products with it spare every worker the import of SciPy, and are as fast."""
    reach = np.arange(-side, side + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    weights = np.zeros((side, side))
    for row in range(side):
        np.add.at(weights[row], np.clip(row + reach, 0, side - 1), kernel / kernel.sum())
    return weights.astype(np.float32)


def _no_motion(count: int) -> np.ndarray:
    """(count, 2, 2) float32: for each axis a scale of 1 and a shift of 0."""
    return np.tile(np.array([1, 0], np.float32), (count, 2, 1))


def _align(first: np.ndarray, second: np.ndarray, motion: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Moves `second` over `first`.

    Args:
        first: (B, n, n) float32.
        second: the same.
        motion: (B, 2, 2), scale and shift of each axis to start from, in half sides.
        steps: of Gauss and Newton's method.

    Returns:
        The best correlation met (B,), 0 where too little overlaps; the last motion.
    """
    first = _normalised(first)
    slopes = _slopes(first)
    curvature = slopes @ slopes.transpose(0, 2, 1)
    curvature += 1e-3 * np.trace(curvature, axis1=1, axis2=2)[:, np.newaxis, np.newaxis] * np.eye(4, dtype=np.float32)
    similarity = np.zeros(len(first))
    for step in range(steps + 1):
        moved, inside = _moved(second, motion)
        target, moved = _normalised(first, inside), _normalised(moved, inside)
        correlation = (target * moved).sum((1, 2))
        enough = inside.mean((1, 2)) >= _LEAST_OVERLAP
        similarity = np.maximum(similarity, np.where(enough, correlation, 0))
        if step < steps:
            difference = correlation[:, np.newaxis, np.newaxis] * moved - target
            change = np.linalg.solve(curvature, slopes @ difference.reshape(len(first), -1, 1))
            motion = _undone(motion, change.reshape(-1, 2, 2))
    return similarity, motion


def _slopes(images: np.ndarray) -> np.ndarray:
    """Returns (B, 4, n * n): how each pixel changes with scale and shift of the rows, then of the columns."""
    side = images.shape[1]
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    down, along = (each * ((side - 1) / 2) for each in np.gradient(images, axis=(1, 2)))
    slopes = np.stack([down * axis[:, np.newaxis], down, along * axis, along], axis=1)
    return slopes.reshape(len(images), 4, -1)


def _moved(images: np.ndarray, motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns images moved by linear interpolation, and which of their pixels come from within the image."""
    side = images.shape[1]
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    places = (motion[:, :, :1] * axis + motion[:, :, 1:] + 1) * np.float32((side - 1) / 2)
    distances = np.abs(places[..., np.newaxis] - np.arange(side, dtype=np.float32))
    weights = np.maximum(0, 1 - distances)
    inside = weights.sum(3) > 0.999
    moved = weights[:, 0] @ images @ weights[:, 1].transpose(0, 2, 1)
    return moved, inside[:, 0, :, np.newaxis] & inside[:, 1, np.newaxis, :]


def _undone(motion: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Returns `motion` after the inverse of a small change, within the bounds of what counts as a near-duplicate."""
    scale = motion[..., 0] / (1 + change[..., 0])
    shift = motion[..., 1] - scale * change[..., 1]
    scale = np.clip(scale, 1 - _MOST_SCALE, 1 + _MOST_SCALE)
    return np.stack([scale, np.clip(shift, -_MOST_SHIFT, _MOST_SHIFT)], axis=2).astype(np.float32)


def _normalised(images: np.ndarray, inside: np.ndarray | bool = True) -> np.ndarray:
    """Returns images of zero mean and length 1 over the pixels `inside`, 0 elsewhere; flat ones become 0."""
    inside = np.broadcast_to(inside, images.shape)
    count = np.maximum(inside.sum((1, 2), keepdims=True), 1)
    images = np.where(inside, images, 0)
    images = np.where(inside, images - images.sum((1, 2), keepdims=True) / count.astype(np.float32), 0)
    length = np.sqrt((images * images).sum((1, 2), keepdims=True))
    return images / np.maximum(length, 1e-6)
