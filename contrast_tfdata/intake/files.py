"""Finding files in a folder or a .zip, and reading their bytes, without being led astray.

Nothing here decides by name what a file is; names only say what an operating system left behind. Whatever is not read
is reported with a reason, never silently left out.
"""

import dataclasses
import functools
import os
import stat
import zipfile
import zlib
from collections.abc import Sequence

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake import zip_directory
from contrast_tfdata.storage.bounded_file import kind_of

MAX_FILE_BYTES = 512 << 20
"""Default of the largest file that is read: 512 MiB."""
MAX_ARCHIVE_MEMBERS = 1_000_000
MAX_ARCHIVE_BYTES = 256 << 30
"""Most members of a .zip, and most bytes that they may say they have once decompressed."""
_FOLDER_LEVELS = 2
_MAX_MEMBER_ENTRY = 256  # Mean bytes in the directory: 46, the name twice (also in UTF-8), times and sizes.
_IGNORED_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclasses.dataclass(frozen=True, slots=True)
class FileRef:
    """A file that can be read, here or in a worker process.

    Attributes:
        root: the folder, or the .zip, that it was found in.
        path: its path in there, with `/` between names; bytes that are no UTF-8 are surrogate escapes.
        size: its bytes when it was found.
        archived: whether `root` is a .zip.
        max_bytes: the size above which it is not read.
    """

    root: str
    path: str
    size: int
    archived: bool = False
    max_bytes: int = MAX_FILE_BYTES

    def read(self) -> bytes:
        """Returns the file's bytes; never waits on a FIFO that took the file's place.

        Raises:
            RejectedImageError: `unreadable` (gone, no right, damaged archive), `not_a_file` or `too_large`.
        """
        try:
            data = self._read_member() if self.archived else self._read_file()
        except OSError as error:
            raise RejectedImageError("unreadable", _reason(error)) from error
        if len(data) > self.max_bytes:
            raise _too_large(len(data), self.max_bytes)
        return data

    def _read_file(self) -> bytes:
        descriptor = os.open(os.path.join(self.root, *self.path.split("/")), _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RejectedImageError("not_a_file", "it is no longer a regular file")
            # Memory for all that is asked for is reserved before a byte is read, so that is what the file should have.
            data = file.read(min(status.st_size, self.max_bytes) + 1)
            return data + file.read(self.max_bytes + 1 - len(data)) if len(data) > status.st_size else data

    def _read_member(self) -> bytes:
        status = os.stat(self.root)
        archive = _open_archive(self.root, status.st_mtime_ns, status.st_size, os.getpid())
        try:
            with archive.open(self.path) as member:
                return member.read(self.max_bytes + 1)
        # A damaged member, one that is gone, or a method of compression that Python does not have.
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
            raise RejectedImageError("unreadable", f"zip member: {type(error).__name__}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """A directory entry or archive member that is not read, and why.

    Attributes:
        path: as `FileRef.path`.
        code: `too_large`, `link_outside`, `link_loop`, `link_folder`, `link_broken`, `not_a_file`, `unreadable`; in
            archives also `unsafe_path`, `link`, `encrypted`.
        detail: one line for a person.
    """

    path: str
    code: str
    detail: str

    @property
    def is_no_image(self) -> bool:
        """Whether it is a link or a device: nothing that should have been an image and is broken."""
        return self.code.startswith("link") or self.code == "not_a_file"


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder, file or .zip holds.

    Attributes:
        files: files to read, sorted by path (as bytes): the same on every machine and file system.
        problems: what is not read, sorted the same way.
        ignored: how many entries are an operating system's own (hidden names, Thumbs.db, __MACOSX and the like).
        folders: paths of the folders on the two upper levels, where classes may be, whatever they hold; sorted too.
    """

    files: tuple[FileRef, ...]
    problems: tuple[Problem, ...]
    ignored: int
    folders: tuple[str, ...] = ()


def list_files(root: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> Listing:
    """Lists a folder with all below it, a .zip (told by content; its members are read in place), or a single file.

    A link to a file inside the folder is followed. A link to a folder never is: what it leads to is either listed where
    it stands, or outside, or a loop.

    Args:
        root: what to list. A link here is followed wherever it leads: the user named it.
        max_bytes: files above this size are reported as `too_large` and not read.

    Raises:
        DataError: `root` does not exist, cannot be read, is neither folder nor file, is a damaged .zip, or one above
            the limits for archives.
    """
    path = os.path.realpath(root)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return _list_folder(path, max_bytes)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path!r} is {kind_of(status.st_mode)}, neither a folder nor a file")
        if _is_archive(path):
            return _list_archive(path, max_bytes)
    except OSError as error:
        raise DataError(f"{os.fspath(root)!r} cannot be read: {error.strerror}") from error
    entries = _Collector(os.path.dirname(path), max_bytes)
    entries.add(os.path.basename(path), status.st_size)
    return entries.listing()


def is_ignored(name: str) -> bool:
    """Returns whether an operating system left this name behind: hidden (also `._x`), Thumbs.db, __MACOSX."""
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


class _Collector:
    """Gathers the entries of one root."""

    def __init__(self, root: str, max_bytes: int, *, archived: bool = False):
        self._root, self._max_bytes, self._archived = root, max_bytes, archived
        self._files: list[FileRef] = []
        self._problems: list[Problem] = []
        self._folders: set[str] = set()
        self.ignored = 0

    def listing(self) -> Listing:
        return Listing(
            tuple(sorted(self._files, key=_by_path)),
            tuple(sorted(self._problems, key=_by_path)),
            self.ignored,
            tuple(sorted(self._folders, key=os.fsencode)),
        )

    def add(self, path: str, size: int) -> None:
        if size > self._max_bytes:
            self.report(path, "too_large", _too_large(size, self._max_bytes).detail)
        else:
            self._files.append(FileRef(self._root, path, size, self._archived, self._max_bytes))

    def add_folders(self, names: Sequence[str]) -> None:
        """Notes the folders that a path of them goes through, up to one that is an operating system's."""
        for depth, name in enumerate(names[:_FOLDER_LEVELS], start=1):
            if is_ignored(name):
                return
            self._folders.add("/".join(names[:depth]))

    def report(self, path: str, code: str, detail: str) -> None:
        self._problems.append(Problem(path, code, detail))

    def walk(self, folder: str, prefix: str = "") -> None:
        """Adds what a folder holds; `prefix` is its path inside the root, with `/` at its end."""
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError as error:
            self.report(prefix.rstrip("/"), "unreadable", _reason(error))
            return
        while found:  # Each is let go of once it is seen: with what it learned of the file it takes half a kilobyte.
            entry = found.pop()
            if is_ignored(entry.name):
                self.ignored += 1
            else:
                self._visit(entry, prefix + entry.name)

    def _visit(self, entry: os.DirEntry, path: str) -> None:
        try:
            mode, size = entry.stat().st_mode, entry.stat().st_size
        except OSError as error:
            self.report(path, "link_broken" if entry.is_symlink() else "unreadable", _reason(error))
            return
        if entry.is_symlink() and not self._follows(entry, path):
            return
        if stat.S_ISDIR(mode):
            self.add_folders(path.split("/"))
            self.walk(entry.path, path + "/")
        elif stat.S_ISREG(mode):
            self.add(path, size)
        else:
            self.report(path, "not_a_file", f"{kind_of(mode)}; it is not opened")

    def _follows(self, link: os.DirEntry, path: str) -> bool:
        """Returns whether a link is to be followed; reports it otherwise."""
        target = os.path.realpath(link.path)
        if not _contains(self._root, target):
            self.report(path, "link_outside", "a link that leads out of the folder is not followed")
        elif _contains(target, link.path):
            self.report(path, "link_loop", "a link back to a folder above is not followed")
        elif link.is_dir():
            self.report(path, "link_folder", "a link to a folder is not followed; its files are listed where they are")
        else:
            return True
        return False


def _list_folder(path: str, max_bytes: int) -> Listing:
    entries = _Collector(path, max_bytes)
    entries.walk(path)
    return entries.listing()


def _list_archive(path: str, max_bytes: int) -> Listing:
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path!r} is not a readable .zip: {error}") from error
    total = sum(info.file_size for info in members.values())
    if total > MAX_ARCHIVE_BYTES:
        raise DataError(f"{path!r} says its members have {total} bytes; the most is {MAX_ARCHIVE_BYTES}")
    entries = _Collector(path, max_bytes, archived=True)
    for info in members.values():
        _visit_member(entries, info)
    return entries.listing()


def _check_directory(path: str) -> None:
    """Refuses too long a directory before zipfile reads it, with half a kilobyte of memory for each member."""
    members, size = zip_directory.measure(path, MAX_ARCHIVE_MEMBERS)
    if members > MAX_ARCHIVE_MEMBERS:
        raise DataError(f"{path!r} has more than {MAX_ARCHIVE_MEMBERS} members; split it, or unpack it into a folder")
    if size > MAX_ARCHIVE_MEMBERS * _MAX_MEMBER_ENTRY:
        most = MAX_ARCHIVE_MEMBERS * _MAX_MEMBER_ENTRY
        raise DataError(f"{path!r} has a directory of {size} bytes; the most is {most}")


def _visit_member(entries: _Collector, info: zipfile.ZipInfo) -> None:
    parts = info.filename.replace("\\", "/").split("/")
    unsafe = ".." in parts or parts[0] == "" or parts[0].endswith(":")
    if not unsafe:
        entries.add_folders([part for part in parts[:-1] if part != "."])
    if info.is_dir():
        return
    if unsafe:
        entries.report(info.filename, "unsafe_path", "an absolute path or one with .. is refused")
    elif any(is_ignored(part) for part in parts if part != "."):
        entries.ignored += 1
    elif stat.S_ISLNK(info.external_attr >> 16):  # The upper half holds the Unix mode (APPNOTE.TXT, 4.4.15).
        entries.report(info.filename, "link", "a link inside an archive is refused")
    elif info.flag_bits & _ENCRYPTED:
        entries.report(info.filename, "encrypted", "an encrypted member cannot be read")
    else:
        entries.add(info.filename, info.file_size)


@functools.lru_cache(maxsize=4)
def _open_archive(path: str, mtime_ns: int, size: int, pid: int) -> zipfile.ZipFile:
    """Opens an archive once per process: its directory is long, and a forked child must not share the file position."""
    del mtime_ns, size, pid  # Only part of the key.
    return zipfile.ZipFile(path)


def _is_archive(path: str) -> bool:
    with open(path, "rb", buffering=0) as file:
        return file.read(4) in _ZIP_MAGIC


def _contains(folder: str, path: str) -> bool:
    return os.path.commonpath([folder, path]) == folder


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _too_large(size: int, max_bytes: int) -> RejectedImageError:
    return RejectedImageError("too_large", f"{size} bytes or more; the most is {max_bytes} (--max_bytes)")


def _by_path(item: FileRef | Problem) -> bytes:
    return os.fsencode(item.path)
