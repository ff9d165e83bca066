"""Class folders of pictures to load and convert: synthetic slices, varied so that no two files are equal."""

import functools
import io
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from contrast_tfdata.phantom import PhantomOptions, generate_patient

SIDE = 512
"""Height and width of the pictures in pixels, as on the slides."""
CLASSES = ("no_gad", "with_gad")
WITH_GAD_SHARE = 0.25
"""Share of pictures after contrast; 209 of 904 on the slides."""
FORMATS = ("png", "jpeg", "dicom")
VOLUME_SLICES = 200
"""Most of one volume."""
_PATIENTS = 3
_MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


def write_tree(root: Path, count: int) -> None:
    """Writes `root`/no_gad and `root`/with_gad with `count` 8-bit PNGs in all."""
    slices = _slices()
    with_gad = round(count * WITH_GAD_SHARE)
    for name, number in zip(CLASSES, (count - with_gad, with_gad), strict=True):
        (root / name).mkdir(parents=True)
        for index in range(number):
            (root / name / f"{index:05d}.png").write_bytes(encode(_varied(slices[name], index), "png"))


def write_volumes(root: Path, slices: int, side: int) -> None:
    """Writes `root`/no_gad and `root`/with_gad with as many sagittal slices each as NIfTI volumes of noise.

    Much data, quickly made and quickly read: every file is a patient of its own, named by its number.

    Args:
        root: is made.
        slices: in all; an odd one is left out.
        side: height and width of a slice in pixels.
    """
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number, first in enumerate(range(0, slices // 2, VOLUME_SLICES)):
            count = min(VOLUME_SLICES, slices // 2 - first)
            volume = rng.integers(0, 256, (count, side, side), np.uint8)
            nibabel.Nifti1Image(volume, np.eye(4)).to_filename(root / name / f"{name}{number}_T1.nii")


def write_series(folder: Path, count: int) -> None:
    """Writes one sagittal DICOM series: `count` files, 1 mm apart."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(itertools.islice(itertools.cycle(_slices()[CLASSES[1]]), count)):
        (folder / f"{number:04d}.dcm").write_bytes(_dicom(_varied([pixels], number).astype(np.uint16) * 8, number))


def samples(image_format: str, count: int) -> list[bytes]:
    """Returns `count` files of one of `FORMATS`; DICOM holds 16 bits uncompressed, as scanners write it."""
    slices = _slices()[CLASSES[0]]
    return [encode(_varied(slices, index), image_format) for index in range(count)]


def encode(pixels: np.ndarray, image_format: str) -> bytes:
    """Returns the bytes of a file.

    Args:
        pixels: (height, width) uint8.
        image_format: one of `FORMATS`.

    Raises:
        ValueError: another format.
    """
    if image_format not in FORMATS:
        raise ValueError(f"`image_format` must be one of {FORMATS}. Received: image_format={image_format!r}")
    if image_format == "dicom":
        return _dicom(pixels.astype(np.uint16) * 8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


@functools.cache
def _slices() -> dict[str, list[np.ndarray]]:
    options = PhantomOptions(slices_per_class=2, matrix=SIDE)
    patients = [generate_patient(0, number, options) for number in range(_PATIENTS)]
    return {
        CLASSES[0]: [each.pixels for patient in patients for each in patient.pre],
        CLASSES[1]: [each.pixels for patient in patients for each in patient.post],
    }


def _varied(slices: list[np.ndarray], index: int) -> np.ndarray:
    """Returns a slice moved along its rows: other bytes that take as long to decode."""
    return np.roll(slices[index % len(slices)], index // len(slices), axis=1)


def _dicom(pixels: np.ndarray, position: int = 0) -> bytes:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = _MR_IMAGE_STORAGE
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Modality, dataset.PatientID, dataset.SeriesInstanceUID = "MR", "benchmark", "1.2.3"
    dataset.BurnedInAnnotation = "NO"
    # Sagittal: columns run to the back, rows to the feet.
    dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    dataset.ImagePositionPatient, dataset.PixelSpacing = [position, 0, 0], [0.5, 0.5]
    dataset.InstanceNumber, dataset.StudyInstanceUID = position + 1, "1.2.4"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
