"""Paints what surrounds the brain: scalp, skull, face, neck and spine."""

import dataclasses

import numpy as np
from scipy import ndimage

from contrast_tfdata.phantom import anatomy, drawing
from contrast_tfdata.phantom.anatomy import Part
from contrast_tfdata.phantom.brain import BrainSlice
from contrast_tfdata.phantom.drawing import Canvas
from contrast_tfdata.phantom.tissue import Tissue

_PARTS = {"face": anatomy.FACE, "orbit": anatomy.ORBIT, "base": anatomy.BASE, "spine": anatomy.SPINE}


@dataclasses.dataclass(frozen=True)
class HeadShape:
    """One patient's layers and proportions.

    Attributes:
        subarachnoid: mm of fluid between brain and dura.
        skull: mm of bone.
        diploe: share of the skull that is marrow, 0..0.7.
        scalp: mm from bone to air over the vault.
        neck_fat: mm of fat at the nape.
        fattiness: thickness of the fat between muscles, 0 (lean) to 0.25, relative to the muscles.
        jitter: per region of the head (parts, 3): scale, shift along y and z in mm of each part.
    """

    subarachnoid: float
    skull: float
    diploe: float
    scalp: float
    neck_fat: float
    fattiness: float
    jitter: dict[str, np.ndarray]


def draw_head(rng: np.random.Generator, atrophy: float) -> HeadShape:
    """Draws a patient's layers; wide sulci come with a wide space around the brain."""
    return HeadShape(
        subarachnoid=rng.uniform(1.2, 2.2) + 2.0 * atrophy,
        skull=rng.uniform(4.5, 8.0),
        diploe=rng.uniform(0.15, 0.65),
        scalp=rng.uniform(5.0, 10.5),
        neck_fat=rng.uniform(6.0, 16.0),
        fattiness=rng.uniform(0.03, 0.24),
        jitter={name: _jitter(rng, len(parts)) for name, parts in _PARTS.items()},
    )


def _jitter(rng: np.random.Generator, parts: int) -> np.ndarray:
    return np.stack([rng.normal(1.0, 0.06, parts), rng.normal(0, 0.9, parts), rng.normal(0, 0.9, parts)], axis=1)


def paint_head(canvas: Canvas, grid: np.ndarray, brain: BrainSlice, head: HeadShape, rng: np.random.Generator) -> None:
    """Paints all tissue outside the brain's envelope.

    Args:
        canvas: receives the labels.
        grid: (side, side, 2) float32 anatomical (y, z) of its pixels.
        brain: the slice's brain, for the distance from it.
        head: the patient's.
        rng: draws fat streaks and the like.
    """
    x = abs(float(canvas.plane.x_at(np.array([0.0, -40.0]))))
    in_vault = _region(canvas, anatomy.vault(x))
    _paint_body(canvas, grid, brain.distance, in_vault, head, x, rng)
    for name in ("face", "orbit", "spine"):
        _paint_parts(canvas, _PARTS[name], head.jitter[name])
    _paint_vault(canvas, grid, brain.distance, in_vault, head, rng)
    _paint_canal(canvas)
    _paint_parts(canvas, _PARTS["base"], head.jitter["base"])


def _region(canvas: Canvas, outline: np.ndarray) -> np.ndarray:
    stencil = Canvas(canvas.plane)
    stencil.fill(Tissue.SKIN, outline)
    return stencil.labels() > 0


