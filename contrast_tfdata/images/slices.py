"""What every reader of image files hands on: grey slices and what is known about them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import ImageKind

MIN_SIDE = 16
"""Smallest height and width of a usable slice in pixels: below it nothing of a head can be told."""
MAX_PIXELS = 1 << 25
"""Most pixels of one slice (5792 x 5792): far above any scanner, and 128 MiB once decoded to float32."""

SPACING_RANGE = (1e-3, 1e5)
"""Accepted distance of pixel centres: from metres to micrometres, the units that NIfTI files may be in."""


OUT_OF_SCOPE = {
    "unsupported_format": "no picture of a format that is read",
    "no_pixels": "DICOM objects without pixels: directories, reports, states of a viewer",
    "not_mr": "DICOM of another modality, or a secondary capture",
    "multi_frame": "several frames under the SOP class of single ones",
    "colour": "pictures in colours",
    "burned_in_annotation": "pictures with text burnt into them",
    "not_3d": "volumes of more or fewer than three dimensions",
    "too_small": "pictures too small to show a head",
    "localizer": "images to plan others by",
    "phase": "images of the signal's phase, or of a part of it",
    "derived": "images computed from others",
    "mosaic": "many slices in one picture",
    "projection": "projections of many slices",
    "screenshot": "pictures of a screen",
    "label_map": "masks and segmentations: numbers of regions, and no greys",
    "sidecar": "what BIDS writes beside its volumes",
    "not_t1": "images of another sequence",
    "slices_too_thick": "volumes too coarse to be cut in the sagittal plane",
}
"""Why a file is no slice that could be before or after contrast agent, in words; nothing is wrong with it."""


class RejectedImageError(Exception):
    """An image cannot be used.

    Attributes:
        code: stable, short reason in snake case, for counting (e.g. `truncated`).
        detail: one line for a person.
    """

    def __init__(self, code: str, detail: str):
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    def __reduce__(self):
        return type(self), (self.code, self.detail)  # Worker processes pickle it back to their parent.


@dataclasses.dataclass(frozen=True)
class Slice:
    """One grey slice as decoded, before intensity scaling and resizing.

    Attributes:
        pixels: (height, width), uint8 where the source is an 8-bit picture, else float32 of any range, finite.
        index: position in its volume or series; 0 for a single picture.
        spacing: (row, column) distance of pixel centres in mm; (1.0, 1.0) where the source does not say.
    """

    pixels: np.ndarray
    index: int = 0
    spacing: tuple[float, float] = (1.0, 1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class FramePlace:
    """How one slice of a DICOM file lies, and what tells it from others at its place.

    Attributes:
        shape: (rows, columns) as stored.
        spacing: (row, column) distance of pixel centres in mm; (1.0, 1.0) where missing or not positive.
        orientation: direction of a row's pixels, then of a column's, in DICOM's axes; None where nothing says it.
        corner: of the first pixel's centre, mm in the same axes, or None.
        location: SliceLocation, or None.
        number: InstanceNumber, or InStackPositionNumber; None where there is none.
        told_apart: acquisition, echo time, time and diffusion weighting, each None where missing.
        content: what its pixels show, one of `kinds.CONTENTS`.
        frame: which of the file's it is, from 0.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float] = (1.0, 1.0)
    orientation: tuple[float, ...] | None = None
    corner: tuple[float, ...] | None = None
    location: float | None = None
    number: float | None = None
    told_apart: tuple[float | None, ...] = ()
    content: str = "magnitude"
    frame: int = 0

    @property
    def normal(self) -> np.ndarray | None:
        """(3,) unit vector through the slice, such that its largest part points right, to the front or to the head."""
        if self.orientation is None:
            return None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        normal /= np.linalg.norm(normal)
        axis = int(np.argmax(np.abs(normal)))
        towards = (-1.0, -1.0, 1.0)[axis]  # DICOM's axes grow to the left, the back and the head.
        return normal if normal[axis] * towards > 0 else -normal

    @property
    def position(self) -> float | None:
        """Mm along the normal; None where it is not known."""
        return None if self.orientation is None or self.corner is None else float(np.dot(self.normal, self.corner))


