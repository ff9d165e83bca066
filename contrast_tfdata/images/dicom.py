"""DICOM files: grey MR slices, one or many a file, read from an allow-list of tags.

Which files hold no such slice is told by code, see `slices.OUT_OF_SCOPE`: another modality, no pixels, colour, text
burnt into the pixels, and what the header calls a localizer, a phase image and the like. The SOP class must be MR Image
Storage, or that of enhanced images, which hold many frames: a secondary capture is a screenshot, which may show any
plane and the patient's name. A file that says neither by numbers nor by letters how its slice lies is accepted as it is
stored, like a picture (exports and anonymisers drop the tag, and the user says that the folder is sagittal), with the
warning `plane_unknown`.

Directions are those of DICOM (PS3.3, C.7.6.2.1.1): x grows to the patient's left, y to the back, z to the head.
"""

import dataclasses
import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydicom.filereader import read_dataset

from contrast_tfdata.images import dicom_claims, dicom_kind, dicom_origin, dicom_pixels, dicom_values
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import ImageKind, documented
from contrast_tfdata.images.slices import FramePlace, RejectedImageError, check_spacing

# pydicom quotes the values that it does not like. Its warnings are silenced in `reading`, but it also logs them, and a
# handler on the root logger, such as absl's, would print them.
logging.getLogger("pydicom").propagate = False

# Nothing else leaves the parser: no name, date or free text can reach a record or a message. Of the texts on contrast
# agent, scanner and sequence only what they say leaves, as a `Claim` and as one of a few fixed words.
_ALLOWED_TAGS = [
    *dicom_claims.TAGS,
    *dicom_kind.TAGS,
    *dicom_origin.TAGS,
    *dicom_pixels.TAGS,
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionNumber",
    "InstanceNumber",
    "TemporalPositionIdentifier",
    "BurnedInAnnotation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceLocation",
    "PixelSpacing",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]