def _paint_body(canvas, grid, distance, in_vault, head: HeadShape, x: float, rng) -> None:
    """Fills the head's outline with muscle, and from the outside in with skin and fat."""
    outline = _region(canvas, drawing.smooth_closed(anatomy.profile(x)))
    inside = outline | (in_vault & (distance < head.subarachnoid + head.skull + head.scalp))
    spacing = 2.0 * canvas.plane.spacing
    # Beyond the picture's edge the body goes on: no skin there.
    padded = np.pad(inside[::2, ::2], ((0, 8), (0, 0)), mode="edge")
    depth = ndimage.distance_transform_edt(padded)[:-8].astype(np.float32) * np.float32(spacing)
    depth = drawing.resize(depth, canvas.plane.side)
    wobble = drawing.noise_field(rng, inside.shape, 12.0 / canvas.plane.spacing)
    fat = head.scalp * (0.8 + 0.1 * wobble) + _nape(grid) * head.neck_fat
    canvas.put(Tissue.MUSCLE, inside)
    canvas.put(Tissue.FAT, inside & ((depth < fat) | _fat_planes(canvas, head, rng)))
    canvas.put(Tissue.SKIN, inside & (depth < 1.4))


def _fat_planes(canvas, head: HeadShape, rng) -> np.ndarray:
    """Returns (side, side) bool: the thin layers of fat between muscles, which run up and down more than across."""
    spacing, shape = canvas.plane.spacing, (canvas.plane.side, canvas.plane.side)
    edges = drawing.noise_field(rng, shape, (26.0 / spacing, 7.0 / spacing))
    kept = drawing.noise_field(rng, shape, 14.0 / spacing)
    return np.abs(edges) < head.fattiness * np.clip(0.6 + kept, 0.0, 2.0)


def _nape(grid: np.ndarray) -> np.ndarray:
    """Returns 1 behind and below the inion, 0 elsewhere, smoothly."""
    return np.clip((-60.0 - grid[..., 1]) / 25.0, 0, 1) * np.clip((-55.0 - grid[..., 0]) / 12.0, 0, 1)


def _paint_vault(canvas, grid, distance, in_vault, head: HeadShape, rng) -> None:
    """Paints skull, dura and fluid around the brain."""
    wobble = drawing.noise_field(rng, distance.shape, 30.0 / canvas.plane.spacing)
    inner = head.subarachnoid
    skull = head.skull * (1.0 + 0.15 * wobble)
    table = 0.5 * (1.0 - head.diploe) * skull
    base = ~in_vault & (grid[..., 1] > -66.0) & (distance < inner + 2.2)
    canvas.put(Tissue.BONE, (in_vault & (distance < inner + skull)) | base)
    canvas.put(Tissue.FATTY_MARROW, in_vault & (distance > inner + table) & (distance < inner + skull - table))
    canvas.put(Tissue.DURA, (in_vault | base) & (distance < inner + 0.4))
    canvas.put(Tissue.CSF, (in_vault | base) & (distance < inner - 0.3))


def _paint_canal(canvas: Canvas) -> None:
    course = drawing.smooth_open(anatomy.CANAL)
    x = np.abs(canvas.plane.x_at(course))
    for tissue, width in anatomy.CANAL_WIDTHS_MM.items():
        share = _share(x, anatomy.CANAL_HALF_WIDTHS_MM[tissue])
        if share.max() > 0.2:
            canvas.line(tissue, course, width * share)


def _share(distance, half_width: float):
    """Returns how much of an ellipsoid's cross-section is left at a distance from its middle: 1 to 0."""
    return np.sqrt(np.maximum(1.0 - (np.asarray(distance) / half_width) ** 2, 0.0))


def _paint_parts(canvas: Canvas, parts: tuple[Part, ...], jitter: np.ndarray) -> None:
    for part, (scale, shift_y, shift_z) in zip(parts, jitter, strict=True):
        middle = part.outline.mean(axis=0)
        share = float(_share(abs(abs(canvas.plane.x_at(middle)) - part.x), part.half_width))
        if share < 0.25:
            continue
        shape = (part.outline - middle) * (scale * share**0.6) + middle + (shift_y, shift_z)
        outline = drawing.smooth_closed(shape)
        if part.rim:
            canvas.fill(Tissue.BONE, _grown(outline, part.rim))
        canvas.fill(part.tissue, outline)


def _grown(outline: np.ndarray, margin: float) -> np.ndarray:
    """Returns an outline pushed outwards by about margin mm."""
    away = outline - outline.mean(axis=0)
    return outline + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6) * margin