@dataclasses.dataclass(frozen=True, slots=True)
class FileFacts:
    """What a scan learns about a file without decoding its pixels.

    Attributes:
        sha256: digest of the file's bytes, 32 bytes: half of what it takes in hex digits.
        format: `png`, `jpeg`, `dicom` or `nifti`.
        num_bytes: size of the file.
        num_slices: sagittal slices in the file (1 for a picture), or frames of a DICOM file.
        patient_id: DICOM PatientID as stored, else None. Never leaves this process: only its keyed hash does.
        study_uid: DICOM StudyInstanceUID, else None.
        series_uid: DICOM SeriesInstanceUID, else None.
        instance_uid: DICOM SOPInstanceUID, else None.
        series_number: DICOM SeriesNumber, else None.
        frames: DICOM: how each of its slices lies.
        kind: what its images are, as far as the file says.
        is_thick: whether it is a volume too coarse to be cut in the sagittal plane.
        warnings: codes of what a user should know about an accepted file: `plane_unknown` (the file does not say that
            it is sagittal), `burned_in_unknown` (DICOM does not say whether text is burnt into the pixels),
            `name_disagrees` (its name promises another format).
        claim: DICOM: whether contrast agent was given, according to the header.
        subgroups: (what is told apart, its word) pairs by which figures may be given: DICOM: vendor and field strength.
    """

    sha256: bytes
    format: str
    num_bytes: int
    num_slices: int = 1
    patient_id: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    instance_uid: str | None = None
    series_number: int | None = None
    frames: tuple[FramePlace, ...] = ()
    kind: ImageKind = ImageKind()
    is_thick: bool = False
    warnings: tuple[str, ...] = ()
    claim: Claim = Claim.SILENT
    subgroups: tuple[tuple[str, str], ...] = ()


def check_size(height: int, width: int) -> None:
    """Refuses a slice that is too small to show a head or too large to be one.

    Args:
        height: rows, from the header: call it before any pixel is decoded.
        width: columns.

    Raises:
        RejectedImageError: `too_small` below `MIN_SIDE`, `too_large` above `MAX_PIXELS`.
    """
    if min(height, width) < MIN_SIDE:
        raise RejectedImageError("too_small", f"{height}x{width} pixels; the smallest side is {MIN_SIDE}")
    if height * width > MAX_PIXELS:
        raise RejectedImageError("too_large", f"{height}x{width} pixels; the most is {MAX_PIXELS}")


def check_spacing(spacing: Sequence[float]) -> None:
    """Refuses distances between pixels that no scanner makes; the unit does not matter here, only the proportions.

    Raises:
        RejectedImageError: `bad_spacing` outside `SPACING_RANGE`.
    """
    low, high = SPACING_RANGE
    if not all(low <= distance <= high for distance in spacing):
        shown = " x ".join(f"{distance:g}" for distance in spacing)
        raise RejectedImageError("bad_spacing", f"pixels {shown} apart; {low:g} to {high:g} is read")


def check_finite(pixels: np.ndarray) -> None:
    """Refuses pixels that hold NaN or infinity.

    Raises:
        RejectedImageError: `not_finite`, with how many values are affected.
    """
    bad = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
    if bad:
        raise RejectedImageError("not_finite", f"{bad} of {pixels.size} pixels are NaN or infinite")


def check_end(data: bytes, end: int) -> None:
    """Refuses what follows the end of a picture inside its file: another picture, or a file of another kind.

    Args:
        data: all bytes of the file.
        end: how many of them belong to the picture. Zero bytes after them are padding, and pass.

    Raises:
        RejectedImageError: `trailing_data`.
    """
    if data[end:].strip(b"\0"):
        raise RejectedImageError("trailing_data", f"{len(data) - end} bytes that are not of the picture follow its end")
