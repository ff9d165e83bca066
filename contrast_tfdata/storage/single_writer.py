"""One process at a time writes a folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata.errors import UsageError


@contextlib.contextmanager
def locked(path: Path, target: Path) -> Iterator[None]:
    """Keeps a second writer out; the lock ends with the process, however that ends.

    Args:
        path: of the lock; made, and removed at the end of the block.
        target: what is written, for the message.

    Raises:
        UsageError: another process holds the lock; the message has its number.
        OSError: the file cannot be made.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError  # its holder removed it between our two calls, and somebody made another one
        except BlockingIOError:
            file.seek(0)
            raise UsageError(f"{target} is being written by process {file.read().strip() or 'unknown'}") from None
        with contextlib.suppress(OSError):  # A full disk has no room for the number; the lock holds all the same.
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
