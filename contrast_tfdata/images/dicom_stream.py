"""Whether the compressed pixels of a DICOM file are whole and of the size that its header says.

A decoder believes the coded picture, not the header around it: two kilobytes of JPEG 2000 may say 13000 x 13000 under a
header of 64 x 64, and a cut JPEG-LS keeps one busy without end. So this is looked at before a decoder runs.
"""

import importlib
import struct
from collections.abc import Callable
from typing import Any

from contrast_tfdata.images import jpeg_integrity
from contrast_tfdata.images.slices import RejectedImageError, check_end

_RLE_HEADER_BYTES = 64  # The number of segments and 15 offsets (PS3.5, G.5).
_RLE_NO_OPERATION = 128
# Markers of JPEG 2000 (ITU-T T.800, table A.2); the last one also ends JPEG and JPEG-LS.
_CODESTREAM_START, _TILE_PART, _TILE_DATA, _END = b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\x93", b"\xff\xd9"
_CODING_STYLES = {b"\xff\x52": (0, 5), b"\xff\x53": (1, 2)}  # Where their flags and their sizes stand (A.6.1, A.6.2).
# A decoder takes kilobytes for a tile and hundreds of bytes for a precinct or a code-block, also for empty ones.
# Encoders make one tile or some hundred, and blocks of 32 or 64.
_MAX_TILES, _MIN_BLOCK_BITS = 4096, 4
_JPEG_BITS = 8


def check_frames(dataset: Any, num_frames: int) -> None:
    """Checks the frames of a dataset whose transfer syntax is compressed, before its decoder may see them.

    Args:
        dataset: a pydicom Dataset with Rows, Columns, BitsAllocated, PixelData, and a transfer syntax of `CHECKS`.
        num_frames: how many it must have.

    Raises:
        RejectedImageError: `truncated`, `corrupt`, `trailing_data`, `too_large`, or `transfer_syntax` where a JPEG has
            12 bits.
    """
    encaps = importlib.import_module("pydicom.encaps")
    check = CHECKS[str(dataset.file_meta.TransferSyntaxUID)]
    frames = list(encaps.generate_frames(dataset.PixelData, number_of_frames=num_frames))
    if len(frames) < num_frames:
        raise RejectedImageError("truncated", f"{len(frames)} of {num_frames} frames")
    for frame in frames[:num_frames]:
        check(frame, dataset)


def _check_jpeg(frame: bytes, dataset: Any) -> None:
    header = jpeg_integrity.check_segments(_without_padding(frame))
    if header.bits != _JPEG_BITS:
        detail = f"JPEG of {header.bits} bits is not read; store it uncompressed first, for example with gdcmconv --raw"
        raise RejectedImageError("transfer_syntax", detail)
    _check_shape(header.height, header.width, len(header.components), dataset)
    jpeg_integrity.decode(frame, grey=True)  # For what libjpeg warns of only: Pillow's decoder would repair it.


def _check_jpeg_lossless(frame: bytes, dataset: Any) -> None:
    header = jpeg_integrity.check_lossless_segments(_without_padding(frame))
    if not header.bits <= int(dataset.BitsAllocated):
        raise RejectedImageError("corrupt", f"{header.bits} bits a pixel; the header says {int(dataset.BitsAllocated)}")
    _check_shape(header.height, header.width, len(header.components), dataset)


def _check_jpeg_ls(frame: bytes, dataset: Any) -> None:
    header = jpeg_integrity.check_jpeg_ls_segments(_without_padding(frame))
    _check_shape(header.height, header.width, len(header.components), dataset)


def _check_jpeg_2000(frame: bytes, dataset: Any) -> None:
    if not frame.startswith(_CODESTREAM_START):
        raise RejectedImageError("corrupt", "the pixels are no JPEG 2000 codestream")
    # Marker, length and capabilities come first; the last bytes are of the first component (T.800, A.5.1).
    (right, bottom, left, top, *tiling, components, _depth, across, down) = _unpack(">8IH3B", frame, 8)
    if (across, down) != (1, 1):
        raise RejectedImageError("corrupt", "the coded picture has less samples than pixels")
    _check_shape(bottom - top, right - left, components, dataset)
    tile_width, tile_height, tile_left, tile_top = tiling
    if not tile_width or not tile_height:
        raise RejectedImageError("corrupt", "the tiles of the JPEG 2000 codestream have no size")
    if -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height) > _MAX_TILES:
        raise RejectedImageError("too_large", f"more than {_MAX_TILES} tiles in a JPEG 2000 codestream")
    _check_tile_parts(_without_padding(frame))


def _without_padding(frame: bytes) -> bytes:
    """Returns a frame without what makes its length even: zeros (PS3.5, A.4), after one FF by some old writers."""
    frame = frame.rstrip(b"\0")
    return frame[:-1] if frame.endswith(_END + b"\xff") else frame


