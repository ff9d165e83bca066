"""How long the directory of a .zip is, told without holding it: zipfile reads all of it before anyone can refuse it.

Numbers of sections are those of APPNOTE.TXT (PKWARE's specification of the format).
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

# An archive ends with a record of where its directory is, then a comment (4.3.16). In a large one a second record and
# its locator stand just before that (4.3.14, 4.3.15).
_END_MAGIC, _END_BYTES, _MAX_COMMENT = b"PK\x05\x06", 22, 65_535
_ZIP64_MAGIC, _ZIP64_BYTES = b"PK\x06\x06", 56 + 20
_MEMBER_MAGIC, _MEMBER_BYTES = b"PK\x01\x02", 46  # Before the member's name, extra fields and comment (4.3.12).


def measure(path: str, max_members: int) -> tuple[int, int]:
    """Returns how many members the directory of a .zip has, counting up to `max_members` + 1, and its bytes.

    The entries are counted, not believed. A file with several things that look like its end is measured at each of
    them, and the largest counts are returned. One without an end gives (0, 0): zipfile will refuse it.

    Raises:
        OSError: the file cannot be read.
    """
    members, size = 0, 0
    with open(path, "rb") as file:
        for start, length in _directories(file):
            members = max(members, _count(file, start, start + length, max_members))
            size = max(size, length)
    return members, size


def _directories(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yields (start, bytes) of each directory that the end of the file may speak of."""
    file_bytes = file.seek(0, os.SEEK_END)
    tail_start = max(0, file_bytes - _END_BYTES - _MAX_COMMENT - _ZIP64_BYTES)
    file.seek(tail_start)
    tail = file.read()
    place = tail.find(_END_MAGIC)
    while 0 <= place <= len(tail) - _END_BYTES:
        (length,) = struct.unpack_from("<I", tail, place + 12)
        candidates = [(tail_start + place - length, length)]
        zip64 = place - _ZIP64_BYTES
        if zip64 >= 0 and tail.startswith(_ZIP64_MAGIC, zip64):
            (length,) = struct.unpack_from("<Q", tail, zip64 + 40)
            candidates.append((tail_start + zip64 - length, length))
        # The directory ends where its record starts, also where something stands before the archive.
        yield from ((start, length) for start, length in candidates if start >= 0)
        place = tail.find(_END_MAGIC, place + 1)


def _count(file: BinaryIO, start: int, end: int, max_members: int) -> int:
    members, place = 0, start
    while place < end and members <= max_members:
        file.seek(place)
        header = file.read(_MEMBER_BYTES)
        if len(header) < _MEMBER_BYTES or not header.startswith(_MEMBER_MAGIC):
            break
        members += 1
        place += _MEMBER_BYTES + sum(struct.unpack_from("<3H", header, 28))
    return members