_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_ENHANCED = (f"{_MR_IMAGE}.1", f"{_MR_IMAGE}.4")  # Enhanced MR, and what converters make of single images (PS3.4, B.5).
_SEGMENTATIONS = tuple(f"1.2.840.10008.5.1.4.1.1.66.{number}" for number in (4, 7))
"""Segmentation Storage, Label Map Segmentation Storage (PS3.4, B.5)."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
_META_START, _META_GROUP = 132, 0x0002  # After the preamble and DICM (PS3.10, 7.1).
_MIN_NORMAL = 0.9  # Length of the cross product of two unit vectors at right angles, less what rounded text loses.
_MAX_FRAMES = 10_000


@dataclasses.dataclass(frozen=True)
class DicomHeader:
    """What a DICOM file says about its slices.

    Attributes:
        patient_id: PatientID, or None where missing or empty. Not to be stored or shown.
        study_uid: StudyInstanceUID, or None.
        series_uid: SeriesInstanceUID, or None.
        instance_uid: SOPInstanceUID, or None.
        series_number: SeriesNumber, or None.
        frames: how each of its slices lies, at least one.
        kind: what they are.
        warnings: codes as in `FileFacts.warnings`.
        claim: whether contrast agent was given.
        origin: what scanner it was, as far as the header says (see `dicom_origin`).
    """

    patient_id: str | None
    study_uid: str | None
    series_uid: str | None
    instance_uid: str | None
    series_number: int | None
    frames: tuple[FramePlace, ...]
    kind: ImageKind
    warnings: tuple[str, ...] = ()
    claim: Claim = Claim.SILENT
    origin: dicom_origin.Subgroups = ()


def read_header(data: bytes) -> DicomHeader:
    """Returns what a DICOM file says about its slices; no pixel is decoded.

    Args:
        data: all bytes of the file.

    Raises:
        RejectedImageError: a code of `slices.OUT_OF_SCOPE`, or `transfer_syntax`, `truncated`, `trailing_data`,
            `too_large`, `bad_spacing` or `corrupt`.
    """
    return _header(_parse(data))


def read_planes(data: bytes, frames: Sequence[int]) -> list[np.ndarray]:
    """Returns the grey values of some frames as they are stored, (rows, columns) float32 each.

    Args:
        data: all bytes of the file.
        frames: which, from 0.

    Raises:
        RejectedImageError: as `read_header`; also `not_finite`, `colour`, or `undecodable` naming the transfer syntax.
    """
    dataset = _parse(data)
    groups = list(_groups(dataset))
    return dicom_pixels.grey_values(dataset, frames, [_scale(groups[frame]) for frame in frames])


def _parse(data: bytes) -> Any:
    """Returns a pydicom Dataset that holds the allowed tags only and passed every check."""
    _check_inflated(data)
    dataset = dicom_pixels.read_dataset(io.BytesIO(data), _ALLOWED_TAGS)
    _check_kind(dataset)
    dicom_pixels.complete(dataset)
    num_frames = dicom_values.whole(dataset, "NumberOfFrames", 1)
    if not 1 <= num_frames <= _MAX_FRAMES:
        raise RejectedImageError("corrupt", f"NumberOfFrames is {num_frames}")
    dicom_pixels.check_transfer_syntax(dataset, num_frames)
    return dataset


def _check_inflated(data: bytes) -> None:
    """Refuses a deflated data set before pydicom reads it: it would inflate it whole, to a size that nothing bounds."""
    meta = read_dataset(
        io.BytesIO(data[_META_START:]), False, True, stop_when=lambda tag, vr, length: tag >> 16 != _META_GROUP
    )
    if meta.get("TransferSyntaxUID") == _DEFLATED:
        raise RejectedImageError("transfer_syntax", "Deflated Explicit VR Little Endian is not read; store it inflated")


def _check_kind(dataset: Any) -> None:
    uid = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    is_mr = uid == _MR_IMAGE or uid in _ENHANCED
    if "PixelData" not in dataset:
        if is_mr:
            raise RejectedImageError("truncated", "no pixel data: the file is cut off before its end")
        raise RejectedImageError("no_pixels", f"an object without pixels ({dicom_pixels.uid_name(uid)})")
    if uid in _SEGMENTATIONS:
        raise RejectedImageError("label_map", "the SOP class is that of segmentations")
    if not is_mr:
        raise RejectedImageError("not_mr", f"the SOP class is {dicom_pixels.uid_name(uid)}, not MR Image Storage")
    modality = dicom_values.text(dataset, "Modality")
    if modality != "MR":
        raise RejectedImageError("not_mr", f"the modality is {documented(modality, _MODALITIES.split())}, not MR")
    if uid == _MR_IMAGE and dicom_values.whole(dataset, "NumberOfFrames", 1) != 1:
        raise RejectedImageError("multi_frame", "several frames under the SOP class of single ones")
    grey = dicom_values.text(dataset, "PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    if not grey or dicom_values.whole(dataset, "SamplesPerPixel", 1) != 1:
        raise RejectedImageError("colour", "pixels in colours; only grey MR is read")
    if dicom_values.text(dataset, "BurnedInAnnotation").upper() == "YES":
        raise RejectedImageError("burned_in_annotation", "text is burnt into the pixels; it may name the patient")


_MODALITIES = (
    "AR AU BI CR CT DG DOC DX ECG ES FID GM HD IO IVUS KO LS MG NM OCT OP OT PR PT PX REG RF RG RTDOSE RTIMAGE RTPLAN "
    "RTSTRUCT RWV SC SEG SM SR ST TG US VL XA XC"
)
"""Defined terms of PS3.3, C.7.3.1.1.1."""


def _groups(dataset: Any) -> Iterator[dicom_values.Group]:
    """Yields the group of each frame."""
    frames = dicom_values.items(dataset, "PerFrameFunctionalGroupsSequence")
    if not frames:
        for _ in range(dicom_values.whole(dataset, "NumberOfFrames", 1)):
            yield [dataset]
        return
    if len(frames) != dicom_values.whole(dataset, "NumberOfFrames", 1):
        raise RejectedImageError("corrupt", "PerFrameFunctionalGroupsSequence does not describe NumberOfFrames frames")
    shared = dicom_values.items(dataset, "SharedFunctionalGroupsSequence")[:1]
    for frame in frames:
        described = [(group, name) for group in (frame, *shared) for name in _MACROS]
        yield [*(macro for each in described for macro in dicom_values.items(*each)[:1]), dataset]


_MACROS = (
    "FrameContentSequence", "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence",
    "PixelValueTransformationSequence", "MRImageFrameTypeSequence", "MREchoSequence", "MRModifierSequence",
    "MRTimingAndRelatedParametersSequence", "MRDiffusionSequence",
)  # fmt: skip
"""Functional groups (PS3.3, C.7.6.16 and C.8.13) that say what single images say at their top."""


def _header(dataset: Any) -> DicomHeader:
    groups = list(_groups(dataset))
    frames = tuple(_place(group, number) for number, group in enumerate(groups))
    warnings = []
    if frames[0].orientation is None:
        warnings.append("plane_unknown")
    if not dicom_values.text(dataset, "BurnedInAnnotation"):
        warnings.append("burned_in_unknown")
    number = dicom_values.number(dataset, "SeriesNumber")
    return DicomHeader(
        patient_id=_text(dataset, "PatientID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        instance_uid=_text(dataset, "SOPInstanceUID"),
        series_number=None if number is None else int(number),
        frames=frames,
        kind=dicom_kind.kind_of(groups[0], frames[0].orientation),
        warnings=tuple(warnings),
        claim=dicom_claims.claim_of(dataset),
        origin=dicom_origin.origin_of(dataset),
    )


def _place(group: dicom_values.Group, frame: int) -> FramePlace:
    def numbers(keyword: str, count: int) -> tuple[float, ...] | None:
        return dicom_values.numbers(dicom_values.holder(group, keyword), keyword, count)

    orientation = numbers("ImageOrientationPatient", 6)
    if orientation is None:
        orientation = dicom_kind.letters_to_orientation(dicom_values.texts(group[-1], "PatientOrientation"))
    elif not _MIN_NORMAL < float(np.linalg.norm(np.cross(orientation[:3], orientation[3:]))) < 1 / _MIN_NORMAL:
        raise RejectedImageError("corrupt", "ImageOrientationPatient is not two unit vectors at right angles")
    location = numbers("SliceLocation", 1)
    return FramePlace(
        shape=(int(group[-1].Rows), int(group[-1].Columns)),
        spacing=_spacing(numbers("PixelSpacing", 2)),
        orientation=orientation,
        corner=numbers("ImagePositionPatient", 3),
        location=location and location[0],
        number=dicom_values.first_number(group, "InStackPositionNumber", "InstanceNumber"),
        told_apart=tuple(dicom_values.first_number(group, *names) for names in _TOLD_APART_BY),
        content=dicom_kind.content_of(group),
        frame=frame,
    )


_TOLD_APART_BY = (
    ("FrameAcquisitionNumber", "AcquisitionNumber"),
    ("EffectiveEchoTime", "EchoTime"),
    ("TemporalPositionIndex", "TemporalPositionIdentifier"),
    ("DiffusionBValue",),
)
"""What differs between images of one place in one series: acquisition, echo, time, and diffusion weighting."""


def _spacing(found: tuple[float, ...] | None) -> tuple[float, float]:
    if found is None or not all(distance > 0 for distance in found):
        return 1.0, 1.0
    check_spacing(found)
    return found


def _scale(group: dicom_values.Group) -> tuple[float, float]:
    slope, intercept = (dicom_values.first_number(group, name) for name in ("RescaleSlope", "RescaleIntercept"))
    return slope or 1.0, intercept or 0.0


def _text(dataset: Any, keyword: str) -> str | None:
    return str(dataset.get(keyword) or "").strip() or None