def _check_tile_parts(frame: bytes) -> None:
    """Follows the marker segments to the first tile-part, then the tile-parts' lengths to the end of the codestream."""
    place = _check_segments(frame, 2, _TILE_PART)
    while frame[place : place + 2] == _TILE_PART:
        _check_segments(frame, place, _TILE_DATA)
        (length,) = _unpack(">I", frame, place + 6)  # After its marker, its length and the tile's number (A.4.2).
        # The last one may leave its length out.
        place = place + max(length, 14) if length else frame.rfind(_END)
    if frame[place : place + 2] != _END:
        raise RejectedImageError("truncated", "the JPEG 2000 codestream has no end, or a tile-part of another length")
    check_end(frame, place + 2)


def _check_segments(frame: bytes, place: int, last: bytes) -> int:
    """Checks the marker segments of a header; returns where the marker after them stands."""
    while frame[place : place + 2] != last:
        (length,) = _unpack(">H", frame, place + 2)
        end = place + 2 + max(length, 2)
        if frame[place : place + 2] in _CODING_STYLES:
            flags, sizes = _CODING_STYLES[frame[place : place + 2]]
            body = frame[place + 4 : end]
            _check_block_sizes(body[flags : flags + 1], body[sizes:])
        place = end
    return place


def _check_block_sizes(flags: bytes, sizes: bytes) -> None:
    """Checks the code-blocks (T.800, table A.15), and the precincts where the first flag says that they are given."""
    block_bits = [bits + 2 for bits in sizes[1:3]]
    if flags and flags[0] & 1 and sizes:
        # One byte for each resolution from the lowest; there is one resolution more than halvings, and of a lower one
        # each sample covers more of the picture.
        for halvings, bits in zip(range(sizes[0], -1, -1), sizes[5:], strict=False):
            block_bits += [halvings + (bits & 15), halvings + (bits >> 4)]
    if min(block_bits, default=_MIN_BLOCK_BITS) < _MIN_BLOCK_BITS:
        raise RejectedImageError("too_large", f"JPEG 2000 in blocks below {1 << _MIN_BLOCK_BITS} pixels is not read")


def _check_rle(frame: bytes, dataset: Any) -> None:
    """Checks that each segment holds one byte of every pixel (PS3.5, G.2)."""
    count, *offsets = _unpack("<16I", frame, 0)
    if count != int(dataset.BitsAllocated) // 8:
        raise RejectedImageError("corrupt", f"{count} RLE segments for {int(dataset.BitsAllocated)} bits")
    needed = int(dataset.Rows) * int(dataset.Columns)
    bounds = [*offsets[:count], len(frame)]
    for start, end in zip(bounds, bounds[1:], strict=False):
        if not _RLE_HEADER_BYTES <= start <= end <= len(frame):
            raise RejectedImageError("corrupt", "the RLE segments do not lie one after the other")
        _check_rle_segment(frame[start:end], needed)


def _check_rle_segment(segment: bytes, needed: int) -> None:
    """Counts the bytes that a segment expands to (PS3.5, G.3.2); some writers round them up to an even number."""
    place, found = 0, 0
    while place < len(segment) and found < needed:
        code = segment[place]
        if code < _RLE_NO_OPERATION:  # That many and one more bytes follow.
            found += min(code + 1, len(segment) - place - 1)
            place += code + 2
        else:  # The next byte stands for 257 less that many.
            found += 257 - code if code > _RLE_NO_OPERATION else 0
            place += 2 if code > _RLE_NO_OPERATION else 1
    if found < needed:
        raise RejectedImageError("truncated", f"{found} of {needed} bytes in an RLE segment")
    # What is left may be the filling of the last segment; more of it would be expanded without a bound.
    if found > needed + 1 or len(segment) - place > 2:
        raise RejectedImageError("corrupt", f"an RLE segment of more than {needed} bytes")


def _check_shape(height: int, width: int, components: int, dataset: Any) -> None:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if (height, width, components) != (rows, columns, 1):
        found = f"{height}x{width} pixels of {components} components"
        raise RejectedImageError("corrupt", f"the coded picture has {found}; the header says {rows}x{columns} of 1")


def _unpack(layout: str, frame: bytes, place: int) -> tuple[int, ...]:
    if place + struct.calcsize(layout) > len(frame):
        raise RejectedImageError("truncated", "the compressed pixels end inside a header")
    return struct.unpack_from(layout, frame, place)


CHECKS: dict[str, Callable[[bytes, Any], None]] = {
    "1.2.840.10008.1.2.4.50": _check_jpeg,
    "1.2.840.10008.1.2.4.51": _check_jpeg,
    "1.2.840.10008.1.2.4.57": _check_jpeg_lossless,
    "1.2.840.10008.1.2.4.70": _check_jpeg_lossless,
    "1.2.840.10008.1.2.4.80": _check_jpeg_ls,
    "1.2.840.10008.1.2.4.81": _check_jpeg_ls,
    "1.2.840.10008.1.2.4.90": _check_jpeg_2000,
    "1.2.840.10008.1.2.4.91": _check_jpeg_2000,
    "1.2.840.10008.1.2.5": _check_rle,
}
"""The compressed transfer syntaxes that are read, by UID (PS3.6, table A-1)."""
