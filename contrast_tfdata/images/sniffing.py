"""Which format a file has, told from its first bytes, never from its name."""

import zlib

from contrast_tfdata.images.slices import RejectedImageError

HEAD_BYTES = 4096
"""How many leading bytes `sniff` needs: a NIfTI-2 header (540 bytes), also inside a gzip stream with a long name."""

# What is not read but deserves its name in the message. Offset and bytes as registered in the formats' specifications.
_OTHER_FORMATS = (
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (8, b"WEBP", "a WebP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"%PDF", "a PDF"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 code stream"),
    (4, b"ftyp", "an HEIF, AVIF or MP4"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"NRRD", "an NRRD volume"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (344, b"ni1\0", "one half of a two-file NIfTI (.hdr and .img); convert it to a single .nii file"),
)
_UNKNOWN = "no known image format (a DICOM file has DICM at byte 128)"
_EXECUTABLES = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_EXTENSIONS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".nii": "nifti",
    ".nii.gz": "nifti",
}


def sniff(head: bytes, promised: str | None = None) -> str:
    """Returns the format of a file: `png`, `jpeg`, `dicom` or `nifti`.

    DICOM is what has `DICM` after a preamble of 128 bytes (PS3.10, 7.1); a preamble that makes the file an executable
    program as well (CVE-2019-11687) is refused. NIfTI is a single file of version 1 or 2, of either byte order, plain
    or gzip-compressed.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or all of it where it is shorter. More does no harm.
        promised: the format that the file's name promises, or None.

    Raises:
        RejectedImageError: `empty`, `not_dicom` (executable preamble), `unsupported_format` naming what it is where
            that is known, or `corrupt` where it is nothing known but its name promises an image.
    """
    if not head:
        raise RejectedImageError("empty", "the file has no bytes")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[128:132] == b"DICM":
        _check_preamble(head)
        return "dicom"
    if _is_nifti(_uncompressed(head)):
        return "nifti"
    name = _name(head)
    if name == _UNKNOWN and promised:
        raise RejectedImageError("corrupt", f"named like {promised}, but {name}")
    raise RejectedImageError("unsupported_format", f"this is {name}; PNG, JPEG, DICOM and NIfTI are read")


def expected_format(path: str) -> str | None:
    """Returns the format that a file's name promises, or None where the name says nothing.

    Only for a warning where name and content disagree: the content decides.
    """
    lower = path.lower()
    return next((name for extension, name in _EXTENSIONS.items() if lower.endswith(extension)), None)


def _check_preamble(head: bytes) -> None:
    if head.startswith(_EXECUTABLES):
        raise RejectedImageError("not_dicom", "the DICOM preamble makes the file an executable program")


def _uncompressed(head: bytes) -> bytes:
    """Returns the start of a gzip stream decompressed, other bytes as they are."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head[:HEAD_BYTES], HEAD_BYTES)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    # sizeof_hdr stands first in either byte order: 348 with the magic at 344 (NIfTI-1), 540 with it at 4 (NIfTI-2).
    size = head[:4]
    if size in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):
        return head[344:348] == b"n+1\0"
    return size in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") and head[4:8] == b"n+2\0"


def _name(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()  # A byte order mark and blanks may stand before XML.
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG, or other XML"
    for offset, magic, name in _OTHER_FORMATS:
        if head[offset : offset + len(magic)] == magic:
            return name
    if (
        head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0"
    ):  # Of group 0002 or 0008, which a data set begins with.
        return "DICOM without the preamble of its files"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip stream without a NIfTI volume inside"
    return _UNKNOWN
