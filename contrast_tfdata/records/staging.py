"""Output that appears only when it is complete: written beside its place, then moved there in one step."""

import contextlib
import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata.errors import StorageError, UsageError


@contextlib.contextmanager
def staged_directory(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Gives a new folder beside `target` to write into; it becomes `target` when the block ends without an error.

    What `target` held stays in place and readable until then, and for good if the block fails.

    Raises:
        UsageError: `target` exists and is not to be overwritten, or is not a folder of records.
        StorageError: the disk is full or not writable.
    """
    target = target.resolve()  # a link stays a link; what it leads to is replaced
    staging = target.with_name(f".{target.name}.incomplete-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            refuse_existing(target, overwrite=overwrite)
            staging.mkdir()
            try:
                yield staging
                _sync(*staging.iterdir(), staging)
                _replace(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise storage_error(target, error) from error


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raises UsageError where writing `target` would lose something that was not given up.

    Puts right first what a killed run left there.
    """
    target = target.resolve()
    recover(target)
    if not target.exists():
        return
    if os.path.ismount(target):
        raise UsageError(f"{target} is a mount point, which cannot be replaced in one step; name a folder inside it")
    if not overwrite:
        raise UsageError(f"{target} exists; --overwrite replaces it once the new records are complete")
    if not target.is_dir() or (any(target.iterdir()) and not (target / "manifest.json").exists()):
        raise UsageError(f"{target} is no folder of records, so --overwrite does not touch it; name another one")


def storage_error(path: Path, error: OSError) -> StorageError:
    """Explains an operating system's error, with the space that is left."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path if path.exists() else path.parent).free
        return StorageError(f"{path}: {error.strerror or error} ({free / 1e6:.0f} MB free); nothing there was changed")
    return StorageError(f"{path}: {error.strerror or error}; nothing there was changed")


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keeps a second writer out; the lock ends with the process, however that ends."""
    path = target.with_name(f".{target.name}.lock")
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError  # its holder removed it between our two calls, and somebody made another one
        except BlockingIOError:
            file.seek(0)
            raise UsageError(f"{target} is being written by process {file.read().strip() or 'unknown'}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _replace(staging: Path, target: Path) -> None:
    """Moves `staging` to `target`; the old one steps aside first: only an empty folder can be replaced at once."""
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(*paths: Path) -> None:
    """Waits until files, or folders' lists of names, are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def recover(target: Path) -> None:
    """Removes what a killed run left; if it died between its two moves, the old folder is put back first."""
    for old in target.parent.glob(f".{glob.escape(target.name)}.old-*"):
        if not target.exists() and not _is_running(old):
            old.rename(target)
    name = glob.escape(target.name)
    for pattern in (f".{name}.incomplete-*", f".{name}.old-*"):
        for path in target.parent.glob(pattern):
            if not _is_running(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_running(path: Path) -> bool:
    pid = path.name.rpartition("-")[2]
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()
