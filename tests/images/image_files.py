"""Image files as bytes, made by the tests: what each holds is known exactly."""

import gzip
import io

import numpy as np
import pydicom
from nibabel import Nifti1Image, Nifti2Image
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

SAGITTAL = [0, 1, 0, 0, 0, -1]  # Columns run to the back, rows to the feet: head up, nose to the left.


def ramp(height: int = 24, width: int = 32) -> np.ndarray:
    """Returns uint8 pixels without any symmetry, so that every flip and transposition shows."""
    rows, columns = np.mgrid[:height, :width]
    return (rows * 7 + columns * 2).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, image_format: str, **options) -> bytes:
    """Returns a picture as the bytes of a file."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def dicom_bytes(
    pixels: np.ndarray | None = None, *, compress: str | None = None, frame: tuple[str, bytes] | None = None, **tags
) -> bytes:
    """Returns a sagittal MR slice, of 16 bits where no pixels are given.

    Args:
        pixels: (height, width).
        compress: the transfer syntax to compress them with.
        frame: a transfer syntax, and the coded pixels to store in place of `pixels`.
        **tags: other values of its elements; None removes one.
    """
    pixels = ramp().astype(np.uint16) if pixels is None else pixels
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3.4"
    defaults = {
        "Modality": "MR",
        "PatientName": "Secret^Person",
        "PatientID": "patient-7",
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.3",
        "BurnedInAnnotation": "NO",
        "ImageOrientationPatient": SAGITTAL,
        "ImagePositionPatient": [-12.5, 0, 0],
        "PixelSpacing": [0.5, 0.75],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": 8 * pixels.itemsize,
        "HighBit": 8 * pixels.itemsize - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes(),
    }
    for keyword, value in (defaults | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    if compress:
        dataset.compress(compress, generate_instance_uid=False)
    if frame:
        dataset.file_meta.TransferSyntaxUID, dataset.PixelData = frame[0], encapsulate([frame[1]])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def volume(shape: tuple[int, ...] = (20, 24, 18)) -> np.ndarray:
    """Returns int16 voxels whose value tells where they are: 900 right + 30 front + head."""
    right, front, head = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    return (900 * right + 30 * front + head).astype(np.int16)


def nifti_bytes(
    voxels: np.ndarray | None = None,
    affine: np.ndarray | None = None,
    *,
    compressed: bool = False,
    version: int = 1,
    big_endian: bool = False,
) -> bytes:
    """Returns a volume as the bytes of a NIfTI file; the affine defaults to right-anterior-superior, 1 mm."""
    voxels = volume() if voxels is None else voxels
    image_class = Nifti1Image if version == 1 else Nifti2Image
    header = image_class.header_class(endianness=">") if big_endian else None
    image = image_class(voxels, np.eye(4) if affine is None else affine, header, dtype=voxels.dtype)
    data = image.to_bytes()
    return gzip.compress(data, mtime=0) if compressed else data


def dicom_jpeg(pixels: np.ndarray, data: bytes | None = None) -> bytes:
    """Returns a DICOM file whose 8-bit pixels are a JPEG."""
    return dicom_bytes(pixels, frame=(JPEGBaseline8Bit, encode(pixels, "JPEG") if data is None else data))


def dicom_jpeg_2000(pixels: np.ndarray, data: bytes | None = None) -> bytes:
    """Returns a DICOM file whose pixels are a JPEG 2000 codestream."""
    data = encode(pixels, "JPEG2000", no_jp2=True) if data is None else data
    return dicom_bytes(pixels, frame=(JPEG2000Lossless, data))


EXAMPLES = {
    "png": encode(ramp(), "PNG"),
    "png16": encode(ramp().astype(np.uint16) * 200, "PNG"),
    "jpeg": encode(ramp(), "JPEG"),
    "jpeg_colour": encode(np.stack([ramp(), 255 - ramp(), ramp() // 2], axis=2), "JPEG"),
    "jpeg_progressive": encode(ramp(), "JPEG", progressive=True),
    "dicom": dicom_bytes(),
    "dicom_rle": dicom_bytes(compress=RLELossless),
    "dicom_jpeg": dicom_jpeg(ramp()),
    "dicom_jpeg_ls": dicom_bytes(compress=JPEGLSLossless),
    "dicom_jpeg_2000": dicom_jpeg_2000(ramp()),
    "nifti": nifti_bytes(volume((17, 18, 19))),
    "nifti_float": nifti_bytes(volume((17, 18, 19)).astype(np.float32), version=2),
    "nifti_gz": nifti_bytes(volume((17, 18, 19)), compressed=True),
}
"""One small file of each kind that is read."""
