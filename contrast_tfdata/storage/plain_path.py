"""Paths for TensorFlow, which takes some for patterns: of a folder `run[1]` it then finds no file.

It does so where it looks for the files of a checkpoint, and so where it loads a SavedModel; it knows no way of quoting.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PATTERN = re.compile(r"[*?\[\\]")
_PLAIN_TEMPORARY = "/tmp"
"""Where the folder for temporary files has a pattern in its own name."""


@contextlib.contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """Gives a path without characters of patterns: the same, or a link to it that is there during the block.

    Raises:
        OSError: the link cannot be made.
    """
    if not _is_pattern(path):
        yield path
        return
    with plain_temporary_files(), tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "link")
        link.symlink_to(path.absolute())
        yield link


@contextlib.contextmanager
def plain_temporary_files() -> Iterator[None]:
    """Has `tempfile`, which TensorFlow uses too, choose paths without characters of patterns during the block."""
    if not _is_pattern(tempfile.gettempdir()):
        yield
        return
    former = tempfile.tempdir
    with tempfile.TemporaryDirectory(dir=_PLAIN_TEMPORARY) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = former


def _is_pattern(path: str | os.PathLike) -> bool:
    return _PATTERN.search(os.fspath(path)) is not None
