"""Damaged image files through the decoders, in a process of its own: a crash, a hang or a flood of memory ends only it.

    python tests/images/fuzz_images.py COUNT JOURNAL

prints one JSON object. JOURNAL always holds the name and number of the file being read, from which `damaged` makes the
same bytes again.
"""

import collections
import functools
import io
import json
import os
import resource
import signal
import struct
import sys
import time
import zlib

import numpy as np
import pydicom
from image_files import EXAMPLES, dicom_bytes
from PIL import Image, ImageOps

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError, Slice

_SEALED = ("png", "dicom_rle", "dicom_jpeg", "dicom_jpeg_ls", "dicom_jpeg_2000")
_SECONDS_PER_FILE = 10
_ADDRESS_SPACE = 8 << 30  # Far above what is allowed to be used: libraries reserve much that they never touch.
_VALUES = (0, 1, 127, 128, 255)


def main(count: int, journal: str) -> None:
    """Reads `count` damaged files, the same ones in every run."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # Ends the process, also inside a decoder.
    file = os.open(journal, os.O_WRONLY | os.O_CREAT, 0o600)
    names = [*EXAMPLES, *(f"{name}_sealed" for name in _SEALED)]
    outcomes = {name: collections.Counter() for name in names}
    slowest = (0.0, "")
    for number in range(count):
        name = names[number % len(names)]
        os.pwrite(file, f"{name} {number}".ljust(60).encode(), 0)
        data = damaged(name, number)
        signal.alarm(_SECONDS_PER_FILE)
        start = time.perf_counter()
        outcomes[name][outcome(data)] += 1
        slowest = max(slowest, (time.perf_counter() - start, f"{name} {number}"))
        signal.alarm(0)
    print(json.dumps({"outcomes": outcomes, "slowest": slowest, "peak_mib": peak_kib() >> 10}))


def peak_kib() -> int:
    """Returns this program's peak memory; ru_maxrss would count what the parent held, too."""
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def damaged(name: str, number: int) -> bytes:
    """Returns the damaged file of this name and number.

    Most damage to a PNG ends at its checksums and most damage to a DICOM file at its header. A name in `_sealed` stands
    for a PNG whose checksums are right again, or for damage to the coded pixels alone.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), number])
    kind = name.removesuffix("_sealed")
    if kind == name:
        return _changed(EXAMPLES[kind], rng)
    if kind == "png":
        return _with_checksums(_changed(EXAMPLES[kind], rng))
    syntax, frame, pixels = _coded_pixels(kind)
    return dicom_bytes(pixels, frame=(syntax, _changed(frame, rng) + b"\0\0"))


@functools.cache
def _coded_pixels(name: str) -> tuple[str, bytes, np.ndarray]:
    """Returns the transfer syntax, the coded pixels and an empty picture of the same shape and type."""
    dataset = pydicom.dcmread(io.BytesIO(EXAMPLES[name]))
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    return dataset.file_meta.TransferSyntaxUID, frame, np.zeros_like(dataset.pixel_array)


def outcome(data: bytes) -> str:
    """Returns `read`, or the code of the rejection; any other exception is for the caller to fail at."""
    try:
        facts = scan(data)
        images = read(data, facts, [facts.num_slices // 2])
    except RejectedImageError as error:
        return error.code if "\n" not in error.detail else "more than one line"
    for image in images:
        assert image.pixels.ndim == 2
        assert image.pixels.dtype in (np.uint8, np.float32)
        assert np.all(np.isfinite(image.pixels))
        assert Preprocessing(image_size=20)(image).shape == (20, 20)
        if facts.format in ("png", "jpeg"):
            _check_against_pillow(data, image)
    return "read"


def _check_against_pillow(data: bytes, image: Slice) -> None:
    """What is accepted must be what another, lenient reader of the same bytes shows."""
    picture = Image.open(io.BytesIO(data))
    if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
        np.testing.assert_array_equal(image.pixels, np.asarray(ImageOps.exif_transpose(picture).convert("L")))


def _changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the file with one to three places changed, cut out, cut off, doubled, zeroed or filled with noise."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        # Headers decide most, and they are short: half of the changes fall into the first 600 bytes.
        limit = min(600, len(changed)) if rng.random() < 0.5 else len(changed)
        place, length = int(rng.integers(max(limit, 1))), int(rng.integers(1, 64))
        kind = rng.integers(6)
        if kind == 0:
            for offset in rng.integers(0, 8, size=rng.integers(1, 5)):
                value = int(rng.choice([*_VALUES, rng.integers(256)]))
                changed[place + int(offset) : place + int(offset) + 1] = bytes([value])
        elif kind == 1:
            del changed[place:]
            changed += rng.choice([b"", b"\xff\xd9"])
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif kind == 4:
            changed[place : place + length] = bytes(len(changed[place : place + length]))
        else:
            changed[place:place] = rng.bytes(length)
    return bytes(changed)


def _with_checksums(data: bytes) -> bytes:
    """Returns a PNG with the checksum of each whole chunk made right, so that what stands behind them is reached."""
    sealed, place = bytearray(data), 8
    while place + 12 <= len(sealed):
        end = place + 8 + struct.unpack_from(">I", sealed, place)[0]
        if end + 4 > len(sealed):
            break
        struct.pack_into(">I", sealed, end, zlib.crc32(sealed[place + 4 : end]))
        place = end + 4
    return bytes(sealed)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
