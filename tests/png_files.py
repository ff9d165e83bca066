"""Small pictures for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_png(path: Path, seed: int, size: int = 24) -> Path:
    """Writes a small grey picture that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)
    Image.fromarray(pixels).save(path)
    return path
