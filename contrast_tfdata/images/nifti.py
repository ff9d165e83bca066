"""NIfTI volumes (versions 1 and 2, single file, plain or gzip-compressed): their sagittal slices."""

import dataclasses
import math
import zlib
from collections.abc import Sequence
from typing import Any

import nibabel
import numpy as np

from contrast_tfdata.images.label_maps import check_intensities
from contrast_tfdata.images.slices import RejectedImageError, Slice, check_finite
from contrast_tfdata.images.volumes import Grid

MAX_VOXELS = 512**3
MAX_VOLUME_BYTES = (1 << 30) + (1 << 20)
"""Most voxels of a volume, and most bytes of its file once decompressed: voxels of 64 bits and 1 MiB of headers.
Both bound the memory that a forged header or a compressed bomb can take."""
_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 1024
_MAX_FORM_CODE = 5  # NIFTI_XFORM_TEMPLATE_OTHER of nifti1.h.
_LABEL_INTENTS = (1002, 1003)  # NIFTI_INTENT_LABEL, NIFTI_INTENT_NEURONAME.
_LONGEST_QUATERNION = 1.1  # Squared: of three numbers that were rounded to two decimals, with a margin.
_SHORTEST_QUATERNION = 1e-7  # Squared, of the part that is not stored: below it nifti1_io.c takes it for zero.
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
        RejectedImageError: `label_map`, `not_3d`, `colour` (or complex) voxels, `too_small`, `too_large`,
            `bad_spacing`, `truncated` or `corrupt`.
    """
    header = _stored_header(_decompressed(data, _HEAD_BYTES))
    _check_codes(header)
    stored_shape = _shape(header)
    data_bytes = _data_bytes(header, stored_shape)
    if not data.startswith(_GZIP) and len(data) < data_bytes:
        raise RejectedImageError("truncated", f"{len(data)} of {data_bytes} bytes")
    return NiftiHeader(_grid(header, stored_shape), data_bytes, _warnings(header))


def read_slices(data: bytes, indices: Sequence[int]) -> list[Slice]:
    """Returns sagittal slices of a NIfTI volume, each head up with the nose to the left.

    The whole volume is checked for NaN and infinity, not only the slices asked for.

    Args:
        data: all bytes of the file.
        indices: sagittal positions, 0 at the patient's left.

    Returns:
        Slices of float32 pixels (feet-head, front-back), in the order of `indices`.

    Raises:
        RejectedImageError: as `read_header`; also `not_finite`, or `label_map` for what its voxels are.
    """
    header = read_header(data)
    voxels = _voxels(_decompressed(data, header.data_bytes, whole=True))
    check_intensities(voxels)  # Of the whole volume: a lesion may lie in none of the slices asked for.
    return header.grid.sagittal_slices(voxels, indices)


def _stored_header(head: bytes) -> Any:
    # The first field is the header's size, 348 (0x015C) or 540 (0x021C), in either byte order. Unchecked: nibabel's
    # checks repair a damaged header and go on, here it is refused.
    header_class = nibabel.Nifti1Header if 0x5C in (head[0], head[3]) else nibabel.Nifti2Header
    return header_class(head[: header_class.sizeof_hdr], check=False)


def _check_codes(header: Any) -> None:
    if int(header["intent_code"]) in _LABEL_INTENTS:
        raise RejectedImageError("label_map", "the header says that voxels are labels of regions (intent_code)")
    defined = {name: range(_MAX_FORM_CODE + 1) for name in ("qform_code", "sform_code")}
    for name, codes in {**defined, "datatype": nibabel.nifti1.data_type_codes.value_set("code")}.items():
        if int(header[name]) not in codes:
            raise RejectedImageError("corrupt", f"{name} is {int(header[name])}, which NIfTI does not define")
    if not math.isfinite(header["vox_offset"]):
        raise RejectedImageError("corrupt", "vox_offset is no number")


def _shape(header: Any) -> tuple[int, ...]:
    shape = tuple(int(size) for size in header.get_data_shape())
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        raise RejectedImageError("not_3d", f"a volume of shape {shape}; only three dimensions are read")
    if min(shape) < 1:
        raise RejectedImageError("corrupt", f"a volume of shape {shape}")
    return shape[:3]


def _grid(header: Any, shape: Sequence[int]) -> Grid:
    """Returns how the voxels lie, by the first of sform and qform that says it: what one lacks the other may have."""
    forms = [(name, form) for name, form in _FORMS.items() if int(header[f"{name}_code"]) > 0]
    failures = []
    for name, form in forms or [("pixdim", _by_axes)]:
        try:
            affine = np.eye(4)  # Where the volume lies in the scanner is not asked.
            affine[:3, :3] = form(header) * _millimetres(header)
            return Grid.of(affine, shape)
        except RejectedImageError as error:
            if error.code not in ("corrupt", "bad_spacing"):
                raise
            failures.append(RejectedImageError(error.code, f"{name}: {error.detail}"))
    raise failures[0]


def _sform(header: Any) -> np.ndarray:
    return np.stack([header[name][:3] for name in ("srow_x", "srow_y", "srow_z")]).astype(np.float64)


def _qform(header: Any) -> np.ndarray:
    """Returns (3, 3) of the quaternion and the voxel sizes, by the rules of nifti1.h and nifti1_io.c.

    Of the quaternion three numbers are stored; rounding may leave them a little longer than 1: then the fourth is 0.
    """
    stored = np.array([header[f"quatern_{name}"] for name in "bcd"], np.float64)
    length = float(stored @ stored)
    if not length <= _LONGEST_QUATERNION:
        raise RejectedImageError("corrupt", "quatern_b, quatern_c and quatern_d are no rotation")
    if 1 - length < _SHORTEST_QUATERNION:
        quaternion = np.array([0.0, *(stored / math.sqrt(length))])
    else:
        quaternion = np.array([math.sqrt(1 - length), *stored])
    sizes = _voxel_sizes(header)
    sizes[2] *= -1 if header["pixdim"][0] < 0 else 1  # qfac; 0 is taken for 1.
    return nibabel.quaternions.quat2mat(quaternion) * sizes


def _by_axes(header: Any) -> np.ndarray:
    """Returns (3, 3) of a header without either form, as in ANALYZE files: to the left, the front and the head."""
    return np.diag(_voxel_sizes(header) * (-1, 1, 1))


_FORMS = {"sform": _sform, "qform": _qform}
"""What says how voxels lie, the one that is asked first."""


def _voxel_sizes(header: Any) -> np.ndarray:
    """Returns (3,) distances: pixdim without its sign, and 1 where it says nothing, as nifti1_io.c takes it."""
    sizes = np.abs(header["pixdim"][1:4].astype(np.float64))
    return np.where((sizes > 0) & np.isfinite(sizes), sizes, 1.0)


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
    slope, intercept = float(stored["scl_slope"]), float(stored["scl_inter"])
    if slope and math.isfinite(slope):  # Else the header says that values are not scaled.
        intercept = intercept if math.isfinite(intercept) else 0.0
        voxels = voxels if (slope, intercept) == (1, 0) else voxels * np.float64(slope) + np.float64(intercept)
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
