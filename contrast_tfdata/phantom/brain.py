"""The brain in a slice: template maps along the slice plane, made as crisp as one person's."""

import dataclasses

import numpy as np
from scipy import ndimage

from contrast_tfdata.phantom import drawing
from contrast_tfdata.phantom.geometry import Plane
from contrast_tfdata.phantom.template import ORIGIN_MM, Template

_NOTCH_MM = 20.0
"""Notches in the envelope that are narrower than twice this are bridged by the skull."""

_CORTEX_MM = 2.5
"""Thickness of the cortex (Fischl and Dale, PNAS 2000;97:11050: 1 to 4.5 mm, 2.5 mm on average)."""

_SULCUS_MM = 20.0
"""How deep the cortex is drawn along sulci, assumed: the main ones cut about 2 cm into the hemisphere."""

_BED_MM = 1.0
"""Half the width of the middle of a sulcus, where its veins lie, assumed: they are 1 to 2 mm wide."""

_CORD_START_MM = -70.0
"""The template ends at z = -72: the brain fades out above that, and the painted cord goes on."""


@dataclasses.dataclass(frozen=True)
class BrainSlice:
    """Tissue shares on the canvas.

    Attributes:
        cover: (side, side) float32, share of the pixel inside the brain's envelope.
        grey, white, fluid: (side, side) float32, shares within the envelope; they sum to 1.
        beds: (side, side) float32, 1 at the middle of a drawn sulcus, where veins lie, falling to 0 within about 1 mm.
        distance: (side, side) float32, mm outside the envelope with its notches closed; 0 inside.
        depth: (side, side) float32, mm inside the envelope; 0 outside.
    """

    cover: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray
    beds: np.ndarray
    distance: np.ndarray
    depth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Cortex:
    """How one patient's cortex differs from the average.

    Attributes:
        atrophy: 0 (young, tight sulci) to 1 (wide sulci).
        gyrus_mm: period of the noise whose zero lines are the sulci drawn into the blurred cortex; 0.6 of it along the
            rim.
        folding: 0 (away from the midline, little more than the average has) to 1 (sulci everywhere, white cores between
            grey banks, deep folia); 0.5 or more is drawn.
    """

    atrophy: float
    gyrus_mm: float
    folding: float


def draw_cortex(rng: np.random.Generator) -> Cortex:
    """Draws a patient's cortex."""
    return Cortex(atrophy=rng.beta(1.5, 2.5), gyrus_mm=rng.uniform(9, 16), folding=rng.uniform(0.5, 1.0))


def sample_brain(plane: Plane, grid: np.ndarray, template: Template, cortex: Cortex, rng) -> BrainSlice:
    """Cuts the template along a plane.

    Args:
        plane: the slice.
        grid: (side, side, 2) float32 anatomical (y, z) of the canvas pixels.
        template: the maps.
        cortex: the patient's.
        rng: draws the sulci of this slice.
    """
    mid = _midness(grid)
    x = plane.x_at(grid) + plane.pose.bend * (1.0 - mid) * np.exp(-((plane.offset / 10.0) ** 2))
    grey, white, mask = _shares(x, grid, template)
    depth = _depth(mask, plane.spacing)
    folds = _folds(grid, mid, grey, depth, plane, cortex, rng)
    grey, white = grey + white * folds.banks, white * (1.0 - folds.banks)
    grey, white = grey * (1.0 - folds.cores), white + grey * folds.cores
    grey, white = grey * (1.0 - folds.sulci), white * (1.0 - folds.sulci)
    distance = _distance(mask, plane.spacing)
    return BrainSlice(mask, grey, white, 1.0 - grey - white, folds.beds, distance, depth)


def _midness(grid: np.ndarray) -> np.ndarray:
    """Returns 1 over callosum, thalamus, brain stem and vermis, 0 over the cortex: (side, side) float32."""
    y, z = grid[..., 0], grid[..., 1]
    upper = _callosal_radius(grid) ** 2
    lower = ((y + 45.0) / 44.0) ** 2 + ((z + 38.0) / 38.0) ** 2
    return np.clip((1.35 - np.minimum(upper, lower)) / 0.5, 0.0, 1.0)


def _shares(x: np.ndarray, grid: np.ndarray, template: Template) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns sharpened grey and white matter and the envelope, (side, side) float32 0..1.

    The template's 1 mm voxels are read at the image's pixels, every second one of the canvas; sharpening comes after.
    """
    origin = np.reshape(ORIGIN_MM, (3, 1, 1)).astype(np.float32)
    where = np.stack([x[::2, ::2], grid[::2, ::2, 0], grid[::2, ::2, 1]]) - origin
    volumes = (template.grey, template.white, template.mask)
    grey, white, mask = (drawing.resize(_sample(volume, where), x.shape[0]) for volume in volumes)
    mask = mask * np.clip((grid[..., 1] - _CORD_START_MM) / 3.0, 0.0, 1.0)
    return *_sharpen(grey, white, mask), mask


def _sample(volume: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Returns the linear interpolation of a volume at voxels (3, n, n), 0..1, zero outside."""
    return ndimage.map_coordinates(volume, where, output=np.float32, order=1, mode="constant") / np.float32(255)


