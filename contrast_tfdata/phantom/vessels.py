"""Paints vessels, dural sinuses and choroid plexus on their courses."""

import dataclasses

import numpy as np

from contrast_tfdata.phantom import drawing
from contrast_tfdata.phantom.brain import BrainSlice
from contrast_tfdata.phantom.drawing import Canvas
from contrast_tfdata.phantom.tissue import Tissue


@dataclasses.dataclass(frozen=True)
class Course:
    """A vessel that runs along the slice.

    Attributes:
        tissue: what flows in it, or choroid plexus.
        points: (n, 2) (y, z) in mm.
        widths: mm at the first and at the last point.
        x: distance from the midline in mm, either side.
        half_width: mm from there within which a slice still meets it.
        roughness: relative variation of the width along the course.
    """

    tissue: Tissue
    points: np.ndarray
    widths: tuple[float, float]
    x: float = 0.0
    half_width: float = 4.0
    roughness: float = 0.2


def _course(tissue: Tissue, points: list, widths: tuple[float, float], **where: float) -> Course:
    return Course(tissue, np.array(points, dtype=np.float64), widths, **where)


COURSES: tuple[Course, ...] = (
    # Deep veins: internal cerebral under the fornix, great vein of Galen round the splenium, straight sinus, torcula.
    _course(Tissue.VEIN, [(3, 3), (-4, 10), (-14, 12), (-24, 9), (-34, 4)], (1.2, 2.2), half_width=4.5),
    _course(Tissue.VEIN, [(-33, 4), (-40, 3), (-45, 7), (-48, 13)], (2.4, 4.0), half_width=4.5),
    _course(Tissue.SINUS, [(-47, 13), (-58, 5), (-72, -8), (-87, -19)], (3.0, 4.8), half_width=4.5),
    _course(Tissue.SINUS, [(-84, -15), (-90, -18), (-91, -24)], (5.0, 6.0), half_width=9.0),
    _course(Tissue.VEIN, [(40, 14), (30, 32), (5, 38), (-25, 35), (-45, 20)], (0.6, 1.3), half_width=2.5),
    _course(Tissue.VEIN, [(-40, 2), (-38, -8), (-40, -16), (-44, -22)], (1.4, 0.7), half_width=3.0),
    # Arteries: anterior cerebral over the callosum, basilar, tip of the internal carotid.
    _course(Tissue.ARTERY, [(6, -14), (22, -14), (37, -8), (41, 6), (30, 25), (8, 33), (-16, 32)],
          (1.6, 0.6), half_width=3.5),
    _course(Tissue.ARTERY, [(36, 14), (44, 28), (40, 42), (22, 46)], (1.2, 0.5), half_width=4.5),
    _course(Tissue.ARTERY, [(-29, -62), (-20, -52), (-11, -40), (-9, -26), (-14, -18)], (2.4, 2.8), half_width=4.5),
    _course(Tissue.ARTERY, [(-4, -70), (0, -52), (-2, -42), (6, -38), (10, -32), (4, -26)], (4.0, 3.4),
          x=13, half_width=5.0),
    _course(Tissue.ARTERY, [(2, -140), (-2, -105), (-6, -72)], (4.6, 4.2), x=25, half_width=4.0),
    _course(Tissue.SINUS, [(-4, -150), (-10, -105), (-16, -68)], (5.5, 6.0), x=28, half_width=5.5),
    _course(Tissue.ARTERY, [(-34, -180), (-34, -110), (-36, -78)], (3.0, 3.0), x=15, half_width=3.5),
    # Sinuses beside the midline: cavernous around the gland, transverse towards the ear, epidural plexus behind C2.
    _course(Tissue.SINUS, [(-5, -34), (2, -32), (10, -32)], (7.0, 7.0), x=11, half_width=5.0),
    _course(Tissue.SINUS, [(-90, -20), (-86, -23), (-83, -26)], (6.0, 6.0), x=22, half_width=18.0, roughness=0.1),
    _course(Tissue.SINUS, [(2, -30), (-10, -34), (-26, -36)], (4.0, 3.0), x=23, half_width=9.0),
    _course(Tissue.VEIN, [(-37, -70), (-39, -88), (-39, -104)], (1.0, 1.6), half_width=6.0),
    # Beside the midline: basal vein round the midbrain, branches of the middle cerebral artery and vein in the Sylvian
    # fissure, veins on the tentorium and below the temporal lobe.
    _course(Tissue.VEIN, [(2, -14), (-10, -13), (-22, -8), (-33, 0)], (1.0, 1.8), x=15, half_width=6.0),
    _course(Tissue.ARTERY, [(12, -16), (8, -8), (-4, 0), (-18, 6)], (2.2, 1.0), x=33, half_width=9.0),
    _course(Tissue.VEIN, [(20, -12), (6, -4), (-12, 4), (-28, 8)], (1.6, 1.0), x=36, half_width=9.0),
    _course(Tissue.VEIN, [(-72, -22), (-60, -16), (-48, -14)], (2.2, 0.9), x=24, half_width=12.0),
    _course(Tissue.VEIN, [(14, -40), (-2, -38), (-20, -32)], (1.6, 1.0), x=30, half_width=9.0),
    # Choroid plexus: roof of the third ventricle, floor and atrium of the lateral ventricles, fourth ventricle.
    _course(Tissue.CHOROID, [(4, 4), (-3, 10), (-12, 13), (-22, 11)], (0.8, 1.6), half_width=4.0, roughness=0.6),
    _course(Tissue.CHOROID, [(2, 8), (-8, 15), (-20, 17), (-32, 13)], (1.0, 3.0), x=10,
          half_width=6.0, roughness=0.6),
    _course(Tissue.CHOROID, [(-24, 17), (-33, 14), (-39, 7), (-40, -1)], (2.5, 5.5), x=22,
          half_width=7.0, roughness=0.5),
    _course(Tissue.CHOROID, [(-42, -44), (-47, -42), (-52, -44)], (1.2, 2.2), half_width=4.0, roughness=0.6),
    _course(Tissue.CHOROID, [(-34, -2), (-26, -12), (-18, -17)], (3.0, 1.4), x=29, half_width=6.0, roughness=0.6),
)  # fmt: skip
"""Named vessels. Courses follow the template's own landmarks: callosum, splenium, tentorium, pons and ventricles."""


