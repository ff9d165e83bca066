"""What every reader of image files hands on: grey slices and what is known about them."""

import dataclasses

import numpy as np


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


@dataclasses.dataclass(frozen=True)
class FileFacts:
    """What a scan learns about a file without decoding its pixels.

    Attributes:
        sha256: hex digest of the file's bytes.
        format: `png`, `jpeg`, `dicom` or `nifti`.
        num_slices: sagittal slices in the file (1 for a picture or a DICOM file).
        patient_id: DICOM PatientID as stored, else None. Never leaves this process: only its keyed hash does.
        series_uid: DICOM SeriesInstanceUID, else None.
        position: DICOM: position along the slice normal in mm, else None.
    """

    sha256: str
    format: str
    num_slices: int = 1
    patient_id: str | None = None
    series_uid: str | None = None
    position: float | None = None
