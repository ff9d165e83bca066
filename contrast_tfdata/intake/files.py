"""Finding files in a folder or a .zip, and reading their bytes, without being led astray.

Nothing here decides by name what a file is; names only say what an operating system left behind. Whatever is not read
is reported with a reason, never silently left out.
"""

import dataclasses
import functools
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake import zip_directory
from contrast_tfdata.storage.bounded_file import OPEN_FLAGS, kind_of

MAX_FILE_BYTES = 512 << 20
"""Default of the largest file that is read: 512 MiB."""
MAX_ARCHIVE_MEMBERS = 1_000_000
MAX_ARCHIVE_BYTES = 256 << 30
"""Most members of a .zip, and most bytes that they may say they have once decompressed."""
_FOLDER_LEVELS = 2
_MAX_MEMBER_ENTRY = 256  # Mean bytes in the directory: 46, the name twice (also in UTF-8), times and sizes.
_SYSTEM_NAMES = frozenset({
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "system volume information",  # Windows.
    "$recycle.bin", "recycler", "recycled",  # Its bins: of Vista and later, of NTFS before, of FAT.
    "__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder",  # macOS.
    "thefindbycontentfolder",
    "@eadir", "@tmp", "#recycle", "#snapshot",  # Synology's DSM: thumbnails, bins, former states of a share.
    "@recycle", "@recently-snapshot",  # QNAP's QTS.
    "trashbox",  # Buffalo.
    "~snapshot",  # NetApp.
    "lost+found",  # File systems of Linux.
})  # fmt: skip
"""Names in small letters that systems give to files and folders of their own, besides the hidden ones."""
_SYSTEM_PATTERN = re.compile(
    r"~\$.*"  # Locks of Microsoft Office.
    r"|found\.\d{3}"  # What chkdsk has found.
    r"|thumbs\.db:.*|.*[:\uf03a]zone\.identifier"  # Streams of NTFS that became files of their own.
    r"|.*@syno(eastream|resource)",  # Synology's, of files of macOS.
    re.DOTALL,
)
_DRIVE = re.compile(r"[A-Za-z]:")
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_METHODS_READ = {
    zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA,
    getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED),  # Since Python 3.14.
}  # fmt: skip
_METHODS = {
    1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 9: "Deflate64", 10: "Implode",
    20: "Zstandard", 93: "Zstandard", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
}  # fmt: skip
"""Methods of compression by number (APPNOTE.TXT, 4.4.5)."""
_OWN_ERRORS = (("lzma", "LZMAError"), ("zstd", "ZstdError"))  # Of modules that not every Python has.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError,
    *(getattr(getattr(zipfile, module, None), name, EOFError) for module, name in _OWN_ERRORS),
)  # fmt: skip
"""What zipfile and the decompressors raise on a member that is not what the archive says."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileRef:
    """A file that can be read, here or in a worker process.

    Attributes:
        root: the folder, or the .zip, that it was found in.
        path: its path in there, with `/` between names; bytes that are no UTF-8 are surrogate escapes.
        size: its bytes when it was found.
        archived: whether `root` is a .zip.
        max_bytes: the size above which it is not read.
        member: its name in the archive, where that is another one than `path`.
    """

    root: str
    path: str
    size: int
    archived: bool = False
    max_bytes: int = MAX_FILE_BYTES
    member: str | None = None

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
        descriptor = os.open(os.path.join(self.root, *self.path.split("/")), OPEN_FLAGS)
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
            with archive.open(self.member or self.path) as member:
                return member.read(self.max_bytes + 1)
        except _DAMAGED as error:
            raise RejectedImageError("unreadable", "this member of the archive is damaged") from error
        except KeyError as error:
            raise RejectedImageError("unreadable", "this member is gone from the archive") from error
        except (NotImplementedError, RuntimeError) as error:
            raise RejectedImageError("unreadable", "this Python lacks what decompresses this member") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise RejectedImageError("unreadable", "this member of the archive is damaged") from error  # Said by bz2.


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """A directory entry or archive member that is not read, and why.

    Attributes:
        path: as `FileRef.path`.
        code: `too_large`, `link_outside`, `link_loop`, `link_folder`, `link_broken`, `not_a_file`, `unreadable`; in
            archives also `unsafe_path`, `link`, `encrypted`, `compression`, `repeated_path`.
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
    """Returns whether a system of files or of an office left this name behind: hidden, Thumbs.db, @eaDir, a bin."""
    lower = name.lower()
    return name.startswith(".") or lower in _SYSTEM_NAMES or _SYSTEM_PATTERN.fullmatch(lower) is not None


