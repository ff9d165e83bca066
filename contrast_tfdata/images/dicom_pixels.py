"""The pixels of a DICOM file: which transfer syntaxes are read, and stored values to grey values.

One decoder for each transfer syntax: pydicom alone would take whichever is installed first, and of lossy pictures two
decoders may give two results. gdcm, its first choice, ends the whole process on some damaged JPEGs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.uid import UID

from contrast_tfdata.images import dicom_stream, dicom_values, jpeg_integrity
from contrast_tfdata.images.kinds import documented
from contrast_tfdata.images.slices import RejectedImageError, check_finite, check_size

TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelData",
)  # fmt: skip
"""The tags that describe pixels (PS3.3, C.7.6.3 and C.7.5.1.1.2)."""

_OWN = "imagecodecs"
_PLUGINS = {
    "1.2.840.10008.1.2": "",
    "1.2.840.10008.1.2.1": "",
    "1.2.840.10008.1.2.2": "",
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.57": _OWN,
    "1.2.840.10008.1.2.4.70": _OWN,
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",
}
"""By transfer syntax the decoder: pydicom's plugin of that name, one that is called here, or "" for none."""
_MOST_BITS = 32


def complete(dataset: Any) -> None:
    """Gives a data set the elements that have a default where they are missing, so that decoders find them.

    Raises:
        RejectedImageError: `corrupt`, naming the element, where one without a default is missing, or they contradict
            each other.
    """
    allocated = dicom_values.whole(dataset, "BitsAllocated")
    stored = dicom_values.whole(dataset, "BitsStored", allocated)
    if allocated not in (8, 16, _MOST_BITS) or not 1 <= stored <= allocated:
        raise RejectedImageError("corrupt", f"BitsStored is {stored} of BitsAllocated {allocated}")
    dataset.BitsAllocated, dataset.BitsStored = allocated, stored
    dataset.HighBit = stored - 1
    dataset.PixelRepresentation = dicom_values.whole(dataset, "PixelRepresentation", 0)
    dataset.SamplesPerPixel = dicom_values.whole(dataset, "SamplesPerPixel", 1)
    dataset.Rows, dataset.Columns = (dicom_values.whole(dataset, name) for name in ("Rows", "Columns"))
    check_size(dataset.Rows, dataset.Columns)


def check_transfer_syntax(dataset: Any, num_frames: int) -> None:
    """Refuses pixels that are not read here, and compressed ones that are cut or of another size than the header says.

    Raises:
        RejectedImageError: `transfer_syntax`, `truncated`, `corrupt`, `trailing_data` or `too_large`.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise RejectedImageError("transfer_syntax", "the file does not name its transfer syntax")
    if syntax not in _PLUGINS:
        how = "store it uncompressed first, for example with gdcmconv --raw"
        raise RejectedImageError("transfer_syntax", f"{uid_name(syntax)} is not read; {how}")
    plugin = _PLUGINS[syntax]
    if plugin not in ("", _OWN) and plugin not in get_decoder(syntax).available_plugins:
        needs = "pip install pyjpegls"
        raise RejectedImageError("transfer_syntax", f"{uid_name(syntax)} cannot be decoded here: {needs}")
    if plugin:
        dicom_stream.check_frames(dataset, num_frames)
        return
    needed = num_frames * dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
    if len(dataset.PixelData) < needed:
        raise RejectedImageError("truncated", f"{len(dataset.PixelData)} of {needed} bytes of pixels")


def grey_values(dataset: Any, frames: Sequence[int], scales: Sequence[tuple[float, float]]) -> list[np.ndarray]:
    """Returns the grey values of some frames, (rows, columns) float32 each.

    They are stored values times slope plus intercept (PS3.3, C.11.1.1.2). Padding, which is no intensity (C.7.5.1.1.2),
    gets the smallest value that is none; MONOCHROME1, where the smallest value is white, is reflected within the range
    of its values.

    Args:
        dataset: a pydicom Dataset that passed `complete` and `check_transfer_syntax`.
        frames: which, from 0.
        scales: slope and intercept of each.

    Raises:
        RejectedImageError: `undecodable` naming the transfer syntax, `colour`, or `not_finite`.
    """
    decoded = _stored_values(dataset, frames)
    return [_grey(dataset, stored, *scale) for stored, scale in zip(decoded, scales, strict=True)]


def _stored_values(dataset: Any, frames: Sequence[int]) -> list[np.ndarray]:
    syntax = dataset.file_meta.TransferSyntaxUID
    if _PLUGINS[syntax] == _OWN:
        return [_lossless(dataset, frame) for frame in frames]
    try:
        return list(iter_pixels(dataset, indices=list(frames), decoding_plugin=_PLUGINS[syntax]))
    except (RuntimeError, NotImplementedError) as error:  # What pydicom raises when the decoder cannot read the stream.
        detail = f"{uid_name(syntax)}: the pixels are damaged or of a kind not supported"
        raise RejectedImageError("undecodable", detail) from error


def _lossless(dataset: Any, frame: int) -> np.ndarray:
    """Returns a frame of JPEG Lossless, as what the header says of its bits and signs."""
    whole = int(dataset.get("NumberOfFrames") or 1)
    stored = jpeg_integrity.decode_lossless(get_frame(dataset.PixelData, frame, number_of_frames=whole))
    kind = np.dtype(f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}")
    unused = dataset.BitsAllocated - dataset.BitsStored
    return (stored.astype(kind.str.replace("i", "u")) << unused).view(kind) >> unused


def _grey(dataset: Any, stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    if stored.ndim != 2:
        raise RejectedImageError("colour", f"decoded to an array of shape {stored.shape}; only grey MR is read")
    check_size(*stored.shape)
    pixels = (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    check_finite(pixels)
    padding = _padding(dataset, stored)
    shown = pixels if padding is None else pixels[~padding]
    low, high = shown.min(initial=np.inf), shown.max(initial=-np.inf)
    if dataset.PhotometricInterpretation == "MONOCHROME1" and len(shown):
        pixels = high + low - pixels
    if padding is not None:
        pixels[padding] = low if len(shown) else 0.0
    return pixels


def _padding(dataset: Any, stored: np.ndarray) -> np.ndarray | None:
    """Returns which stored values are padding; None where the header names none."""
    ends = [dicom_values.number(dataset, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    low, high = sorted(_as_stored(dataset, int(each)) for each in (ends[0], ends[0] if ends[1] is None else ends[1]))
    found = (low <= stored) & (stored <= high)
    return found if found.any() else None


def _as_stored(dataset: Any, value: int) -> int:
    """Returns a padding value with the sign that pixels have: writers mistake one kind of number for the other."""
    span = 1 << dataset.BitsAllocated
    if dataset.PixelRepresentation:
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value


def uid_name(uid: str) -> str:
    """Returns the name that the standard gives a UID, or `unknown` or `missing`."""
    name = UID(uid).name
    return documented(name, () if name == uid else (name,))


def read_dataset(data: Any, tags: Sequence[str]) -> Any:
    """Returns the data set of a file, with these tags only."""
    return pydicom.dcmread(data, specific_tags=list(tags))
