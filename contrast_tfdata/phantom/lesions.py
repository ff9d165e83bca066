"""Lesions, which take up contrast agent, and distractors, which are bright without it."""

import dataclasses

import numpy as np

from contrast_tfdata.phantom import anatomy, drawing
from contrast_tfdata.phantom.drawing import Canvas
from contrast_tfdata.phantom.options import PhantomOptions
from contrast_tfdata.phantom.tissue import Tissue


@dataclasses.dataclass(frozen=True)
class Spot:
    """A roundish thing at one place in the head.

    Attributes:
        tissue: of its rim, or of all of it.
        core: tissue of its inside, None where it is solid.
        halo: tissue around it, None where there is none.
        centre: (x, y, z) mm.
        radius: mm.
        outline: (8,) relative radii around it.
    """

    tissue: Tissue
    core: Tissue | None
    halo: Tissue | None
    centre: tuple[float, float, float]
    radius: float
    outline: np.ndarray


def draw_spots(rng: np.random.Generator, options: PhantomOptions) -> tuple[Spot, ...]:
    """Draws a patient's lesions and distractors; most patients have none."""
    lesions = rng.integers(1, 5) if rng.random() < options.lesion_rate else 0
    distractors = rng.integers(1, 4) if rng.random() < options.distractor_rate else 0
    return (
        *(_draw_lesion(rng) for _ in range(lesions)),
        *(_draw_distractor(rng) for _ in range(distractors)),
    )


def _draw_lesion(rng: np.random.Generator) -> Spot:
    """Draws a lesion of the brain, or, one time in five each, an adenoma of the pituitary or a meningioma."""
    kind = rng.choice(3, p=[0.6, 0.2, 0.2])
    if kind == 1:
        centre = rng.normal((0.0, 4.0, -29.0), (2.0, 2.5, 3.0))
        return _solid(rng, centre, float(np.exp(rng.uniform(np.log(4.0), np.log(16.0)))))
    if kind == 2:
        return _solid(rng, _draw_centre(rng, least=0.95), float(np.exp(rng.uniform(np.log(4.0), np.log(22.0)))))
    radius = float(np.exp(rng.uniform(np.log(1.5), np.log(15.0))))
    core = Tissue.NECROSIS if radius > 5.0 and rng.random() < 0.5 else None
    halo = Tissue.OEDEMA if rng.random() < 0.6 else None
    # A quarter never enhances: an old plaque, a low-grade glioma.
    tissue = Tissue.LESION if rng.random() < 0.75 else Tissue.OEDEMA
    return Spot(tissue, core, halo, _draw_centre(rng), radius, rng.normal(1.0, 0.15, 8))


def _solid(rng: np.random.Generator, centre, radius: float) -> Spot:
    """A tumour outside the brain: no barrier, mostly solid, no oedema drawn."""
    core = Tissue.NECROSIS if radius > 7.0 and rng.random() < 0.2 else None
    place = tuple(float(each) for each in centre)
    return Spot(Tissue.LESION, core, None, place, radius, rng.normal(1.0, 0.1, 8))


def _draw_distractor(rng: np.random.Generator) -> Spot:
    radius = float(np.exp(rng.uniform(np.log(0.8), np.log(4.0))))
    return Spot(Tissue.SHORT_T1, None, None, _draw_centre(rng), radius, rng.normal(1.0, 0.25, 8))


def _draw_centre(rng: np.random.Generator, least: float = 0.0) -> tuple[float, float, float]:
    """Draws a place in the brain's ellipsoid (half axes 40, 68 and 46 mm), evenly over its volume.

    Args:
        rng: draws it.
        least: share of the half axes within which it does not lie; near 1 it lies at the surface.
    """
    direction = rng.normal(size=3)
    depth = rng.uniform(least**3, 1.0) ** (1 / 3)
    place = direction / np.linalg.norm(direction) * depth * (40, 68, 46) + (0, -16, 12)
    return float(place[0]), float(place[1]), float(place[2])


def paint_spots(canvas: Canvas, spots: tuple[Spot, ...]) -> None:
    """Paints those parts of the spots that the slice cuts: halo, rim and core."""
    for spot in spots:
        away = float(canvas.plane.x_at(np.array(spot.centre[1:]))) - spot.centre[0]
        layers = ((spot.halo, 1.5), (spot.tissue, 1.0), (spot.core, 0.65))
        for tissue, size in layers:
            radius2 = (spot.radius * size) ** 2 - away**2
            if tissue is not None and radius2 > 0.25:
                canvas.fill(tissue, _outline(spot, np.sqrt(radius2)))


def _outline(spot: Spot, radius: float) -> np.ndarray:
    circle = np.array(anatomy.ellipse(0.0, 0.0, 2 * radius, 2 * radius))
    return drawing.smooth_closed(circle * spot.outline[:, None] + spot.centre[1:])
