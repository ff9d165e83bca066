"""Finding files in a folder or a .zip, and reading their bytes, without being led astray.

Nothing here decides by name what a file is; names only say what an operating system left behind. Whatever is not read
is reported with a reason, never silently left out.
"""

import dataclasses
import errno
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake import archives
from contrast_tfdata.storage.bounded_file import UnfitFileError, kind_of, read_bytes

MAX_FILE_BYTES = 512 << 20
"""Default of the largest file that is read: 512 MiB."""
_FOLDER_LEVELS = 2
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
            if self.archived:
                data = archives.read_member(self.root, self.member or self.path, self.max_bytes)
            else:
                data = read_bytes(Path(self.root, *self.path.split("/")), self.max_bytes)
        except UnfitFileError as error:
            if error.errno == errno.EFBIG:
                raise _too_large(self.max_bytes + 1, self.max_bytes) from error
            raise RejectedImageError("not_a_file", "it is no longer a regular file") from error
        except OSError as error:
            raise RejectedImageError("unreadable", _reason(error)) from error
        if len(data) > self.max_bytes:
            raise _too_large(len(data), self.max_bytes)
        return data


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
        if archives.is_archive(path):
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
    entries = _Collector(path, max_bytes, archived=True)
    members, repeated = archives.members(path)
    for each in repeated:
        if not any(map(is_ignored, each.split("/"))):
            detail = "several members have this path and not the same content; the last one is read"
            entries.report(each, "repeated_path", detail)
    for member in members:
        _visit_member(entries, member)
    return entries.listing()


def _visit_member(entries: _Collector, member: zipfile.ZipInfo) -> None:
    path, is_unsafe = archives.path_of(member), archives.is_unsafe(archives.path_of(member))
    names = [name for name in path.split("/") if name != "."]
    if not is_unsafe:
        entries.add_folders(names[:-1])
    if not names[-1]:
        return  # A folder.
    if is_unsafe:
        entries.report(member.filename, "unsafe_path", "an absolute path or one with .. is refused")
    elif any(map(is_ignored, names)):
        entries.ignored += 1
    elif refusal := archives.refusal(member):
        entries.report(path, *refusal)
    else:
        entries.add(path, member.file_size, None if member.filename == path else member.filename)


def _contains(folder: str, path: str) -> bool:
    return os.path.commonpath([folder, path]) == folder


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _too_large(size: int, max_bytes: int) -> RejectedImageError:
    return RejectedImageError("too_large", f"{size} bytes or more; the most is {max_bytes} (--max_bytes)")


def _by_path(item: FileRef | Problem) -> bytes:
    return os.fsencode(item.path)
