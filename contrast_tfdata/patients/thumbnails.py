"""Thumbnails of all pictures of a data set, on the disk: in memory they would take more than all else that is known."""

import os
import tempfile
from pathlib import Path

import numpy as np

from contrast_tfdata.images.thumbnail import THUMBNAIL_SIZE

THUMBNAIL_BYTES = THUMBNAIL_SIZE**2
"""What each takes on the disk."""


class ThumbnailFile:
    """Thumbnails in a file without a name, which is gone when it is closed; indexed as an (N, 48, 48) array is.

    It is read, not mapped: pages of a mapped file count as memory of the process.

    Args:
        folder: on whose disk it is.
    """

    def __init__(self, folder: Path):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed in __exit__)
        self._count = 0

    def __enter__(self) -> "ThumbnailFile":
        return self

    def __exit__(self, *exception) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def append(self, thumbnail: np.ndarray) -> None:
        """Adds a (48, 48) uint8; raises OSError where the disk does not take it."""
        self._file.write(thumbnail.tobytes())
        self._count += 1

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        """Returns (M, 48, 48) uint8: a range of them, or those at positions."""
        self._file.flush()
        if isinstance(places, slice):
            start, stop, _ = places.indices(self._count)
            data = os.pread(self._file.fileno(), (stop - start) * THUMBNAIL_BYTES, start * THUMBNAIL_BYTES)
        else:
            data = b"".join(
                os.pread(self._file.fileno(), THUMBNAIL_BYTES, place * THUMBNAIL_BYTES) for place in places.tolist()
            )
        return np.frombuffer(data, np.uint8).reshape(-1, THUMBNAIL_SIZE, THUMBNAIL_SIZE)
