"""Members of .zip archives, read in place: which there are, which of them cannot be read, and their bytes.

Numbers of sections are those of APPNOTE.TXT (PKWARE's specification of the format).
"""

import functools
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake import zip_directory

MAX_MEMBERS = 1_000_000
MAX_BYTES = 256 << 30
"""Most members of a .zip, and most bytes that they may say they have once decompressed."""
_MAX_MEMBER_ENTRY = 256  # Mean bytes in the directory: 46, the name twice (also in UTF-8), times and sizes.
_DRIVE = re.compile(r"[A-Za-z]:")
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_METHODS_READ = {
    zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA,
    getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED),  # Since Python 3.14.
}  # fmt: skip
_METHODS = {
    1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 9: "Deflate64", 10: "Implode",
    20: "Zstandard", 93: "Zstandard", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
}  # fmt: skip
"""Methods of compression by number (4.4.5)."""
_OWN_ERRORS = (("lzma", "LZMAError"), ("zstd", "ZstdError"))  # Of modules that not every Python has.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError,
    *(getattr(getattr(zipfile, module, None), name, EOFError) for module, name in _OWN_ERRORS),
)  # fmt: skip
"""What zipfile and the decompressors raise on a member that is not what the archive says."""


def is_archive(path: str) -> bool:
    """Whether a file begins as a .zip does; raises OSError where it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return file.read(4) in _MAGIC


def members(path: str) -> tuple[Collection[zipfile.ZipInfo], list[str]]:
    """Returns what an archive holds, of several members with one path the last, as unpacking would leave it.

    Returns:
        The members, and the paths under which several stand that differ.

    Raises:
        DataError: it is damaged or above the limits.
        OSError: it cannot be read.
    """
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path!r} is not a readable .zip: {error}") from error
    total = sum(info.file_size for info in {info.filename: info for info in infos}.values())
    if total > MAX_BYTES:
        raise DataError(f"{path!r} says its members have {total} bytes; the most is {MAX_BYTES}")
    found, repeated = {}, []
    for info in infos:
        member = path_of(info)
        names = [name for name in member.split("/") if name not in ("", ".")]
        key = info.filename if is_unsafe(member) or member.endswith("/") else "/".join(names)
        former = found.get(key)
        if former is not None and (former.CRC, former.file_size) != (info.CRC, info.file_size):
            repeated.append(key)
        found[key] = info
    return found.values(), repeated


def _check_directory(path: str) -> None:
    """Refuses too long a directory before zipfile reads it, with half a kilobyte of memory for each member."""
    count, size = zip_directory.measure(path, MAX_MEMBERS)
    if count > MAX_MEMBERS:
        raise DataError(f"{path!r} has more than {MAX_MEMBERS} members; split it, or unpack it into a folder")
    most = MAX_MEMBERS * _MAX_MEMBER_ENTRY
    if size > most:
        raise DataError(f"{path!r} has a directory of {size} bytes; the most is {most}")


def path_of(member: zipfile.ZipInfo) -> str:
    """Returns its path with `/` between names, as it must be (4.4.17.1); some programs write backslashes."""
    return member.filename.replace("\\", "/")


def is_unsafe(path: str) -> bool:
    """Whether a member's path would lead out of the folder into which it is unpacked."""
    return ".." in path.split("/") or path.startswith("/") or _DRIVE.match(path) is not None


def refusal(member: zipfile.ZipInfo) -> tuple[str, str] | None:
    """Returns why a member cannot be read, a code and a line for a person; None where it can."""
    method = member.compress_type
    if stat.S_ISLNK(member.external_attr >> 16):  # The upper half holds the Unix mode (4.4.15).
        return "link", "a link inside an archive is refused"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted", "an encrypted member cannot be read; unpack the archive with its password"
    if method not in _METHODS_READ:
        what = f"compressed with {_METHODS.get(method, f'method {method}')}, which is not read"
        return "compression", f"{what}; unpack the archive, or pack it anew with Deflate (zip -r)"
    return None


def read_member(path: str, name: str, max_bytes: int) -> bytes:
    """Returns a member's bytes, of more than `max_bytes` that many and one.

    Raises:
        RejectedImageError: `unreadable`: damaged, gone, or compressed in a way that this Python does not know.
        OSError: the archive cannot be read.
    """
    status = os.stat(path)
    archive = _opened(path, status.st_mtime_ns, status.st_size, os.getpid())
    try:
        with archive.open(name) as member:
            return member.read(max_bytes + 1)
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


@functools.lru_cache(maxsize=4)
def _opened(path: str, mtime_ns: int, size: int, pid: int) -> zipfile.ZipFile:
    """Opens an archive once per process: its directory is long, and a forked child must not share the file position."""
    del mtime_ns, size, pid  # Only part of the key.
    return zipfile.ZipFile(path)
