"""A small picture of a slice, by which pictures of the same thing are found."""

import numpy as np
from PIL import Image

from contrast_tfdata.images.preprocessing import scale_foreground

THUMBNAIL_SIZE = 48
"""Side of the thumbnails in pixels."""


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Returns a slice of any size and range, (height, width), as (48, 48) uint8, whatever its brightness."""
    # Blocks are averaged first, in large pictures of every second row: a third of the time of one step, and as good.
    factor = max(1, min(pixels.shape) // (2 * THUMBNAIL_SIZE))
    skip = 2 if factor >= 4 else 1
    kept = np.ascontiguousarray(pixels[::skip], None if pixels.dtype == np.uint8 else np.float32)
    picture, blocks = Image.fromarray(kept), (factor, factor // skip)
    box = (0, 0, picture.width / blocks[0], picture.height / blocks[1])
    small = picture.reduce(blocks).convert("F").resize((THUMBNAIL_SIZE,) * 2, Image.Resampling.BILINEAR, box)
    return np.rint(scale_foreground(np.asarray(small))).astype(np.uint8)
