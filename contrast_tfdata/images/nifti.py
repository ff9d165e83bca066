"""NIfTI volumes (versions 1 and 2, single file, plain or gzip-compressed): their sagittal slices."""

import dataclasses
import math
import zlib
from collections.abc import Sequence
from typing import Any

import nibabel
import numpy as np

from contrast_tfdata.images.slices import RejectedImageError, Slice, check_finite
from contrast_tfdata.images.volumes import Grid

MAX_VOXELS = 512**3
MAX_VOLUME_BYTES = (1 << 30) + (1 << 20)
"""Most voxels of a volume, and most bytes of its file once decompressed: voxels of 64 bits and 1 MiB of headers.
Both bound the memory that a forged header or a compressed bomb can take."""
_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 1024
_MAX_FORM_CODE = 5  # NIFTI_XFORM_TEMPLATE_OTHER of nifti1.h.
_UNITS = {"meter": 1000.0, "micron": 0.001}
"""Millimetres, which most files are in, by the name that nibabel gives a unit."""
_GZIP_SLACK = 1 << 16  # Padding after the voxels that is still decompressed, to reach and verify gzip's checksum.


@dataclasses.dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI file says about its volume.

    Attributes:
        grid: how its voxels lie.
        data_bytes: bytes that the file must have once decompressed.
        warnings: codes as in `FileFacts.warnings`.
    """

    grid: Grid
    data_bytes: int
    warnings: tuple[str, ...]

    @property
    def num_slices(self) -> int:
        """Sagittal slices in the volume."""
        return self.grid.shape[0]


def read_header(data: bytes) -> NiftiHeader:
    """Returns what a NIfTI file says about its volume; no voxel is decoded and no more than its head decompressed.

    Args:
        data: all bytes of the file.

    Raises:
        RejectedImageError: `not_3d`, `colour` (or complex) voxels, `too_small`, `too_large`, `bad_spacing`, `truncated`
            or `corrupt`.
    """
    header = _stored_header(_decompressed(data, _HEAD_BYTES))
    _check_codes(header)
    stored_shape = _shape(header)
    data_bytes = _data_bytes(header, stored_shape)
    if not data.startswith(_GZIP) and len(data) < data_bytes:
        raise RejectedImageError("truncated", f"{len(data)} of {data_bytes} bytes")
    affine = header.get_best_affine()
    affine[:3] *= _millimetres(header)
    return NiftiHeader(Grid.of(affine, stored_shape), data_bytes, _warnings(header))


def read_slices(data: bytes, indices: Sequence[int]) -> list[Slice]:
    """Returns sagittal slices of a NIfTI volume, each head up with the nose to the left.

    The whole volume is checked for NaN and infinity, not only the slices asked for.

    Args:
        data: all bytes of the file.
        indices: sagittal positions, 0 at the patient's left.

    Returns:
        Slices of float32 pixels (feet-head, front-back), in the order of `indices`.

    Raises:
        RejectedImageError: as `read_header`; also `not_finite`.
    """
    header = read_header(data)
    voxels = _voxels(_decompressed(data, header.data_bytes, whole=True))
    return header.grid.sagittal_slices(voxels, indices)


def _stored_header(head: bytes) -> Any:
    # The first field is the header's size, 348 (0x015C) or 540 (0x021C), in either byte order. Unchecked: nibabel's
    # checks repair a damaged header and go on, here it is refused.
    header_class = nibabel.Nifti1Header if 0x5C in (head[0], head[3]) else nibabel.Nifti2Header
    return header_class(head[: header_class.sizeof_hdr], check=False)


def _check_codes(header: Any) -> None:
    for name in ("qform_code", "sform_code"):
        if not 0 <= int(header[name]) <= _MAX_FORM_CODE:
            raise RejectedImageError("corrupt", f"{name} is {int(header[name])}, which NIfTI does not define")


def _shape(header: Any) -> tuple[int, ...]:
    shape = tuple(int(size) for size in header.get_data_shape())
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        raise RejectedImageError("not_3d", f"a volume of shape {shape}; only three dimensions are read")
    if min(shape) < 1:
        raise RejectedImageError("corrupt", f"a volume of shape {shape}")
    return shape[:3]


def _millimetres(header: Any) -> float:
    try:
        return _UNITS.get(header.get_xyzt_units()[0], 1.0)
    except KeyError:  # A code that NIfTI does not define says as little as none.
        return 1.0


def _data_bytes(header: Any, shape: Sequence[int]) -> int:
    """Returns how many bytes the decompressed file must have; refuses voxels that are not grey, and giants."""
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise RejectedImageError("colour", f"voxels of type {dtype}; only grey values of at most 64 bits are read")
    offset = int(header["vox_offset"])
    if offset < header.single_vox_offset:
        raise RejectedImageError("corrupt", f"the voxels begin at byte {offset}, inside the header")
    data_bytes = offset + math.prod(shape) * dtype.itemsize
    if math.prod(shape) > MAX_VOXELS or data_bytes > MAX_VOLUME_BYTES:
        limits = f"the most is {MAX_VOXELS} voxels and {MAX_VOLUME_BYTES} bytes"
        raise RejectedImageError("too_large", f"a volume of {math.prod(shape)} voxels, {data_bytes} bytes; {limits}")
    return data_bytes


def _warnings(header: Any) -> tuple[str, ...]:
    # Without either code nibabel assumes the order of ANALYZE files, which is a convention and not knowledge.
    known = int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0
    return () if known else ("plane_unknown",)


def _voxels(raw: bytes) -> np.ndarray:
    """Returns the scaled voxels as stored, float32."""
    stored = _stored_header(raw)
    shape = _shape(stored)
    voxels = np.frombuffer(raw, stored.get_data_dtype(), math.prod(shape), int(stored["vox_offset"]))
    slope, intercept = stored.get_slope_inter()  # None where the header says that values are not scaled.
    if slope is not None and (slope, intercept) != (1, 0):
        voxels = voxels * np.float64(slope) + np.float64(intercept)
    volume = voxels.astype(np.float32).reshape(shape, order="F")
    check_finite(volume)
    return volume


def _decompressed(data: bytes, size: int, *, whole: bool = False) -> bytes:
    """Returns at least the first `size` bytes of a volume, decompressing no more than it must.

    Args:
        data: the file's bytes, gzip or plain.
        size: bytes wanted.
        whole: whether a shorter stream, or one whose end and checksum are missing, is an error.

    Raises:
        RejectedImageError: `truncated`, or `corrupt` where gzip's data or checksum is wrong.
    """
    if not data.startswith(_GZIP):
        return data
    limit = size + _GZIP_SLACK if whole else size
    parts, length, rest, ended = [], 0, data, False
    try:
        while rest.startswith(_GZIP) and length < limit:  # A gzip file may have several members (RFC 1952, 2.2).
            stream = zlib.decompressobj(wbits=31)
            parts.append(stream.decompress(rest, limit - length))
            length, rest, ended = length + len(parts[-1]), stream.unused_data, stream.eof
    except zlib.error as error:
        raise RejectedImageError("corrupt", f"gzip: {error}") from error
    if whole and (length < size or not (ended or length >= limit)):
        raise RejectedImageError("truncated", f"gzip: {length} of {size} bytes")
    return b"".join(parts)
