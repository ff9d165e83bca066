"""Reading files as a whole, when nobody knows what a path leads to: a device never ends, a FIFO never begins."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_JSON_BYTES = 16 << 20
"""Largest JSON file that is read: 16 MiB; those of a run have some kilobytes."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""How a file is opened that may be none: a FIFO is not waited for."""


class UnfitFileError(OSError):
    """What stands at a path is no file of the kind that is read there; `strerror` says what it is."""


def kind_of(mode: int) -> str | None:
    """Returns what a status' mode says, as in `a FIFO`, or None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _KINDS if test(mode)), "no regular file")


def read_bytes(path: Path, max_bytes: int, *, follow_links: bool = True) -> bytes:
    """Returns the content of a regular file, at once, however large or endless what stands there is.

    Args:
        path: the file.
        max_bytes: the most that it may have.
        follow_links: whether the path itself may be a link.

    Raises:
        UnfitFileError: it is a folder, a FIFO, a device or the like, a link that is not followed, or larger.
        OSError: it is missing or cannot be read.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS | (0 if follow_links else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise UnfitFileError(errno.EINVAL, "a link, no regular file", os.fspath(path)) from error
        if error.errno == errno.ENXIO:
            raise UnfitFileError(errno.EINVAL, "a socket, no regular file", os.fspath(path)) from error
        raise
    try:
        status = os.fstat(descriptor)
        if kind := kind_of(status.st_mode):
            raise UnfitFileError(errno.EINVAL, f"{kind}, no regular file", os.fspath(path))
        with open(descriptor, "rb", closefd=False) as file:
            # Memory for all that is asked for is reserved before a byte is read, so that is what the file should have.
            content = file.read(min(status.st_size, max_bytes) + 1)
            if status.st_size < len(content) <= max_bytes:
                content += file.read(max_bytes + 1 - len(content))
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise UnfitFileError(errno.EFBIG, f"larger than the {max_bytes} bytes that it can need", os.fspath(path))
    return content


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES, *, follow_links: bool = True) -> Any:
    """Returns what a JSON file in UTF-8 says.

    Raises:
        ValueError: it is not JSON, names a key of an object twice, or is nested too deeply.
        OSError: as `read_bytes`.
    """
    return parse_json(read_bytes(path, max_bytes, follow_links=follow_links))


def parse_json(content: bytes) -> Any:
    """Returns what JSON in UTF-8 says; raises ValueError as `read_json` does."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found
