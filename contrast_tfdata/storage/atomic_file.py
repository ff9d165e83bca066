"""Files that appear complete or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from contrast_tfdata.storage.bounded_file import UnfitFileError, kind_of


@contextlib.contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO]:
    """Opens a hidden sibling of `path` for writing, which takes the place of `path` once the block ends well.

    Until then a file that stood at `path` stays readable; if the block or the disk fails, it stays for good and the
    sibling is removed. Text is UTF-8 with line ends kept as they are; bytes of names that are not UTF-8 (Python
    holds them as lone surrogates) go back to the same bytes.

    Args:
        path: the file to create or replace, or a link to it. Its folder must exist.
        binary: whether bytes are written instead of text.

    Yields:
        The open file.

    Raises:
        UnfitFileError: a device, a folder or the like stands there.
        OSError: on a full disk, missing rights and the like.
    """
    path = Path(os.path.realpath(path))  # A link stays a link; what it leads to is replaced.
    if path.exists() and (kind := kind_of(path.stat().st_mode)):
        raise UnfitFileError(errno.EINVAL, f"{kind}, which no file replaces", str(path))
    # A sibling, because os.replace is atomic only within one file system. Random, because two threads may write.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    options = {} if binary else {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    try:
        with open(temporary, "xb" if binary else "x", **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # A full disk may be noticed only now; better before the old file is gone.
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sync(*paths: Path) -> None:
    """Waits until files, or folders' lists of names, are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
