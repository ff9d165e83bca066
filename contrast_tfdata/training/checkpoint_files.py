"""Checkpoints as folders that are complete or not taken up; no TensorFlow here.

A checkpoint is written beside its place, hashed, brought to the disk, and moved there in one step. Its last file, the
mark, holds the SHA-256 of all others: a folder without it was not finished, and a flipped bit does not pass unnoticed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from contrast_tfdata.storage.atomic_file import sync
from contrast_tfdata.storage.bounded_file import read_json

KEPT = 2
_MARK = "complete.json"
_NAME = "step-{:09d}"
_INCOMPLETE, _REMOVED = ".incomplete-", ".removed-"
"""Before the name of what is not complete yet, or not any more."""


def save(directory: Path, number: int, write: Callable[[Path], None]) -> Path:
    """Adds a checkpoint, and then removes all but the newest `KEPT`.

    Args:
        directory: of all checkpoints; made where it does not exist.
        number: of steps done; the newest checkpoint is that of the highest.
        write: writes the files of a checkpoint into the folder that it is given.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: on a full disk and the like, as does what `write` raises: the checkpoints that were there stay.
    """
    target = path_of(directory, number)
    staging = target.with_name(f"{_INCOMPLETE}{target.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        write(staging)
        digests = {path.name: _sha256(path) for path in sorted(staging.iterdir())}
        (staging / _MARK).write_text(json.dumps(digests, indent=2) + "\n")
        sync(*staging.iterdir(), staging)
        if target.exists():
            remove(target)
        staging.rename(target)
        sync(directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    for old in saved(directory)[KEPT:]:
        remove(old)
    return target


def path_of(directory: Path, number: int) -> Path:
    """Returns the folder of the checkpoint after so many steps."""
    return directory / _NAME.format(number)


def saved(directory: Path) -> list[Path]:
    """Returns the folders of checkpoints, damaged ones too, the newest first."""
    return sorted(directory.glob("step-*"), reverse=True)


def remove(checkpoint: Path) -> None:
    """Removes a checkpoint; one that is removed in part only is none any more."""
    removed = checkpoint.with_name(f"{_REMOVED}{checkpoint.name}")
    shutil.rmtree(removed, ignore_errors=True)
    checkpoint.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


def tidy(directory: Path) -> None:
    """Removes what a killed run left of checkpoints that it was writing or removing."""
    for beginning in (_INCOMPLETE, _REMOVED):
        for path in directory.glob(f"{beginning}step-*"):
            shutil.rmtree(path, ignore_errors=True)


def damage(checkpoint: Path) -> str | None:
    """Returns what is wrong with a checkpoint, or None for a complete one."""
    try:
        digests = read_json(checkpoint / _MARK)
        found = {path.name: _sha256(path) for path in checkpoint.iterdir() if path.name != _MARK}
    except (OSError, ValueError) as error:
        return f"{_MARK} is missing or damaged ({type(error).__name__})"
    if not isinstance(digests, dict):
        return f"{_MARK} is damaged"
    wrong = sorted(name for name in digests.keys() | found.keys() if digests.get(name) != found.get(name))
    return f"damaged: {', '.join(wrong)}" if wrong else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
