"""Many slices in one picture."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from contrast_tfdata.images.slices import Slice


def contact_sheet(slices: Sequence[Slice], columns: int, tile: int = 192) -> np.ndarray:
    """Returns uint8 grey slices side by side, row by row; unused tiles are black.

    Args:
        slices: at least one, uint8 pixels of any size.
        columns: tiles per row, 1 or more.
        tile: side of a tile in pixels; slices are scaled to fit it, centred.

    Returns:
        (rows * tile, columns * tile) uint8.

    Raises:
        ValueError: no slice, or columns or tile below 1.
    """
    if not slices or columns < 1 or tile < 1:
        raise ValueError(f"A sheet needs slices. Received: {len(slices)} slices, columns={columns}, tile={tile}")
    sheet = np.zeros((-(-len(slices) // columns) * tile, columns * tile), dtype=np.uint8)
    for number, one in enumerate(slices):
        row, column = divmod(number, columns)
        sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile] = _fitted(one.pixels, tile)
    return sheet


def _fitted(pixels: np.ndarray, tile: int) -> np.ndarray:
    height, width = pixels.shape
    scale = tile / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("L", (tile, tile))
    scaled = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    canvas.paste(scaled, ((tile - size[0]) // 2, (tile - size[1]) // 2))
    return np.asarray(canvas)
