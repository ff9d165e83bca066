"""What the header of a DICOM file says that its image is, as an `ImageKind`; none of its texts leaves this module."""

import re
from collections.abc import Sequence

import numpy as np

from contrast_tfdata.images import dicom_values, sequences
from contrast_tfdata.images.kinds import UNKNOWN, ImageKind

TAGS = (
    "ImageType", "ComplexImageComponent", "ScanningSequence", "EchoTime", "RepetitionTime", "InversionTime",
    "DiffusionBValue", "AngioFlag", "EchoPulseSequence", "EchoPlanarPulseSequence", "SeriesDescription",
    "ProtocolName", "SequenceName", "PulseSequenceName", "LossyImageCompression", "PatientOrientation",
)  # fmt: skip
"""The tags that it is made from (PS3.3, C.7.6.1, C.8.3.1, C.8.13)."""

_PLANES = ("sagittal", "coronal", "axial")
# Values of ImageType, in capitals. Of a whole value, or of the parts between its underscores: ADC_10^-6_mm2/s, M_FFE.
_CONTENTS = {
    "localizer": "LOCALIZER LOCALISER SCOUT SURVEY",
    "mosaic": "MOSAIC",
    "projection": "PROJECTION MIP MINIP MNIP MAXIP MEANIP VRT SSD",
    "phase": "P PHASE PCA VELOCITY R REAL I IMAGINARY B0",
    "derived": "ADC FA DTI EADC TRACE TRACEW TENSOR COLFA CBF CBV MTT TTP TMAX PBP RCBV RCBF PERFUSION SUBTRACT "
    "SUBTRACTION SUB DIFFERENCE QUANT T1MAP T2MAP R2MAP T2STAR SWI QSM FMRI ZSCORE STATISTICAL CSI SPECTRO WATERMAP "
    "FATFRACTION MASK SEGMENTATION",
    "screenshot": "SCREEN SCREENSHOT",
}  # fmt: skip
_CONTENT_OF = {word: content for content, words in _CONTENTS.items() for word in words.split()}
_STRONGEST = ("mosaic", "localizer", "projection", "phase", "derived", "screenshot")
_SAME_PICTURE = {"MPR", "REFORMATTED", "RESAMPLED", "DIS2D", "DIS3D"}
"""Cut anew out of a volume, or corrected for the bending of its gradients: the same tissue in the same greys."""
_DESCRIBED = {
    "localizer": re.compile(r"\b(localizer|localiser|lokalizer|loc|scout|survey|scano|topogram|3[\s-]?plane|3pl)\b"),
    "projection": re.compile(r"\b(mip|minip|min[\s-]?ip)\b"),
    "derived": re.compile(r"\b(sub|subtraction|subtr|subtracted)\b"),
    "phase": re.compile(r"\b(phase|pha|real|imaginary)[\s_-]?(map|image|images)?$"),
}


def kind_of(group: dicom_values.Group, orientation: Sequence[float] | None) -> ImageKind:
    """Returns what a header says of a frame.

    Args:
        group: pydicom data sets that hold `TAGS`, or some of them, the nearest to the frame first; damaged elements
            count as missing.
        orientation: the directions of its rows and columns, or None.
    """
    texts = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    sequence = sequences.sequence_of(_timing(group), *(_text(group, name) for name in texts))
    if sequence == UNKNOWN and _text(group, "AngioFlag").upper() == "Y":
        sequence = "other"
    return ImageKind(plane_of(orientation), sequence, content_of(group))


def plane_of(orientation: Sequence[float] | None) -> str:
    """Returns the plane that two direction cosines span, or lie nearest to; `unknown` where there are none."""
    if orientation is None:
        return UNKNOWN
    return _PLANES[int(np.argmax(np.abs(np.cross(orientation[:3], orientation[3:]))))]


def letters_to_orientation(values: Sequence[str]) -> tuple[float, ...] | None:
    """Returns what PatientOrientation says, as direction cosines along the axes: A, F is (0, -1, 0, 0, 0, -1).

    Of a direction of several letters the first counts, which is the nearest (PS3.3, C.7.6.1.1.1).

    Args:
        values: directions of a row and of a column, in letters.
    """
    axes = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}
    found = [axes.get(str(value).strip().upper()[:1]) for value in values]
    if len(found) != 2 or None in found or found[0][0] == found[1][0]:
        return None
    cosines = np.zeros((2, 3))
    for row, (axis, sign) in enumerate(found):
        cosines[row, axis] = sign
    return tuple(cosines.ravel().tolist())


def content_of(group: dicom_values.Group) -> str:
    """Returns what the pixels of a frame show, one of `kinds.CONTENTS`; `group` as in `kind_of`."""
    types = [value.upper() for value in _texts(group, "FrameType") or _texts(group, "ImageType")]
    found = {_CONTENT_OF[word] for value in types[2:] for word in _parts(value) if word in _CONTENT_OF}
    if _text(group, "ComplexImageComponent").upper() in ("PHASE", "REAL", "IMAGINARY"):
        found.add("phase")
    # A picture that was compressed with losses counts as derived too (PS3.3, C.7.6.1.1.2).
    is_compressed = _text(group, "LossyImageCompression") == "01" and len(types) < 3
    if types[:1] == ["DERIVED"] and not (found or is_compressed or _is_same_picture(types)):
        found.add("derived")
    for content in _STRONGEST:
        if content in found:
            return content
    described = _text(group, "SeriesDescription")[:256].casefold().replace("_", " ")
    return next((content for content, pattern in _DESCRIBED.items() if pattern.search(described)), "magnitude")


def _timing(group: dicom_values.Group) -> sequences.Timing:
    scanning = {value.upper() for value in _texts(group, "ScanningSequence")}
    pulse = _text(group, "EchoPulseSequence").upper()  # Of enhanced images, in words.
    is_gradient = None
    if scanning & {"SE", "GR"} or pulse:
        is_gradient = ("GR" in scanning and "SE" not in scanning) or pulse == "GRADIENT"
    echo, repetition, inversion, b_value = (
        sequences.milliseconds(dicom_values.first_number(group, *names))
        for names in (
            ("EffectiveEchoTime", "EchoTime"), ("RepetitionTime",), ("InversionTimes", "InversionTime"),
            ("DiffusionBValue",),
        )
    )  # fmt: skip
    is_planar = "EP" in scanning or _text(group, "EchoPlanarPulseSequence").upper() == "YES"
    return sequences.Timing(echo, repetition, inversion, b_value, is_gradient, is_planar)


def _text(group: dicom_values.Group, keyword: str) -> str:
    return dicom_values.text(dicom_values.holder(group, keyword), keyword)


def _texts(group: dicom_values.Group, keyword: str) -> list[str]:
    return dicom_values.texts(dicom_values.holder(group, keyword), keyword)


def _is_same_picture(values: Sequence[str]) -> bool:
    """Whether a derived image shows what was acquired."""
    return any(word in _SAME_PICTURE for value in values[2:] for word in _parts(value))


def _parts(value: str) -> list[str]:
    return [value, *re.split(r"[^A-Z0-9]+", value)]
