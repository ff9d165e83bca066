"""Whether a JPEG is whole: libjpeg fills what is missing with grey and goes on, and Pillow hides that it warned.

A JPEG has no checksums, so a changed byte inside the coded pixels that still decodes cannot be noticed. Numbers of
sections are those of ITU-T T.81 (JPEG) or, where said, T.87 (JPEG-LS).
"""

import dataclasses
import re
from collections.abc import Iterator

import imagecodecs
import numpy as np
import simplejpeg

from contrast_tfdata.images.slices import RejectedImageError, check_end

_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # The other three are tables (table B.1).
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS_FRAME_HEADER = 0xC3
_OTHER_BITS = b"\x55" * 64
_JPEG_LS_FRAME_HEADER = 0xF7  # T.87, C.1.1
_WITHOUT_BODY = frozenset({0x00, 0x01, _START_OF_IMAGE, *range(0xD0, 0xD8)})
# Coded pixels go on over restart markers (D0 to D7) and over FF 00 (B.1.1.5); in JPEG-LS over FF and any byte below 80,
# because there one bit follows FF instead of a byte (T.87, A.1).
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_LS_END_OF_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_COEFFICIENTS = 64
_MAX_SCANS = 100  # An encoder makes about ten. Thousands of empty ones over a large picture take minutes to decode.


@dataclasses.dataclass(frozen=True)
class Frame:
    """What the frame header of a JPEG says (B.2.2).

    Attributes:
        height: rows of pixels.
        width: columns.
        bits: of one sample.
        components: the identifiers of the colour components; one for grey.
        progressive: whether the coefficients come in several scans.
    """

    height: int
    width: int
    bits: int
    components: tuple[int, ...]
    progressive: bool


def check_segments(data: bytes) -> Frame:
    """Checks every marker segment up to the end of the image, and that no scan is missing; no pixel is decoded.

    Args:
        data: all bytes of a JPEG; zero bytes may follow its end.

    Raises:
        RejectedImageError: `truncated`, `corrupt` or `trailing_data`.
    """
    frame, scans = _frame_and_scans(data, _FRAME_HEADERS, _END_OF_SCAN)
    _check_scans(frame, scans)
    return frame


def check_jpeg_ls_segments(data: bytes) -> Frame:
    """Does the same for JPEG-LS, whose scans hold one component each or all of them.

    Raises:
        RejectedImageError: as `check_segments`.
    """
    frame, _ = _frame_and_scans(data, frozenset({_JPEG_LS_FRAME_HEADER}), _JPEG_LS_END_OF_SCAN)
    return frame


def check_lossless_segments(data: bytes) -> Frame:
    """Does the same for JPEG Lossless (process 14), of one component in one scan.

    Raises:
        RejectedImageError: as `check_segments`.
    """
    frame, scans = _frame_and_scans(data, frozenset({_LOSSLESS_FRAME_HEADER}), _END_OF_SCAN)
    if len(frame.components) != 1 or len(scans) != 1 or len(scans[0]) != 6:
        raise RejectedImageError(
            "corrupt", f"JPEG Lossless of {len(frame.components)} components in {len(scans)} scans"
        )
    return frame


def decode_lossless(data: bytes) -> np.ndarray:
    """Decodes a grey JPEG Lossless.

    Its decoder repairs what it can, and says nothing. A stream that breaks off, or whose codes ran out of step, takes
    more bits than there are: what it decodes to then depends on the bytes that follow. So others are put there.

    Args:
        data: bytes that passed `check_lossless_segments` and whose size passed `slices.check_size`.

    Returns:
        (height, width) uint8 or uint16.

    Raises:
        RejectedImageError: `corrupt`.
    """
    end = data.rindex(b"\xff\xd9")
    try:
        decoded, longer = (imagecodecs.jpeg8_decode(each) for each in (data, data[:end] + _OTHER_BITS + data[end:]))
    except (RuntimeError, ValueError) as error:
        raise RejectedImageError("corrupt", "the JPEG Lossless stream cannot be decoded") from error
    if not np.array_equal(decoded, longer):
        raise RejectedImageError("corrupt", "the JPEG Lossless stream ends before its last pixel")
    return decoded


