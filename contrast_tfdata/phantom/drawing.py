"""Smooth curves and quick fields: what the painters draw with."""

import numpy as np
from PIL import Image, ImageDraw

from contrast_tfdata.phantom.geometry import Plane
from contrast_tfdata.phantom.tissue import Tissue


def smooth_closed(points: np.ndarray, steps: int = 6) -> np.ndarray:
    """Returns (n * steps, 2): a closed Catmull-Rom curve through points (n, 2)."""
    around = [np.roll(points, shift, axis=0)[:, None, :] for shift in (1, 0, -1, -2)]
    return _catmull_rom(*around, steps=steps).reshape(-1, 2)


def smooth_open(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """Returns ((n - 1) * steps, 2): a Catmull-Rom curve from the first to the last of points (n, 2)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    pieces = [ends[k : len(ends) - 3 + k, None, :] for k in range(4)]
    return _catmull_rom(*pieces, steps=steps).reshape(-1, 2)


def _catmull_rom(p0, p1, p2, p3, *, steps: int) -> np.ndarray:
    # Catmull and Rom 1974, tension 1/2.
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def stroke(course: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Returns (2 n, 2): the outline of a line along course (n, 2) that is widths (n,) wide, same unit."""
    along = np.gradient(course, axis=0)
    across = along[:, ::-1] * (-1.0, 1.0) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    half = across * (np.asarray(widths)[:, None] / 2.0)
    return np.concatenate([course + half, (course - half)[::-1]])


class Canvas:
    """A label map being painted: shapes in anatomical mm, later ones over earlier ones.

    Attributes:
        plane: where the slice lies.
    """

    def __init__(self, plane: Plane):
        self.plane = plane
        self._image = Image.new("L", (plane.side, plane.side), int(Tissue.AIR))
        self._draw = ImageDraw.Draw(self._image)

    def fill(self, tissue: Tissue, outline: np.ndarray) -> None:
        """Fills a closed outline, (n, 2) (y, z) in mm, n at least 3."""
        corners = self.plane.to_pixels(outline)
        self._draw.polygon([tuple(corner) for corner in corners.tolist()], fill=int(tissue))

    def line(self, tissue: Tissue, course: np.ndarray, widths: np.ndarray) -> None:
        """Draws a line along course, (n, 2) (y, z) in mm, that is widths (n,) mm wide."""
        self.fill(tissue, stroke(course, widths))

    def put(self, tissue: Tissue, where: np.ndarray) -> None:
        """Sets the pixels of a (side, side) bool mask."""
        self._image.paste(int(tissue), mask=Image.fromarray(where))

    def labels(self) -> np.ndarray:
        """Returns (side, side) uint8, each a Tissue."""
        return np.asarray(self._image)


def noise_field(rng: np.random.Generator, shape: tuple[int, int], period: float | tuple[float, float]) -> np.ndarray:
    """Returns smooth noise, mean about 0 and standard deviation about 1.

    Args:
        rng: draws it.
        shape: (height, width) of the field.
        period: pixels over which it varies; (along rows downwards, along columns) where they differ.

    Returns:
        (height, width) float32.
    """
    periods = period if isinstance(period, tuple) else (period, period)
    height, width = (int(np.ceil(size / step)) + 3 for size, step in zip(shape, periods, strict=True))
    coarse = Image.fromarray(rng.standard_normal((height, width), dtype=np.float32), mode="F")
    box = (1.0, 1.0, 1.0 + shape[1] / periods[1], 1.0 + shape[0] / periods[0])
    field = np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box))
    return field / np.float32(0.81)  # Bicubic interpolation leaves white noise this much of its standard deviation.


def resize(field: np.ndarray, side: int) -> np.ndarray:
    """Returns a square float32 field interpolated to (side, side)."""
    return np.asarray(Image.fromarray(field, mode="F").resize((side, side), Image.Resampling.BILINEAR))
