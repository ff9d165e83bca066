"""The key of the hash that stands for patients: secret, local, never written into records or reports.

Patient numbers are few enough to try them all: without a key, whoever has the hashes finds the numbers.
"""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from contrast_tfdata.errors import UsageError
from contrast_tfdata.storage.bounded_file import read_bytes

_KEY_BYTES = 64
_MAX_BYTES = 1 << 20


def own() -> bytes:
    """Returns the user's own key, which the first call makes: 64 bytes.

    It stands in contrast_tfdata/group.key below XDG_DATA_HOME, or where that is not set below ~/.local/share (XDG Base
    Directory Specification 0.8). Another machine that is to write the same bytes needs a copy of this file.

    Raises:
        UsageError: there is no such folder to write to, or the key is damaged.
    """
    path = own_path()
    if not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise UsageError(f"{path}: the key that hashes patients cannot be made: {error.strerror}") from error
    return read(path)


def own_path() -> Path:
    """Returns where the user's own key stands; raises UsageError where the user has no home."""
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    try:
        folder = given if given.is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise UsageError("there is no home folder for the key that hashes patients") from error
    return folder / "contrast_tfdata" / "group.key"


def read(path: Path) -> bytes:
    """Returns the key that a file of any length gives: its SHA-512, 64 bytes, which BLAKE2b takes at most.

    Raises:
        UsageError: the file cannot be read, or is empty.
    """
    try:
        content = read_bytes(path, _MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not content:
        raise UsageError(f"{path} is empty, so it is no key")
    return hashlib.sha512(content).digest()


def _make(path: Path) -> None:
    """Writes a new key unless another process was faster; nobody ever sees a part of it, nor anybody else's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # Unlike a renaming, it never replaces a key that is there.
    finally:
        temporary.unlink(missing_ok=True)
