"""Whether a PNG is whole: Pillow skips the checksums of the pixel chunks and leaves missing rows black.

Numbers of sections are those of the PNG specification (W3C, third edition).
"""

import zlib
from collections.abc import Iterator

from contrast_tfdata.images.kinds import documented
from contrast_tfdata.images.slices import RejectedImageError, check_end

_SIGNATURE_BYTES = 8
_KINDS = (
    "IHDR PLTE IDAT IEND acTL cHRM cICP cLLI eXIf fcTL fdAT gAMA hIST iCCP iTXt mDCV pHYs sBIT sPLT sRGB tEXt tIME "
    "tRNS zTXt"
)
"""Chunks that the specification defines (11)."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # Samples per pixel of each colour type (11.2.1).
# First row, first column and the steps between rows and columns of the seven passes of Adam7 (8.1).
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def check_chunks(data: bytes) -> None:
    """Checks every chunk's length and checksum, and that nothing but zero bytes follows IEND.

    Args:
        data: all bytes of a file that starts with the PNG signature.

    Raises:
        RejectedImageError: `truncated` where the file ends before IEND does, `corrupt` where a checksum is wrong,
            `trailing_data`.
    """
    for kind, body, stored_crc in _chunks(data):
        if zlib.crc32(body, zlib.crc32(kind)) != stored_crc:
            name = documented(kind.decode("latin-1"), _KINDS.split())
            raise RejectedImageError("corrupt", f"the checksum of a PNG chunk ({name}) is wrong")


def check_pixel_stream(data: bytes) -> None:
    """Checks that the compressed pixels give every byte that the header promises, with the right checksum, and no more.

    Args:
        data: all bytes of a file that passed `check_chunks` and whose size passed `slices.check_size`.

    Raises:
        RejectedImageError: `truncated` where pixels or their checksum are missing, `corrupt` where they cannot be
            decompressed, `trailing_data` where more of them follow than the picture has: another one may.
    """
    chunks = [(kind, body) for kind, body, _ in _chunks(data)]
    needed = _pixel_bytes(bytes(chunks[0][1]))
    stream = b"".join(body for kind, body in chunks if kind == b"IDAT")
    decompressor = zlib.decompressobj()
    try:
        found = len(decompressor.decompress(stream, needed))
        # The checksum is read with the byte after the last one, which must not be there.
        surplus = decompressor.decompress(decompressor.unconsumed_tail, 1)
    except zlib.error as error:
        raise RejectedImageError("corrupt", "the pixels of the PNG cannot be decompressed") from error
    if found < needed:
        raise RejectedImageError("truncated", f"the PNG has {found} of {needed} bytes of pixels")
    if surplus:
        raise RejectedImageError("trailing_data", f"the PNG has more than the {needed} bytes of its pixels")
    if not decompressor.eof:
        raise RejectedImageError("truncated", "the PNG lacks the checksum of its pixels")
    check_end(decompressor.unused_data, 0)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yields (kind, body, stored CRC) of each chunk, which is length, kind, body, CRC (5.3)."""
    view = memoryview(data)
    start, kind = _SIGNATURE_BYTES, b""
    while kind != b"IEND":
        length = int.from_bytes(view[start : start + 4], "big")
        kind, end = bytes(view[start + 4 : start + 8]), start + 8 + length
        if end + 4 > len(data):
            raise RejectedImageError("truncated", f"the PNG ends inside a chunk, {end + 4 - len(data)} bytes missing")
        yield kind, view[start + 8 : end], int.from_bytes(view[end : end + 4], "big")
        start = end + 4
    check_end(data, start)


def _pixel_bytes(header: bytes) -> int:
    """Returns how many bytes the filtered rows of a picture take, from its IHDR (11.2.1)."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _SAMPLES[header[9]]
    interlaced = header[12] == 1
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(height - top) // down), -(-(width - left) // right)) for top, left, down, right in passes]
    # Each row is led by one byte that names its filter; a pass without columns has no rows (8.1).
    return sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sizes if rows > 0 and columns > 0)
