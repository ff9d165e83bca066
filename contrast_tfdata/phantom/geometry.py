"""Where a slice lies in a head: from anatomical millimetres to pixels and back.

Anatomical coordinates are those of the ICBM152 template: x to the right, y to the front, z up, in mm. A slice is drawn
on a square canvas (rows down); points on it are (y, z) pairs, and x follows from the tilt of the plane.
"""

import dataclasses

import numpy as np
from PIL import Image

_COARSE = 8
"""The elastic field is smooth over many pixels: it is computed on every 8th and interpolated."""


@dataclasses.dataclass(frozen=True)
class Elastic:
    """A smooth displacement of (y, z): a sum of plane waves.

    Attributes:
        waves: (n, 2) wave vectors in rad/mm.
        phases: (n,) rad.
        amplitudes: (n, 2) mm along y and z.
    """

    waves: np.ndarray
    phases: np.ndarray
    amplitudes: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Returns the displacement, (..., 2) mm, at points (..., 2) mm."""
        return np.sin(points @ self.waves.T + self.phases) @ self.amplitudes


@dataclasses.dataclass(frozen=True)
class Pose:
    """One patient's shape and position in the scanner.

    Attributes:
        field_of_view: side of the canvas in mm.
        centre: (y, z) at the canvas's centre, mm, before the rotation.
        pitch: rotation in the sagittal plane (nodding), rad.
        scale: size relative to the template along (x, y, z).
        facing: 1 where the face looks to the right of the image, -1 to the left.
        tilt: (dx/dy, dx/dz) of the slice plane: the head's yaw and roll.
        bend: mm by which the plane leaves the midline over the cortex: hemispheres are not mirror images, and a plane
            that stays within 2 or 3 mm shows the fissure between them.
        elastic: the rest of the difference between this head and the average one.
    """

    field_of_view: float
    centre: tuple[float, float]
    pitch: float
    scale: tuple[float, float, float]
    facing: int
    tilt: tuple[float, float]
    bend: float
    elastic: Elastic


@dataclasses.dataclass(frozen=True)
class Plane:
    """One slice of a posed head on a canvas.

    Attributes:
        pose: the patient's.
        offset: distance from the midline in mm, signed, before tilt and bend.
        side: of the canvas in pixels.
    """

    pose: Pose
    offset: float
    side: int

    @property
    def spacing(self) -> float:
        """Millimetres per canvas pixel."""
        return self.pose.field_of_view / self.side

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Returns (n, 2) float (column, row) of anatomical (y, z) points, (n, 2) mm."""
        pose = self.pose
        moved = (points + pose.elastic(points)) * pose.scale[1:] @ _rotation(pose.pitch).T - pose.centre
        return self.side / 2.0 + moved * (pose.facing, -1.0) / self.spacing

    def to_mm(self) -> np.ndarray:
        """Returns (side, side, 2) float32: the anatomical (y, z) of every canvas pixel."""
        centres = np.arange(-_COARSE, self.side + 2 * _COARSE, _COARSE, dtype=np.float64)
        columns, rows = np.meshgrid(centres, centres)
        pixels = np.stack([columns, rows], axis=-1) - self.side / 2.0
        pose = self.pose
        moved = (pixels * (pose.facing, -1.0) * self.spacing + pose.centre) @ _rotation(pose.pitch) / pose.scale[1:]
        # Two steps of the fixed point p = moved - elastic(p): the field is much flatter than 1 mm per mm.
        coarse = moved - pose.elastic(moved - pose.elastic(moved))
        return np.stack([self._refine(coarse[..., axis]) for axis in range(2)], axis=-1)

    def x_at(self, points: np.ndarray) -> np.ndarray:
        """Returns (...) the x in mm (template scale) of points (..., 2) of this slice, the bend left out."""
        return (self.offset + points[..., 0] * self.pose.tilt[0] + points[..., 1] * self.pose.tilt[1]) / (
            self.pose.scale[0]
        )

    def _refine(self, coarse: np.ndarray) -> np.ndarray:
        image = Image.fromarray(coarse.astype(np.float32), mode="F")
        # Coarse sample k lies on pixel _COARSE * (k - 1); PIL's boxes count from the samples' outer edges.
        start = 1.5 - 0.5 / _COARSE
        box = (start, start, start + self.side / _COARSE, start + self.side / _COARSE)
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR, box=box))


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def draw_elastic(rng: np.random.Generator) -> Elastic:
    """Draws a displacement of about 2 mm over the size of a lobe and 0.8 mm over that of a gyrus."""
    lengths = np.concatenate([rng.uniform(80, 200, 6), rng.uniform(28, 60, 6)])
    angles = rng.uniform(0, 2 * np.pi, 12)
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (2 * np.pi / lengths)[:, None]
    size = np.repeat([rng.uniform(0.4, 1.3), rng.uniform(0.15, 0.4)], 6)
    return Elastic(waves, rng.uniform(0, 2 * np.pi, 12), rng.normal(size=(12, 2)) * size[:, None])


def draw_pose(rng: np.random.Generator, *, around_brain: bool = False) -> Pose:
    """Draws a patient: head size within 12 %, nodding within 12 degrees, field of view 215 to 275 mm.

    Args:
        rng: draws it.
        around_brain: whether the picture is cut around the brain, as volumes without a skull often are (field of view
            180 to 260 mm), instead of reaching from the vertex downwards.
    """
    size = rng.normal(1.0, 0.035)
    scale = np.clip(size * rng.normal(1.0, 0.025, 3), 0.88, 1.12)
    view = rng.uniform(180, 260) if around_brain else rng.uniform(215, 275)
    height = rng.normal(8, 8) if around_brain else 96 - 0.5 * view + rng.normal(0, 9)
    return Pose(
        field_of_view=view,
        centre=(rng.normal(-18, 8) if around_brain else rng.normal(-2, 8), height),
        pitch=np.deg2rad(np.clip(rng.normal(0, 6), -14, 14)),
        scale=tuple(float(s) for s in scale),
        facing=int(rng.choice([-1, 1])),
        tilt=tuple(float(t) for t in rng.normal(0, 0.025, 2)),
        bend=float(rng.uniform(2, 11) * rng.choice([-1, 1])),
        elastic=draw_elastic(rng),
    )
