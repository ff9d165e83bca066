"""DICOM files: one sagittal MR slice each, read from an allow-list of tags.

Rules, each refused with its own code: an image that is not MR, has no pixels, several frames, colour, or says that
text is burnt into it; a plane that is not sagittal; a transfer syntax that is not read or needs a package that is
missing. The SOP class must be MR Image Storage: an enhanced MR image says elsewhere how it lies, and a secondary
capture is a screenshot, which may show any plane and the patient's name. A file without ImageOrientationPatient is
accepted as it is stored, like a picture (exports and anonymisers drop the tag, and the user says that the folder is
sagittal), with the warning `plane_unknown`.

Directions are those of DICOM (PS3.3, C.7.6.2.1.1): x grows to the patient's left, y to the back, z to the head.
"""

import dataclasses
import importlib
import io
import logging
from types import ModuleType
from typing import Any

import numpy as np

from contrast_tfdata.errors import UsageError
from contrast_tfdata.images import dicom_claims, dicom_origin, dicom_stream
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.slices import RejectedImageError, Slice, check_finite, check_size, check_spacing

# pydicom quotes the values that it does not like. Its warnings are silenced in `reading`, but it also logs them, and a
# handler on the root logger, such as absl's, would print them.
logging.getLogger("pydicom").propagate = False

# Nothing else leaves the parser: no name, date or free text can reach a record or a message. Of the texts on contrast
# agent and scanner only what they say about it leaves, as a `Claim` and as one of a few fixed words.
_ALLOWED_TAGS = [
    *dicom_claims.TAGS,
    *dicom_origin.TAGS,
    "SpecificCharacterSet",
    "SOPClassUID",
    "Modality",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "BurnedInAnnotation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceLocation",
    "PixelSpacing",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelData",
]
_MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"  # Enhanced MR and its kin have this and one more number (PS3.4, B.5).
_DEFLATED = "1.2.840.10008.1.2.1.99"
_META_START, _META_GROUP = 132, 0x0002  # After the preamble and DICM (PS3.10, 7.1).
# One decoder for each transfer syntax: pydicom alone would take whichever is installed first, and of lossy pictures two
# decoders may give two results. gdcm, its first choice, ends the whole process on some damaged JPEGs.
_PLUGINS = {
    "1.2.840.10008.1.2": "",
    "1.2.840.10008.1.2.1": "",
    "1.2.840.10008.1.2.2": "",
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",
}
# What anonymisers, scanners and PACS write where there is no number; compared in upper case, letters and digits only.
_PLACEHOLDERS = (
    "ANON ANONYM ANONYME ANONYMIZED ANONYMISED ANONYMOUS ANONYMOUSPATIENT ANONPATIENT DEIDENTIFIED DELETED EMPTY HIDDEN"
    " ID MISSING NA NAN NIL NOID NONAME NONE NOPATIENTID NOTAVAILABLE NOTSPECIFIED NULL PATIENT PATIENTID PSEUDONYM"
    " REDACTED REMOVED SUBJECT TEST TESTPATIENT UNDEFINED UNIDENTIFIED UNKNOWN UNKNOWNPATIENT UNNAMED UNSPECIFIED"
)
_MIN_NORMAL = 0.9  # Length of the cross product of two unit vectors at right angles, less what rounded text loses.


@dataclasses.dataclass(frozen=True)
class DicomHeader:
    """What a DICOM file says about its slice.

    Attributes:
        patient_id: PatientID, or None where missing or empty. Not to be stored or shown.
        study_uid: StudyInstanceUID, or None.
        series_uid: SeriesInstanceUID, or None.
        position: mm along the slice normal, growing towards the patient's right; SliceLocation where there is no
            ImagePositionPatient; None where there is neither.
        spacing: (row, column) distance of pixel centres in mm as stored; (1.0, 1.0) where missing or not positive.
        orientation: ImageOrientationPatient: direction of the columns' index, then of the rows' index; or None.
        warnings: codes as in `FileFacts.warnings`.
        claim: whether contrast agent was given.
        origin: what scanner it was, as far as the header says (see `dicom_origin`).
    """

    patient_id: str | None
    study_uid: str | None
    series_uid: str | None
    position: float | None
    spacing: tuple[float, float]
    orientation: tuple[float, ...] | None
    warnings: tuple[str, ...]
    claim: Claim = Claim.SILENT
    origin: dicom_origin.Subgroups = ()


def read_header(data: bytes) -> DicomHeader:
    """Returns what a DICOM file says about its slice; no pixel is decoded.

    Args:
        data: all bytes of the file.

    Raises:
        RejectedImageError: `no_pixels`, `not_mr`, `multi_frame`, `colour`, `burned_in_annotation`, `not_sagittal`,
            `transfer_syntax`, `truncated`, `trailing_data`, `too_small`, `too_large`, `bad_spacing` or `corrupt`.
        UsageError: pydicom is not installed.
    """
    return _header(_parse(data))