@dataclasses.dataclass(frozen=True)
class VesselShape:
    """How one patient's vessels differ.

    Attributes:
        widths: (len(COURSES),) factors on the courses' widths, 0 where the patient has none to be seen.
        shifts: (len(COURSES), 2) mm.
        sagittal_sinus: width of the superior sagittal sinus at the torcula, mm.
        density: 0..1, how many sulcal and bridging veins.
    """

    widths: np.ndarray
    shifts: np.ndarray
    sagittal_sinus: float
    density: float


def draw_vessels(rng: np.random.Generator) -> VesselShape:
    """Draws a patient's vessels; every eighth course is too thin to be seen."""
    count = len(COURSES)
    widths = np.exp(rng.normal(0.0, 0.25, count)) * (rng.random(count) > 0.12)
    return VesselShape(widths, rng.normal(0, 0.8, (count, 2)), rng.uniform(4.0, 8.0), rng.beta(2, 2))


def paint_vessels(
    canvas: Canvas, grid: np.ndarray, brain: BrainSlice, shape: VesselShape, rng: np.random.Generator
) -> None:
    """Paints all vessels of a slice.

    Args:
        canvas: an empty one; what stays air is no vessel.
        grid: (side, side, 2) float32 anatomical (y, z) of its pixels.
        brain: the slice's brain: sulci carry veins, the envelope carries sinuses.
        shape: the patient's.
        rng: draws the small vessels of this slice.
    """
    _paint_sulcal(canvas, brain, shape, rng)
    _paint_bridging(canvas, shape, rng)
    _paint_sagittal_sinus(canvas, grid, brain, shape)
    for course, width, shift in zip(COURSES, shape.widths, shape.shifts, strict=True):
        _paint_course(canvas, course, width, shift, rng)


