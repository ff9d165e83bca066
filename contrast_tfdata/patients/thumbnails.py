"""Thumbnails of all pictures of a data set, on the disk: in memory they would take more than all else that is known."""

import os
import tempfile
from pathlib import Path

import numpy as np

from contrast_tfdata.images.thumbnail import THUMBNAIL_SIZE
from contrast_tfdata.intake.units import Unit

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


class ThumbnailsOfUnits:
    """Thumbnails that the scan has made, by their unit.

    Args:
        kept: where they are kept.
    """

    def __init__(self, kept: ThumbnailFile):
        self._kept = kept
        self._places: dict[tuple[str | None, str], int] = {}

    def keep(self, unit: Unit, thumbnail: np.ndarray) -> None:
        """Adds one, (48, 48) uint8."""
        self._places[unit.split, unit.path] = len(self._kept)
        self._kept.append(thumbnail)

    def __contains__(self, unit: Unit) -> bool:
        return (unit.split, unit.path) in self._places

    def of(self, unit: Unit) -> np.ndarray:
        """Returns that of a unit, which must have one."""
        place = self._places[unit.split, unit.path]
        return self._kept[place : place + 1][0]
