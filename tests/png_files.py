"""Small pictures for tests."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def write_png(path: Path, seed: int, size: int = 24) -> Path:
    """Writes a small grey picture that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_tree(root: Path, counts: tuple[int, int], first_seed: int = 0) -> Path:
    """Writes so many pictures a class, four of each patient: <root>/<class>/p<patient>_<number>.png; returns `root`."""
    for label, name in enumerate(("no_gad", "with_gad")):
        for number in range(counts[label]):
            write_png(root / name / f"p{label}{number // 4:03d}_{number:05d}.png", first_seed + 10_000 * label + number)
    return root


def png_bytes(pixels: np.ndarray) -> bytes:
    """Returns (height, width) uint8 as a PNG; for thousands of pictures, where Pillow would take seconds."""
    header = struct.pack(">2I5B", *pixels.shape[::-1], 8, 0, 0, 0, 0)
    rows = zlib.compress(np.pad(pixels, ((0, 0), (1, 0))).tobytes(), 1)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(named: tuple[bytes, bytes]) -> bytes:
    name, data = named
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