def decode(data: bytes, *, grey: bool) -> np.ndarray:
    """Decodes a JPEG of 8 bits; whatever libjpeg would warn of is refused.

    Args:
        data: bytes that passed `check_segments` and whose size passed `slices.check_size`.
        grey: whether it has one component; else it is decoded to red, green and blue.

    Returns:
        uint8 pixels, (height, width) or (height, width, 3), equal to those of Pillow.

    Raises:
        RejectedImageError: `corrupt`.
    """
    try:
        pixels = simplejpeg.decode_jpeg(data, "GRAY" if grey else "RGB", strict=True)
    except ValueError as error:
        raise RejectedImageError("corrupt", str(error).splitlines()[0][:200]) from error
    return pixels[..., 0] if grey else pixels


def _frame_and_scans(
    data: bytes, frame_headers: frozenset[int], end_of_scan: re.Pattern[bytes]
) -> tuple[Frame, list[bytes]]:
    """Returns the frame and the header of each scan."""
    frames, scans = [], []
    for marker, body in _segments(data, end_of_scan):
        if marker in frame_headers:
            frames.append(_frame(marker, body))
        elif marker == _START_OF_SCAN:
            scans.append(body)
    if len(frames) != 1 or not 0 < len(scans) <= _MAX_SCANS:
        raise RejectedImageError("corrupt", f"a JPEG of {len(frames)} frames and {len(scans)} scans")
    return frames[0], scans


def _segments(data: bytes, end_of_scan: re.Pattern[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields (marker, body) of each segment: FF, marker, length of itself and the body, body (B.1.1.4)."""
    place = _marker_at(data, 0)
    if data[place] != _START_OF_IMAGE:
        raise RejectedImageError("corrupt", "the JPEG does not start with a start-of-image marker")
    while True:
        place = _marker_at(data, place + 1)
        marker = data[place]
        if marker == _END_OF_IMAGE:
            check_end(data, place + 1)
            return
        if marker in _WITHOUT_BODY:
            raise RejectedImageError("corrupt", f"the marker FF{marker:02X} stands between segments of the JPEG")
        length = int.from_bytes(data[place + 1 : place + 3], "big")
        end = place + 1 + max(length, 2)
        if end > len(data):
            raise RejectedImageError("truncated", f"the JPEG ends inside a segment, {end - len(data)} bytes missing")
        yield marker, data[place + 3 : end]
        if marker == _START_OF_SCAN:
            found = end_of_scan.search(data, end)
            if found is None:
                raise RejectedImageError("truncated", "the JPEG has no end-of-image marker")
            end = found.start()
        place = end - 1


def _marker_at(data: bytes, place: int) -> int:
    """Returns where the second byte of a marker stands; any number of FF may lead to it (B.1.1.2)."""
    start = place
    while data[place : place + 1] == b"\xff":
        place += 1
    if place >= len(data):
        raise RejectedImageError("truncated", "the JPEG has no end-of-image marker")
    if place == start:
        raise RejectedImageError("corrupt", f"the JPEG has something else than a marker at byte {start}")
    return place


def _frame(marker: int, body: bytes) -> Frame:
    height, width, count = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), len(body[6:]) // 3
    if len(body) < 6 or count != body[5] or not height or not width:
        raise RejectedImageError("corrupt", "the frame header of the JPEG is damaged")
    return Frame(height, width, body[0], tuple(body[6::3]), marker in _PROGRESSIVE)


def _check_scans(frame: Frame, scans: list[bytes]) -> None:
    """Checks that the scans bring every component, of a progressive JPEG every bit of every coefficient (G.1.1.1)."""
    bits_missing = {component: np.full(_COEFFICIENTS, 255) for component in frame.components}
    for scan in scans:
        count = scan[0] if scan else 0
        if len(scan) != 4 + 2 * count or not set(scan[1:-3:2]) <= bits_missing.keys():
            raise RejectedImageError("corrupt", "a scan header of the JPEG is damaged")
        first, last, low_bit = scan[-3], scan[-2], scan[-1] & 15
        for component in scan[1:-3:2]:
            if frame.progressive:
                bits_missing[component][first : last + 1] = low_bit
            else:
                bits_missing[component][:] = 0
    if any(np.any(missing) for missing in bits_missing.values()):
        raise RejectedImageError("truncated", "scans of the JPEG are missing")