_PASSED_OVER = {
    "link_outside": "links that lead out of it (they are not followed: name what they lead to, or copy it)",
    "link_loop": "links back to a folder above",
    "link_folder": "links to folders in it, whose files are listed where they are",
    "link_broken": "links that lead nowhere",
    "link": "links inside an archive (unpack it, if you trust it)",
    "not_a_file": "devices, FIFOs and sockets",
}
"""By the codes of problems that are no images."""


def passed_over(listings: Iterable[Listing]) -> str:
    """Returns how many entries were passed over, by kind and with what to do about it; "" for none."""
    counts, ignored = Counter(), 0
    for listing in listings:
        counts.update(problem.code for problem in listing.problems if problem.is_no_image)
        ignored += listing.ignored
    said = [f"{count} {_PASSED_OVER[code]}" for code, count in sorted(counts.items())]
    return ", ".join([*said, f"{ignored} system files"] if ignored else said)


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

    def add(self, path: str, size: int, member: str | None = None) -> None:
        if size > self._max_bytes:
            self.report(path, "too_large", _too_large(size, self._max_bytes).detail)
        else:
            self._files.append(FileRef(self._root, path, size, self._archived, self._max_bytes, member))

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
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path!r} is not a readable .zip: {error}") from error
    total = sum(info.file_size for info in {info.filename: info for info in infos}.values())
    if total > MAX_ARCHIVE_BYTES:
        raise DataError(f"{path!r} says its members have {total} bytes; the most is {MAX_ARCHIVE_BYTES}")
    entries = _Collector(path, max_bytes, archived=True)
    for info in _distinct(entries, infos):
        _visit_member(entries, info)
    return entries.listing()


def _distinct(entries: _Collector, infos: Iterable[zipfile.ZipInfo]) -> Iterable[zipfile.ZipInfo]:
    """Returns of members with one path the last, as unpacking would leave it; reports where the others differ."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path = _slashes(info)
        names = [name for name in path.split("/") if name not in ("", ".")]
        key = info.filename if _is_unsafe(path) or path.endswith("/") else "/".join(names)
        former = members.get(key)
        members[key] = info
        is_other = former is not None and (former.CRC, former.file_size) != (info.CRC, info.file_size)
        if is_other and not any(map(is_ignored, names)):
            detail = "several members have this path and not the same content; the last one is read"
            entries.report(key, "repeated_path", detail)
    return members.values()


def _slashes(info: zipfile.ZipInfo) -> str:
    """Returns a member's path with `/` between names, as it must be (4.4.17.1); some programs write backslashes."""
    return info.filename.replace("\\", "/")


def _is_unsafe(path: str) -> bool:
    return ".." in path.split("/") or path.startswith("/") or _DRIVE.match(path) is not None


def _check_directory(path: str) -> None:
    """Refuses too long a directory before zipfile reads it, with half a kilobyte of memory for each member."""
    members, size = zip_directory.measure(path, MAX_ARCHIVE_MEMBERS)
    if members > MAX_ARCHIVE_MEMBERS:
        raise DataError(f"{path!r} has more than {MAX_ARCHIVE_MEMBERS} members; split it, or unpack it into a folder")
    if size > MAX_ARCHIVE_MEMBERS * _MAX_MEMBER_ENTRY:
        most = MAX_ARCHIVE_MEMBERS * _MAX_MEMBER_ENTRY
        raise DataError(f"{path!r} has a directory of {size} bytes; the most is {most}")


def _visit_member(entries: _Collector, info: zipfile.ZipInfo) -> None:
    path, method = _slashes(info), info.compress_type
    names = [name for name in path.split("/") if name != "."]
    is_unsafe = _is_unsafe(path)
    if not is_unsafe:
        entries.add_folders(names[:-1])
    if not names[-1]:
        return  # A folder.
    if is_unsafe:
        entries.report(info.filename, "unsafe_path", "an absolute path or one with .. is refused")
    elif any(map(is_ignored, names)):
        entries.ignored += 1
    elif stat.S_ISLNK(info.external_attr >> 16):  # The upper half holds the Unix mode (APPNOTE.TXT, 4.4.15).
        entries.report(path, "link", "a link inside an archive is refused")
    elif info.flag_bits & _ENCRYPTED:
        entries.report(path, "encrypted", "an encrypted member cannot be read; unpack the archive with its password")
    elif method not in _METHODS_READ:
        what = f"compressed with {_METHODS.get(method, f'method {method}')}, which is not read"
        entries.report(path, "compression", f"{what}; unpack the archive, or pack it anew with Deflate (zip -r)")
    else:
        entries.add(path, info.file_size, None if info.filename == path else info.filename)


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
