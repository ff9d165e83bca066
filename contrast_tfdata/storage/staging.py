"""Output that appears only when it is complete: written beside its place, then moved there in one step."""

import contextlib
import ctypes
import dataclasses
import fnmatch
import glob
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from contrast_tfdata.errors import Problems, StorageError, UsageError
from contrast_tfdata.storage import single_writer
from contrast_tfdata.storage.atomic_file import sync

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h> and <linux/fs.h>


@dataclasses.dataclass(frozen=True)
class FolderKind:
    """What a folder must be to be overwritten.

    Attributes:
        name: for people.
        marker: a file that every folder of the kind holds.
        written: patterns (as of fnmatch) of the paths of all files that are written into one.
    """

    name: str
    marker: str
    written: tuple[str, ...]

    def foreign(self, folder: Path) -> list[str]:
        """Returns the paths in a folder of files, links and empty folders that no command wrote, sorted."""
        found = []
        for parent, folders, files in os.walk(folder):
            inside = Path(parent).relative_to(folder)
            links = [name for name in folders if Path(parent, name).is_symlink()]
            empty = [] if folders or files or inside == Path() else [""]
            found += [(inside / name).as_posix() for name in (*files, *links, *empty)]
        return sorted(path for path in found if not any(fnmatch.fnmatchcase(path, each) for each in self.written))


_OF_DESKTOPS = (".DS_Store", ".nfs*", "Thumbs.db", "desktop.ini")
RECORDS = FolderKind(
    "folder of records",
    "manifest.json",
    (
        "contrast-*.tfrecord-*-of-*",
        *("manifest.json", ".verified.json", "rejected.csv", "look_alikes.csv"),
        *("croissant.json", "dataset_info.json", "features.json", "label.labels.txt"),
        *_OF_DESKTOPS,
    ),
)
SAVED_MODEL = FolderKind(
    "SavedModel",
    "saved_model.pb",
    (
        *("saved_model.pb", "fingerprint.pb", "keras_metadata.pb", "variables/variables.*", "assets"),
        "assets.extra/contrast_tfdata.json",
        *_OF_DESKTOPS,
    ),
)


@contextlib.contextmanager
def staged_directory(target: Path, *, overwrite: bool, kind: FolderKind = RECORDS) -> Iterator[Path]:
    """Gives a new folder beside `target` to write into; it becomes `target` when the block ends without an error.

    What `target` held stays in place and readable until then, and for good if the block fails.

    Raises:
        UsageError: `target` exists and is not to be overwritten, is no folder of that kind, or is being written.
        StorageError: the disk is full or not writable.
    """
    with _staged(target, lambda place: _refuse(place, overwrite, kind), _replace) as staging:
        yield staging


@contextlib.contextmanager
def staged_file(target: Path, *, overwrite: bool, companion: str) -> Iterator[Path]:
    """Gives a new folder for a file of the name of `target` and one that goes with it, as `staged_directory` does.

    They take their places one after the other, the file itself last: the companion must tell which file it is of.

    Args:
        target: the file.
        overwrite: whether both may stand there already.
        companion: name of the other file, in the same folder.

    Raises:
        UsageError: one of the two exists and is not to be overwritten, or is no file, or they are being written.
        StorageError: the disk is full or not writable.
    """

    def refuse(place: Path) -> None:
        refuse_existing_files(place, place.with_name(companion), overwrite=overwrite)

    with _staged(target, refuse, _replace_files) as staging:
        yield staging


@contextlib.contextmanager
def _staged(target: Path, refuse: Callable[[Path], None], replace: Callable[[Path, Path], None]) -> Iterator[Path]:
    target = target.resolve()  # a link stays a link; what it leads to is replaced
    staging = target.with_name(f".{target.name}.incomplete-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with single_writer.locked(_lock(target), target):
            _recover(target)
            refuse(target)
            staging.mkdir()
            try:
                yield staging
                sync(*staging.rglob("*"), staging)
                with _stops_ignored():
                    replace(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise storage_error(target, error) from error


def refuse_existing(target: Path, *, overwrite: bool, kind: FolderKind = RECORDS) -> None:
    """Raises UsageError where writing `target` would lose something that was not given up, or another run writes it.

    Puts right first what a killed run left there.
    """
    target = target.resolve()
    if not target.parent.is_dir():
        return
    try:
        with single_writer.locked(_lock(target), target):
            _recover(target)
            _refuse(target, overwrite, kind)
    except OSError as error:
        raise storage_error(target, error) from error


def refuse_existing_files(*paths: Path, overwrite: bool) -> None:
    """Raises UsageError where a file exists and is not to be overwritten, or is something else than a file."""
    for path in paths:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file, so nothing is written there; name another one")
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists; --overwrite replaces it once the new one is complete")


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


def _refuse(target: Path, overwrite: bool, kind: FolderKind) -> None:
    if not target.exists():
        return
    if os.path.ismount(target):
        raise UsageError(f"{target} is a mount point, which cannot be replaced in one step; name a folder inside it")
    if not overwrite:
        raise UsageError(f"{target} exists; --overwrite replaces it once the new one is complete")
    if not target.is_dir() or (any(target.iterdir()) and not (target / kind.marker).is_file()):
        raise UsageError(f"{target} is no {kind.name}, so --overwrite does not touch it; name another one")
    if foreign := kind.foreign(target):
        headline = f"{target} holds what no command wrote there, so --overwrite does not touch it; move these away:"
        raise UsageError(Problems(headline, foreign, complete=False).text())


def _lock(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


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


def _replace_files(staging: Path, target: Path) -> None:
    """Moves the files of `staging` beside `target`, and `target` itself last."""
    for path in sorted(staging.iterdir(), key=lambda path: path.name == target.name):
        os.replace(path, target.with_name(path.name))
    sync(target.parent)


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
