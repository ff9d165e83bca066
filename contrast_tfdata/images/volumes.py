"""Planes and volumes to upright sagittal slices: the one way for NIfTI and for DICOM, whatever was acquired.

A volume of any orientation is turned to the closest right-anterior-superior one by flips and axis swaps, never by
resampling, so a slice holds stored values. The sagittal plane of a volume acquired in another plane is a reformat: its
two spacings differ, and `Slice.spacing` keeps both.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from contrast_tfdata.images.slices import FramePlace, RejectedImageError, Slice, check_size, check_spacing

MAX_SPACING = 3.0
"""mm: a sagittal slice whose pixels lie further apart shows too little of a vessel. Its own thickness is no matter."""
ROUNDING = 0.05
"""mm, of headers that write 3 mm as 3.0000123 or 3.04."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """How the voxels of a volume lie in the patient.

    Attributes:
        shape: voxels along the patient's left-right, back-front and feet-head axes.
        spacing: distance of voxel centres in mm along the same axes.
        orientation: (3, 2) as nibabel's `io_orientation`: the axis and direction that each stored axis becomes.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    orientation: np.ndarray

    @classmethod
    def of(cls, affine: np.ndarray, stored_shape: Sequence[int]) -> "Grid":
        """Returns the grid of an affine from stored voxels to millimetres to the right, the front and the head.

        Raises:
            RejectedImageError: `corrupt` where the affine is none, `too_small`, `too_large` or `bad_spacing`.
        """
        import nibabel  # Here: half a second that pictures need not wait for.

        if not np.all(np.isfinite(affine)):
            raise RejectedImageError("corrupt", "the affine holds NaN or infinity")
        orientation = nibabel.io_orientation(affine)
        if np.any(np.isnan(orientation)):
            raise RejectedImageError("corrupt", "the affine leaves out an axis")
        order = np.argsort(orientation[:, 0])
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        shape, spacing = tuple(stored_shape[axis] for axis in order), tuple(float(sizes[axis]) for axis in order)
        check_size(shape[2], shape[1])
        check_spacing(spacing)
        return cls(shape, spacing, orientation.astype(int))

    @property
    def is_thick(self) -> bool:
        """Whether the pixels of sagittal slices lie too far apart to be cut out of it."""
        return max(self.spacing[1:]) > MAX_SPACING + ROUNDING

    def sagittal_slices(self, voxels: np.ndarray, indices: Sequence[int]) -> list[Slice]:
        """Returns sagittal slices, each head up with the nose to the left, float32 as the voxels are.

        Args:
            voxels: the volume as stored.
            indices: sagittal positions, 0 at the patient's left.
        """
        import nibabel

        volume = nibabel.apply_orientation(voxels, self.orientation)
        spacing = self.spacing[2], self.spacing[1]
        # A plane is (front, up) with both axes growing; on the screen rows run down and the nose is on the left.
        return [Slice(np.ascontiguousarray(volume[index, ::-1, ::-1].T), index, spacing) for index in indices]


def affine_of(first: FramePlace, last: FramePlace, count: int) -> np.ndarray:
    """Returns the affine, (4, 4), of a volume from (column, row, slice) to mm to the right, the front and the head.

    Args:
        first: of its first slice, whose position is known.
        last: of its last one.
        count: slices, at least 2.
    """
    along_columns, along_rows = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    affine = np.eye(4)
    affine[:3, 0] = along_columns * first.spacing[1]
    affine[:3, 1] = along_rows * first.spacing[0]
    affine[:3, 2] = (np.array(last.corner) - np.array(first.corner)) / (count - 1)
    affine[:3, 3] = first.corner
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # DICOM's first two axes run to the left and the back.


def upright(pixels: np.ndarray, place: FramePlace, index: int) -> Slice:
    """Returns a sagittal slice turned and mirrored by quarter turns: rows run to the feet, columns to the back.

    Args:
        pixels: as stored.
        place: how they lie; as they are where that is not known.
        index: the index that the slice is to carry: its place in the series.
    """
    spacing = place.spacing
    if place.orientation is None:
        return Slice(pixels, index, spacing)
    along_columns, along_rows = np.array(place.orientation[:3]), np.array(place.orientation[3:])
    # Transposed where (back, feet) lies better along (rows, columns) than along (columns, rows).
    if abs(along_rows[1] * along_columns[2]) > abs(along_columns[1] * along_rows[2]):
        pixels, spacing = pixels.T, spacing[::-1]
        along_columns, along_rows = along_rows, along_columns
    if along_rows[2] > 0:
        pixels = pixels[::-1]
    if along_columns[1] < 0:
        pixels = pixels[:, ::-1]
    return Slice(np.ascontiguousarray(pixels), index, spacing)