def _sharpen(grey: np.ndarray, white: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns shares of grey and white matter as crisp as one person's: 152 people's average is blurred.

    The three shares are raised to the power of 5/2 and normalised again.
    """
    fluid = np.clip(mask - grey - white, 0.0, 1.0)
    grey, white, fluid = (share * share * np.sqrt(share) for share in (grey, white, fluid))
    total = np.maximum(grey + white + fluid, 1e-4)
    return grey / total, white / total


@dataclasses.dataclass(frozen=True)
class _Folds:
    """What is drawn into the average brain, each (side, side) float32 0..1.

    Attributes:
        sulci: fluid between the gyri and between the cerebellum's folia.
        beds: the middle of these.
        banks: grey matter to either side of the sulci, in the outer 2 cm of the hemisphere.
        cores: white matter inside the gyri and the cerebellum.
    """

    sulci: np.ndarray
    beds: np.ndarray
    banks: np.ndarray
    cores: np.ndarray


def _folds(grid, mid, grey, depth, plane: Plane, cortex: Cortex, rng) -> _Folds:
    """Returns one person's folds: sulci are the zero lines of smooth noise, and the cortex lies along them."""
    period = cortex.gyrus_mm / plane.spacing
    width = _half_width(depth, cortex) / plane.spacing
    wander = drawing.noise_field(rng, grey.shape, 2.0 * period)
    inwards = drawing.noise_field(rng, grey.shape, period)
    outwards = _radial_noise(grid, wander, cortex.gyrus_mm, plane.spacing, rng)
    # Sulci run outwards from the depth of 16 mm and wind further inside, assumed.
    away = _zero_distance(outwards + (inwards - outwards) * np.clip((depth - 16.0) / 8.0, 0.0, 1.0))
    folia = _folia(grid, plane, rng)
    arbor = _arbor(grid, depth, plane, rng)

    above_tentorium = grid[..., 1] > -0.75 * grid[..., 0] - 42.0
    cerebrum = (1.0 - mid) * above_tentorium
    beyond = np.clip(((away - width) * plane.spacing - _CORTEX_MM) / 0.8, 0.0, 1.0)
    core = cerebrum * beyond * np.clip((depth - _CORTEX_MM) / 0.8, 0.0, 1.0)
    cores = cortex.folding * np.maximum(core, arbor * ~above_tentorium)
    reached = np.clip((_SULCUS_MM - depth) / 4.0, 0.0, 1.0) * np.clip(4.0 * (wander + 0.7), 0.0, 1.0)
    banks = cortex.folding * cerebrum * (1.0 - beyond) * reached
    cerebellar = (0.2 + 0.5 * cortex.folding) * folia * ~above_tentorium * grey
    shown, cingulate = cerebrum * _shown(plane, cortex), _cingulate_distance(grid, wander)
    sulci, beds = (
        np.maximum(shown * _fissures(away, cingulate, wander, each, plane), cerebellar)
        for each in (width, np.minimum(width, _BED_MM / plane.spacing))
    )
    # Deep inside there is no cortex along a sulcus, and it is narrower than the slice is thick.
    sulci = sulci * (0.6 + 0.4 * (grey + (1.0 - grey) * banks))
    return _Folds(*(each.astype(np.float32) for each in (sulci, beds, banks, cores)))


def _half_width(depth: np.ndarray, cortex: Cortex) -> np.ndarray:
    """Returns half the width of the sulci in mm, (side, side) float32: they open outwards, and more so with atrophy.

    Assumed: gaps of 2 to 9 mm at the rim.
    """
    opening = (0.5 + cortex.atrophy) * np.clip(1.0 - depth / _SULCUS_MM, 0.0, 1.0)
    return (0.7 + 1.1 * cortex.atrophy) * (1.0 + opening)


def _radial_noise(grid: np.ndarray, wander: np.ndarray, gyrus_mm: float, spacing: float, rng) -> np.ndarray:
    """Returns noise, (side, side) float32, whose zero lines mostly run from the brain's middle outwards, as sulci do.

    It is drawn on 1 mm of radius by 1 mm of arc at 75 mm, the brain's half length, and read every 2 mm, up to 3 mm off
    for a standard deviation of `wander` (assumed); the seam points down, into the brain stem.
    """
    sheet = drawing.noise_field(rng, (160, 472), (3.0 * gyrus_mm, 0.6 * gyrus_mm))
    step = max(1, int(2.0 / spacing))
    y, z = grid[::step, ::step, 0] + 18.0, grid[::step, ::step, 1] - 5.0
    where = np.stack([np.hypot(y, z), (np.arctan2(y, z) + np.pi) * 75.0 + 3.0 * wander[::step, ::step]])
    field = ndimage.map_coordinates(sheet, where, output=np.float32, order=1, mode="nearest")
    return drawing.resize(field, grid.shape[0])


def _shown(plane: Plane, cortex: Cortex) -> float:
    """Returns how much of a drawn sulcus is fluid, 0.15..1: more where it is wide, folded, or near the midline."""
    near = _near_midline(plane)
    return min(0.15 + 0.7 * near + 0.8 * cortex.folding * (1.0 - near) + 0.4 * cortex.atrophy, 1.0)


def _near_midline(plane: Plane) -> float:
    return float(np.exp(-((plane.offset / 12.0) ** 2)))


def _fissures(away, cingulate, wander, width: np.ndarray, plane: Plane) -> np.ndarray:
    """Returns the sulci, 1 within about width pixels of their middle: between gyri, not every zero line being one."""
    gyral = np.exp(-((away / width) ** 4)) * np.clip(2.0 * (wander + 0.8), 0.0, 1.0)
    return np.maximum(gyral, _near_midline(plane) * np.exp(-((cingulate / width) ** 2)))


def _cingulate_distance(grid: np.ndarray, wander: np.ndarray) -> np.ndarray:
    """Returns about how many pixels away the sulcus around the cingulate gyrus is; infinite below the callosum."""
    away = _zero_distance(_callosal_radius(grid) - 1.36 - 0.06 * wander)
    return np.where(grid[..., 1] > 2.0, away, np.float32(np.inf))


def _folia(grid: np.ndarray, plane: Plane, rng) -> np.ndarray:
    """Returns the fissures between the cerebellum's folia, over all that lies behind the brain stem."""
    period = (3.2 / plane.spacing, 12.0 / plane.spacing)
    return _ridge(drawing.noise_field(rng, grid.shape[:2], period), 0.3 / plane.spacing) * (grid[..., 0] < -46.0)


def _arbor(grid, depth: np.ndarray, plane: Plane, rng) -> np.ndarray:
    """Returns the thin white branches of the cerebellum, (side, side) float 0..1, wherever they fall in the slice."""
    branches = _ridge(drawing.noise_field(rng, depth.shape, 6.0 / plane.spacing), 0.5 / plane.spacing)
    return branches * np.clip((depth - 2.0) / 2.0, 0.0, 1.0) * (grid[..., 0] < -46.0)


def _ridge(field: np.ndarray, width: float) -> np.ndarray:
    """Returns 1 on the zero lines of a field, falling to 0 over width pixels to either side."""
    return np.exp(-((_zero_distance(field) / width) ** 2))


def _zero_distance(field: np.ndarray) -> np.ndarray:
    """Returns about how many pixels away the zero line of a smooth field is."""
    return np.abs(field) / np.maximum(np.hypot(*np.gradient(field)), 1e-4)


def _depth(mask: np.ndarray, spacing: float) -> np.ndarray:
    """Returns the distance inwards from the envelope in mm, 0 outside; on half the grid, as `_distance`."""
    inside = np.pad(mask[::2, ::2] >= 0.5, 1)
    depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1].astype(np.float32)
    return drawing.resize(depth * np.float32(2.0 * spacing), mask.shape[0])


def _callosal_radius(grid: np.ndarray) -> np.ndarray:
    """Returns (side, side) float32: 1 a little outside the corpus callosum, growing outwards."""
    return np.sqrt(((grid[..., 0] + 4.0) / 46.0) ** 2 + ((grid[..., 1] - 5.0) / 29.0) ** 2)


def _distance(mask: np.ndarray, spacing: float) -> np.ndarray:
    """Returns the distance from the envelope in mm, its notches closed as skull and dura close them.

    Computed on half the grid, where it is as smooth and four times faster.
    """
    inside = np.pad(mask[::2, ::2] >= 0.5, 1)
    if not inside.any():
        return np.full(mask.shape, 1e3, dtype=np.float32)
    reach = _NOTCH_MM / (2.0 * spacing)
    grown = np.pad(inside, int(reach) + 1)
    grown = ndimage.distance_transform_edt(~grown) < reach
    closed = ndimage.distance_transform_edt(grown) >= reach
    margin = int(reach) + 2
    half = ndimage.distance_transform_edt(~closed)[margin:-margin, margin:-margin]
    return drawing.resize(half.astype(np.float32) * np.float32(2.0 * spacing), mask.shape[0])
