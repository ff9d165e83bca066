"""The one door from bytes to slices: facts without decoding pixels, then slices.

Whatever is wrong with the bytes leaves here as RejectedImageError. No decoder's own exception does: Pillow, pydicom and
nibabel raise dozens of kinds on damaged input, and a single one that slipped through would stop a run over a million
files.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Iterator, Sequence

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.images import dicom, nifti, raster
from contrast_tfdata.images.slices import FileFacts, RejectedImageError, Slice
from contrast_tfdata.images.sniffing import HEAD_BYTES, sniff


def scan(data: bytes) -> FileFacts:
    """Returns what is known about a file without decoding its pixels.

    Args:
        data: all bytes of the file.

    Raises:
        RejectedImageError: the format is not read, or the header says that the image cannot be used.
        UsageError: the package that reads this format is not installed.
    """
    image_format = sniff(data[:HEAD_BYTES])
    sha256 = hashlib.sha256(data).digest()
    with _rejecting(image_format):
        if image_format == "dicom":
            return _dicom_facts(data, sha256)
        if image_format == "nifti":
            header = nifti.read_header(data)
            return FileFacts(sha256, image_format, len(data), header.num_slices, warnings=header.warnings)
        raster.check_header(data, image_format)
    return FileFacts(sha256, image_format, len(data))


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
        UsageError: the package that reads this format is not installed.
        ValueError: `indices` does not fit the file.
    """
    _check_indices(facts, indices)
    if hashlib.sha256(data).digest() != facts.sha256:
        raise RejectedImageError("changed", "the file changed between being scanned and being read")
    with _rejecting(facts.format):
        if facts.format == "nifti":
            return nifti.read_slices(data, indices)
        if facts.format == "dicom":
            return [dicom.read_slice(data, indices[0])]
        return [raster.read_picture(data, facts.format, indices[0])]


def _dicom_facts(data: bytes, sha256: bytes) -> FileFacts:
    header = dicom.read_header(data)
    return FileFacts(
        sha256,
        "dicom",
        len(data),
        patient_id=header.patient_id,
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        position=header.position,
        warnings=header.warnings,
        claim=header.claim,
        subgroups=header.origin,
    )


def _check_indices(facts: FileFacts, indices: Sequence[int]) -> None:
    if facts.format != "nifti" and len(indices) != 1:
        raise ValueError(f"A {facts.format} file has one slice. Received: indices={list(indices)}")
    if facts.format == "nifti" and not all(0 <= index < facts.num_slices for index in indices):
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
