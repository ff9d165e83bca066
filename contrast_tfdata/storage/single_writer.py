"""One process at a time writes a folder."""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata.errors import StorageError, UsageError
from contrast_tfdata.storage.bounded_file import kind_of

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
"""What a file system says that has no locks, or was mounted without."""
_NO_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}
"""What opening a link says, a folder, a socket."""
_CONTENT = re.compile(rb"[0-9]{0,20}")
"""Of a lock: the number of its process, or nothing yet."""
_READ = 32


@contextlib.contextmanager
def locked(path: Path, target: Path) -> Iterator[None]:
    """Keeps a second writer out; the lock ends with the process, however that ends.

    Args:
        path: of the lock; made, and removed at the end of the block. What somebody else has there stays as it is.
        target: what is written, for the message.

    Raises:
        UsageError: another process holds the lock, and the message has its number; or there is something else.
        StorageError: the file system has no locks.
        OSError: the file cannot be made.
    """
    was_there = os.path.lexists(path)
    descriptor = _opened(path, target)
    try:
        is_marked = bool(_content(descriptor, path, target))
        try:
            _take(descriptor, path, target)
        except StorageError:
            if not was_there:
                path.unlink()
            raise
        with contextlib.suppress(OSError):  # A full disk has no room for the number; the lock holds all the same.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            if was_there and not is_marked:
                os.ftruncate(descriptor, 0)  # An empty file may be somebody else's mark.
            else:
                path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _opened(path: Path, target: Path) -> int:
    """Returns a descriptor of the file, which is made where there is nothing."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_lock(path, target) from error
        raise
    if kind_of(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_lock(path, target)
    return descriptor


def _content(descriptor: int, path: Path, target: Path) -> bytes:
    """Returns the number in a lock, if there is one."""
    content = os.pread(descriptor, _READ, 0)
    if not _CONTENT.fullmatch(content):
        raise _no_lock(path, target)
    return content


def _take(descriptor: int, path: Path, target: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise BlockingIOError  # its holder removed it between our two calls, and somebody made another one
    except BlockingIOError:
        holder = _content(descriptor, path, target).decode() or "unknown"
        raise UsageError(f"{target} is being written by process {holder}") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise StorageError(
            f"{path.parent}: its file system has no locks ({error.strerror}), without which two commands could write "
            f"{target} at once; write to a local disk, and move there what was written"
        ) from error


def _no_lock(path: Path, target: Path) -> UsageError:
    return UsageError(
        f"{path} stands where this package keeps others from writing {target}, and is not its own; move it away, or "
        "write to another folder"
    )
