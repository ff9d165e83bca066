"""Output that appears only when it is complete: written beside its place, then moved there in one step."""

import contextlib
import ctypes
import fcntl
import glob
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata.atomic_file import sync
from contrast_tfdata.errors import StorageError, UsageError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h> and <linux/fs.h>


@contextlib.contextmanager
def staged_directory(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Gives a new folder beside `target` to write into; it becomes `target` when the block ends without an error.

    What `target` held stays in place and readable until then, and for good if the block fails.

    Raises:
        UsageError: `target` exists and is not to be overwritten, is not a folder of records, or is being written.
        StorageError: the disk is full or not writable.
    """
    target = target.resolve()  # a link stays a link; what it leads to is replaced
    staging = target.with_name(f".{target.name}.incomplete-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            _recover(target)
            _refuse(target, overwrite)
            staging.mkdir()
            try:
                yield staging
                sync(*staging.iterdir(), staging)
                with _stops_ignored():
                    _replace(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise storage_error(target, error) from error


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raises UsageError where writing `target` would lose something that was not given up, or another run writes it.

    Puts right first what a killed run left there.
    """
    target = target.resolve()
    if not target.parent.is_dir():
        return
    try:
        with _locked(target):
            _recover(target)
            _refuse(target, overwrite)
    except OSError as error:
        raise storage_error(target, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Explains an operating system's error, with the space that is left."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path if path.exists() else path.parent).free
        return StorageError(f"{path}: {error.strerror or error} ({_megabytes(free)} free); nothing there was changed")
    return StorageError(f"{path}: {error.strerror or error}; nothing there was changed")


@contextlib.contextmanager
def space_for(directory: Path, needed: int) -> Iterator[None]:
    """Refuses a block of writing for which the disk is too small, and says of one that fails what it needed.

    Args:
        directory: where the block writes.
        needed: about how much it will write, in bytes.

    Raises:
        StorageError: less is free, or writing failed all the same (a quota, or another writer).
    """
    free = shutil.disk_usage(directory).free
    figures = f"about {_megabytes(needed)} needed, {_megabytes(free)} free before"
    if free < needed:
        raise StorageError(f"{directory.parent}: too little space ({figures}); nothing there was changed")
    try:
        yield
    except OSError as error:
        text = error.strerror or error
        raise StorageError(f"{directory.parent}: {text} ({figures}); nothing there was changed") from error


def _megabytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB"


def _refuse(target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if os.path.ismount(target):
        raise UsageError(f"{target} is a mount point, which cannot be replaced in one step; name a folder inside it")
    if not overwrite:
        raise UsageError(f"{target} exists; --overwrite replaces it once the new records are complete")
    if not target.is_dir() or (any(target.iterdir()) and not (target / "manifest.json").is_file()):
        raise UsageError(f"{target} is no folder of records, so --overwrite does not touch it; name another one")


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


@contextlib.contextmanager
def _stops_ignored() -> Iterator[None]:
    """Lets the last step run to its end: a stop would come too late to keep the old, and too early to clean up.

    Blocking signals would not do: the kernel then gives them to one of TensorFlow's threads, and Python's main thread
    acts on them all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs no handler here
        return
    former = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def _replace(staging: Path, target: Path) -> None:
    """Moves `staging` to `target` and removes what stood there."""
    if not target.exists():
        staging.rename(target)
    elif not _exchange(staging, target):
        _replace_in_two_moves(staging, target)
    sync(target.parent)
    shutil.rmtree(staging, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Gives two folders each other's name in one step that is never half done; False where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except AttributeError:  # glibc before 2.28
        return False
    return renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0


def _replace_in_two_moves(staging: Path, target: Path) -> None:
    """For file systems without exchange, as NFS; a process killed between the moves leaves that to the next run."""
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    target.rename(old)
    try:
        staging.rename(target)
    except BaseException:
        old.rename(target)
        raise
    old.rename(staging)


def _recover(target: Path) -> None:
    """Removes what a killed run left; if it died between two moves, the old folder is put back first.

    Only the holder of the lock may do it: what it finds then is nobody's.
    """
    name = glob.escape(target.name)
    for old in target.parent.glob(f".{name}.old-*"):
        if not target.exists():
            old.rename(target)
    for pattern in (f".{name}.incomplete-*", f".{name}.old-*"):
        for path in target.parent.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