def read_slice(data: bytes, index: int = 0) -> Slice:
    """Returns the slice of a DICOM file, shown head up with the nose to the left where the file says how it lies.

    Values are stored values times RescaleSlope plus RescaleIntercept (PS3.3, C.11.1.1.2); MONOCHROME1, where the
    smallest value is white, is reflected within its own range.

    Args:
        data: all bytes of the file.
        index: the index that the slice is to carry: its place in the series.

    Returns:
        A slice of float32 pixels.

    Raises:
        RejectedImageError: as `read_header`; also `not_finite`, or `undecodable` naming the transfer syntax.
        UsageError: pydicom is not installed.
    """
    dataset = _parse(data)
    header = _header(dataset)
    pixels = _grey_values(dataset)
    check_finite(pixels)
    pixels, spacing = _upright(pixels, header.spacing, header.orientation)
    return Slice(pixels, index, spacing)


def known_patient(patient_id: str | None) -> str | None:
    """Returns a PatientID that is somebody's; None where it is missing or a placeholder."""
    return patient_id if patient_id and not is_placeholder(patient_id) else None


def is_placeholder(patient_id: str) -> bool:
    """Whether a PatientID stands for nobody: a word such as ANONYMOUS, only zeros, only X, or no letter or digit."""
    text = "".join(filter(str.isalnum, patient_id.upper()))
    return text in _PLACEHOLDERS.split() or not text.strip("0") or not text.strip("X")


def _pydicom(submodule: str = "") -> ModuleType:
    try:
        return importlib.import_module(f"pydicom{submodule}")
    except ImportError as error:
        raise UsageError("Reading DICOM needs pydicom: pip install pydicom") from error


def _parse(data: bytes) -> Any:
    """Returns a pydicom Dataset that holds the allowed tags only and passed every check."""
    _check_inflated(data)
    dataset = _pydicom().dcmread(io.BytesIO(data), specific_tags=_ALLOWED_TAGS)
    _check_kind(dataset)
    check_size(int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0))
    _check_transfer_syntax(dataset)
    return dataset


def _check_inflated(data: bytes) -> None:
    """Refuses a deflated data set before pydicom reads it: it would inflate it whole, to a size that nothing bounds."""
    meta = _pydicom(".filereader").read_dataset(
        io.BytesIO(data[_META_START:]), False, True, stop_when=lambda tag, vr, length: tag >> 16 != _META_GROUP
    )
    if meta.get("TransferSyntaxUID") == _DEFLATED:
        raise RejectedImageError("transfer_syntax", "Deflated Explicit VR Little Endian is not read; store it inflated")


def _check_kind(dataset: Any) -> None:
    modality = _shown(dataset.get("Modality"))
    if "PixelData" not in dataset:
        raise RejectedImageError("no_pixels", f"no pixel data (modality {modality}), or cut off before its end")
    if dataset.get("Modality") != "MR":
        raise RejectedImageError("not_mr", f"the modality is {modality}, not MR")
    _check_sop_class(dataset)
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise RejectedImageError(
            "multi_frame", f"{int(dataset.NumberOfFrames)} frames; convert it to single-frame MR files"
        )
    kind = dataset.get("PhotometricInterpretation")
    if kind not in ("MONOCHROME1", "MONOCHROME2") or int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise RejectedImageError("colour", f"{_shown(kind)} pixels; only grey MR is read")
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        raise RejectedImageError("burned_in_annotation", "text is burnt into the pixels; it may name the patient")


def _check_sop_class(dataset: Any) -> None:
    uid = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""
    if uid.startswith(_MR_IMAGE_STORAGE + "."):
        raise RejectedImageError("multi_frame", f"{_uid_name(uid)}; convert it to single-frame MR files")
    if uid != _MR_IMAGE_STORAGE:
        raise RejectedImageError("not_mr", f"the SOP class is {_uid_name(uid)}, not MR Image Storage")


def _uid_name(uid: str) -> str:
    """Returns the name that the standard gives a UID; others are not quoted, they may say anything."""
    name = _pydicom(".uid").UID(uid).name
    return name if name != uid else "unknown" if uid else "missing"


def _shown(code: Any) -> str:
    """Returns a code string for a message: the 16 characters that it may have (PS3.5, 6.2), escaped."""
    return repr(str(code)[:16]) if code else "missing"


