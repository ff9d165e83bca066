"""The one door from bytes to slices: facts without decoding pixels, then slices.

Whatever is wrong with the bytes leaves here as RejectedImageError. No decoder's own exception does: Pillow, pydicom and
nibabel raise dozens of kinds on damaged input, and a single one that slipped through would stop a run over a million
files.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.images import raster
from contrast_tfdata.images.label_maps import check_intensities
from contrast_tfdata.images.slices import FileFacts, RejectedImageError, Slice
from contrast_tfdata.images.sniffing import HEAD_BYTES, sniff
from contrast_tfdata.images.volumes import upright


def scan(data: bytes, promised: str | None = None) -> FileFacts:
    """Returns what is known about a file without decoding its pixels.

    Args:
        data: all bytes of the file.
        promised: the format that its name promises, or None.

    Raises:
        RejectedImageError: the format is not read, or the header says that the image cannot be used.
    """
    image_format = sniff(data[:HEAD_BYTES], promised)
    sha256 = hashlib.sha256(data).digest()
    with _rejecting(image_format):
        return _reader_of(image_format).scan(data, image_format, sha256)


def read(data: bytes, facts: FileFacts, indices: Sequence[int]) -> list[Slice]:
    """Returns slices of a file that was scanned before.

    Args:
        data: all bytes of the file; the same that `scan` saw.
        facts: what `scan` returned.
        indices: for a volume, the sagittal slices wanted, each in [0, facts.num_slices); for a picture or a DICOM file
            one number: the index that its one slice is to carry.

    Returns:
        One slice for each index, in their order.

    Raises:
        RejectedImageError: the pixels cannot be used, or the bytes are not those of the scan (`changed`).
        ValueError: `indices` does not fit the file.
    """
    _check_indices(facts, indices)
    _check_unchanged(data, facts)
    with _rejecting(facts.format):
        return _reader_of(facts.format).read(data, facts.format, indices)


class _Reader(NamedTuple):
    """What it takes to read a format.

    Attributes:
        scan: from bytes, format and SHA-256 to what is known without decoding.
        read: from bytes, format and indices to slices.
        is_volume: whether a file holds as many slices as its facts say, and not one.
    """

    scan: Callable[[bytes, str, bytes], FileFacts]
    read: Callable[[bytes, str, Sequence[int]], list[Slice]]
    is_volume: bool = False


def _scan_picture(data: bytes, image_format: str, sha256: bytes) -> FileFacts:
    raster.check_header(data, image_format)
    return FileFacts(sha256, image_format, len(data))


def _scan_nifti(data: bytes, image_format: str, sha256: bytes) -> FileFacts:
    from contrast_tfdata.images import nifti  # Here, as for DICOM: pictures need not wait for what these import.

    header = nifti.read_header(data)
    return FileFacts(
        sha256, image_format, len(data), header.num_slices, is_thick=header.grid.is_thick, warnings=header.warnings
    )


def _read_nifti(data: bytes, image_format: str, indices: Sequence[int]) -> list[Slice]:
    from contrast_tfdata.images import nifti

    return nifti.read_slices(data, indices)


def _scan_dicom(data: bytes, image_format: str, sha256: bytes) -> FileFacts:
    from contrast_tfdata.images import dicom

    header = dicom.read_header(data)
    return FileFacts(
        sha256,
        image_format,
        len(data),
        num_slices=len(header.frames),
        kind=header.kind,
        patient_id=header.patient_id,
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        instance_uid=header.instance_uid,
        series_number=header.series_number,
        frames=header.frames,
        warnings=header.warnings,
        claim=header.claim,
        subgroups=header.origin,
    )


def _read_dicom(data: bytes, image_format: str, indices: Sequence[int]) -> list[Slice]:
    from contrast_tfdata.images import dicom

    (place,) = dicom.read_header(data).frames
    (plane,) = dicom.read_planes(data, [0])
    check_intensities(plane)
    return [upright(plane, place, indices[0])]


def _read_picture(data: bytes, image_format: str, indices: Sequence[int]) -> list[Slice]:
    picture = raster.read_picture(data, image_format, indices[0])
    check_intensities(picture.pixels)
    return [picture]


_PICTURES = _Reader(_scan_picture, _read_picture)
_READERS = {
    "dicom": _Reader(_scan_dicom, _read_dicom),
    "nifti": _Reader(_scan_nifti, _read_nifti, is_volume=True),
}
"""By the name that `sniff` gives a format; a new one goes there, too."""


def read_planes(data: bytes, facts: FileFacts, frames: Sequence[int]) -> list[np.ndarray]:
    """Returns the pixels of some slices of a DICOM file as they are stored, (rows, columns) float32 each.

    Args:
        data: all bytes of the file; the same that `scan` saw.
        facts: what `scan` returned.
        frames: which, from 0.

    Raises:
        RejectedImageError: as `read`.
    """
    from contrast_tfdata.images import dicom

    _check_unchanged(data, facts)
    with _rejecting(facts.format):
        return dicom.read_planes(data, frames)


def _check_unchanged(data: bytes, facts: FileFacts) -> None:
    if hashlib.sha256(data).digest() != facts.sha256:
        raise RejectedImageError("changed", "the file changed between being scanned and being read")


def _reader_of(image_format: str) -> _Reader:
    return _READERS.get(image_format, _PICTURES)


def _check_indices(facts: FileFacts, indices: Sequence[int]) -> None:
    is_volume = _reader_of(facts.format).is_volume
    if not is_volume and len(indices) != 1:
        raise ValueError(f"A {facts.format} file has one slice. Received: indices={list(indices)}")
    if is_volume and not all(0 <= index < facts.num_slices for index in indices):
        raise ValueError(f"The volume has {facts.num_slices} slices. Received: indices={list(indices)}")


@contextlib.contextmanager
def _rejecting(image_format: str) -> Iterator[None]:
    """Turns whatever a decoder raises into RejectedImageError, and silences its warnings: they name no file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RejectedImageError, ContrastError):
        raise
    except MemoryError as error:
        raise RejectedImageError("too_large", f"not enough memory to decode this {image_format} file") from error
    except Exception as error:
        # The kind of the error only: a decoder's message may quote the value of a tag, and with it a patient.
        raise RejectedImageError("corrupt", f"the {image_format} decoder failed ({type(error).__name__})") from error