def _paint_course(canvas: Canvas, course: Course, width: float, shift: np.ndarray, rng: np.random.Generator) -> None:
    points = drawing.smooth_open(course.points) + shift
    away = np.abs(np.abs(canvas.plane.x_at(points)) - course.x)
    met = np.sqrt(np.maximum(1.0 - (away / course.half_width) ** 2, 0.0))
    if width <= 0.0 or met.max() < 0.3:
        return
    knots = np.clip(rng.normal(1.0, course.roughness, len(points) // 4 + 2), 0.2, 2.0)
    rough = np.interp(np.arange(len(points)) / 4.0, np.arange(len(knots)), knots)
    widths = np.linspace(*course.widths, len(points)) * width * rough * met
    canvas.line(course.tissue, points, widths)


def _paint_sagittal_sinus(canvas: Canvas, grid, brain: BrainSlice, shape: VesselShape) -> None:
    """Paints the superior sagittal sinus between envelope and skull, wider from the forehead to the torcula."""
    x = abs(float(canvas.plane.x_at(np.array([-40.0, 70.0]))))
    half = 2.0 + 1.1 * shape.sagittal_sinus
    if x >= half:
        return
    angle = np.mod(np.arctan2(grid[..., 1] + 5.0, grid[..., 0] + 15.0) + 0.3, 2 * np.pi)
    along = np.clip((angle - 0.7) / 2.7, 0.0, 1.0) * (angle < 3.55)
    width = shape.sagittal_sinus * (1.0 - x / half) * (0.15 + 0.85 * along)
    canvas.put(Tissue.SINUS, (along > 0.0) & (brain.distance > 0.4) & (brain.distance < 0.4 + width))


def _paint_sulcal(canvas: Canvas, brain: BrainSlice, shape: VesselShape, rng: np.random.Generator) -> None:
    """Paints veins along some stretches of the sulci and specks where others are cut across."""
    spacing = canvas.plane.spacing
    chosen = drawing.noise_field(rng, brain.cover.shape, 9.0 / spacing)
    fine = drawing.noise_field(rng, brain.cover.shape, 2.6 / spacing)
    cortical = (brain.fluid > 0.55) & (brain.cover > 0.6) & (brain.grey + brain.white > 0.02)
    limit = 2.3 - 1.1 * shape.density
    canvas.put(Tissue.VEIN, (brain.beds > 0.45) & (chosen > limit))
    canvas.put(Tissue.VEIN, cortical & (chosen + fine > limit + 0.6))
    surface = (brain.distance > 0.0) & (brain.distance < 1.9)
    canvas.put(Tissue.VEIN, surface & (fine + 0.5 * chosen > limit - 0.5))


def _paint_bridging(canvas: Canvas, shape: VesselShape, rng: np.random.Generator) -> None:
    """Paints veins that climb from the medial cortex to the superior sagittal sinus, slanting forwards as they do."""
    if abs(canvas.plane.offset) > 14.0:
        return
    for _ in range(rng.binomial(7, 0.25 + 0.5 * shape.density)):
        angle = rng.uniform(0.45, 2.6)
        outer = np.array([-15.0 + 82.0 * np.cos(angle), 0.0 + 76.0 * np.sin(angle)])
        inward = np.array([-18.0, 4.0]) - outer
        lengths = np.linspace(0.02, rng.uniform(0.15, 0.4), 5)[:, None]
        course = outer + inward * lengths + rng.normal(0, 1.0, (5, 2)) + np.array([-14.0, 0.0]) * lengths
        canvas.line(Tissue.VEIN, drawing.smooth_open(course), np.linspace(rng.uniform(1.2, 2.4), 0.5, 32))