def _check_transfer_syntax(dataset: Any) -> None:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise RejectedImageError("transfer_syntax", "the file does not name its transfer syntax")
    if syntax not in _PLUGINS:
        how = "store it uncompressed first, for example with gdcmconv --raw"
        raise RejectedImageError("transfer_syntax", f"{_uid_name(syntax)} is not read; {how}")
    plugin = _PLUGINS[syntax]
    if plugin and plugin not in _pydicom(".pixels").get_decoder(syntax).available_plugins:
        needs = "pip install pyjpegls"
        raise RejectedImageError("transfer_syntax", f"{_uid_name(syntax)} cannot be decoded here: {needs}")
    if plugin:
        dicom_stream.check_frame(dataset)
    else:
        _check_length(dataset)


def _check_length(dataset: Any) -> None:
    needed = int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) < needed:
        raise RejectedImageError("truncated", f"{len(dataset.PixelData)} of {needed} bytes of pixels")


def _header(dataset: Any) -> DicomHeader:
    orientation = _numbers(dataset, "ImageOrientationPatient", 6)
    warnings = []
    if orientation is None:
        warnings.append("plane_unknown")
    if not dataset.get("BurnedInAnnotation"):
        warnings.append("burned_in_unknown")
    return DicomHeader(
        patient_id=_text(dataset, "PatientID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        position=_position(dataset, orientation),
        spacing=_spacing(dataset),
        orientation=orientation,
        warnings=tuple(warnings),
        claim=dicom_claims.claim_of(dataset),
        origin=dicom_origin.origin_of(dataset),
    )


def _text(dataset: Any, keyword: str) -> str | None:
    return str(dataset.get(keyword) or "").strip() or None


def _numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    """Returns `count` finite numbers, or None where the tag is missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    numbers = tuple(float(number) for number in np.atleast_1d(value))
    if len(numbers) != count or not np.all(np.isfinite(numbers)):
        raise RejectedImageError("corrupt", f"{keyword} is not {count} numbers")
    return numbers


def _spacing(dataset: Any) -> tuple[float, float]:
    spacing = _numbers(dataset, "PixelSpacing", 2)
    if spacing is None or not all(distance > 0 for distance in spacing):
        return 1.0, 1.0
    check_spacing(spacing)
    return spacing


def _position(dataset: Any, orientation: tuple[float, ...] | None) -> float | None:
    corner = _numbers(dataset, "ImagePositionPatient", 3)
    if orientation is not None:
        normal = _sagittal_normal(orientation)
        if corner is not None:
            return float(np.dot(normal, corner))
    location = _numbers(dataset, "SliceLocation", 1)
    return None if location is None else location[0]


def _sagittal_normal(orientation: tuple[float, ...]) -> np.ndarray:
    """Returns the unit normal that points to the patient's right, as (3,); refuses other planes."""
    normal = np.cross(orientation[:3], orientation[3:])
    length = float(np.linalg.norm(normal))
    if not _MIN_NORMAL < length < 1 / _MIN_NORMAL:
        raise RejectedImageError("corrupt", "ImageOrientationPatient is not two unit vectors at right angles")
    plane = ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))]
    if plane != "sagittal":
        raise RejectedImageError("not_sagittal", f"the slice is {plane}; only sagittal slices are read")
    return normal / (-length if normal[0] > 0 else length)


def _grey_values(dataset: Any) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        stored = _pydicom(".pixels").pixel_array(dataset, decoding_plugin=_PLUGINS[syntax])
    except (RuntimeError, NotImplementedError) as error:  # What pydicom raises when the decoder cannot read the stream.
        detail = f"{_uid_name(syntax)}: the pixels are damaged or of a kind not supported"
        raise RejectedImageError("undecodable", detail) from error
    if stored.ndim != 2:
        raise RejectedImageError("colour", f"decoded to an array of shape {stored.shape}; only grey MR is read")
    check_size(*stored.shape)
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    pixels = (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = pixels.max() + pixels.min() - pixels
    return pixels


def _upright(
    pixels: np.ndarray, spacing: tuple[float, float], orientation: tuple[float, ...] | None
) -> tuple[np.ndarray, tuple[float, float]]:
    """Turns and mirrors a sagittal slice by quarter turns so that rows run to the feet and columns to the back."""
    if orientation is None:
        return pixels, spacing
    along_columns, along_rows = np.array(orientation[:3]), np.array(orientation[3:])
    # Transposed where (back, feet) lies better along (rows, columns) than along (columns, rows).
    if abs(along_rows[1] * along_columns[2]) > abs(along_columns[1] * along_rows[2]):
        pixels, spacing = pixels.T, spacing[::-1]
        along_columns, along_rows = along_rows, along_columns
    if along_rows[2] > 0:
        pixels = pixels[::-1]
    if along_columns[1] < 0:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels), spacing
