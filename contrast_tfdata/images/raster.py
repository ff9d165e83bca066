"""PNG and JPEG pictures, decoded strictly: a damaged file is refused, never repaired.

One rule for each kind of pixel:

    1-bit                 0 and 255
    8-bit grey            as stored
    16-bit grey           the stored values as float32: nothing is clipped, the intensity scaling sees the full range
    colour, palette       luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, Pillow's `L`), which leaves R = G = B as it
                          is; Pillow keeps the upper 8 bits of 16-bit colour
    transparency          composited on black, the background of an MR image
    CMYK, YCCK            refused: made for ink, and what its numbers mean depends on a colour profile
    EXIF orientation      applied, so that the picture is as every viewer shows it
    several frames        refused: which one would be meant is unknown

Zero bytes after the end of a picture are padding. Anything else there is refused: a second picture, or a file of
another kind, that not every reader would show.
"""

import io

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin

from contrast_tfdata.images import jpeg_integrity, png_integrity
from contrast_tfdata.images.slices import RejectedImageError, Slice, check_finite, check_size

_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
_SHALLOW_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
_TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def check_header(data: bytes, image_format: str) -> None:
    """Refuses a picture for what its header says; no pixel is decoded.

    Args:
        data: all bytes of the file.
        image_format: `png` or `jpeg`, as `sniffing.sniff` returned it.

    Raises:
        RejectedImageError: `too_small`, `too_large`, `animated`, `unsupported_mode`, `truncated`, `corrupt` or
            `trailing_data`.
    """
    _open(data, image_format)


def read_picture(data: bytes, image_format: str, index: int = 0) -> Slice:
    """Returns the one grey slice of a picture.

    A PNG is checked to its last byte (chunk checksums, the end chunk, the number of pixels). A JPEG has no
    checksums: every segment and scan must be there, and what libjpeg would warn of and repair is refused.

    Args:
        data: all bytes of the file.
        image_format: `png` or `jpeg`.
        index: the index that the slice is to carry.

    Returns:
        A slice of uint8 pixels, or float32 where the picture has 16 bits, with spacing (1.0, 1.0).

    Raises:
        RejectedImageError: as `check_header`.
    """
    image = _open(data, image_format)
    image = _decoded_png(image, data) if image_format == "png" else _decoded_jpeg(image, data)
    ImageOps.exif_transpose(image, in_place=True)
    return Slice(_to_grey(image), index)


def _decoded_png(image: Image.Image, data: bytes) -> Image.Image:
    png_integrity.check_pixel_stream(data)
    try:
        image.load()
    except OSError as error:
        raise _rejected(error) from error
    return image


def _decoded_jpeg(image: Image.Image, data: bytes) -> Image.Image:
    decoded = Image.fromarray(jpeg_integrity.decode(data, grey=image.mode == "L"))
    decoded.info = image.info  # Where the orientation stands.
    return decoded


def _open(data: bytes, image_format: str) -> Image.Image:
    """Reads the header with the one decoder that fits; Image.open would try others and guess at multi-picture files."""
    if image_format == "png":
        png_integrity.check_chunks(data)
    else:
        jpeg_integrity.check_segments(data)
    opener = PngImagePlugin.PngImageFile if image_format == "png" else JpegImagePlugin.JpegImageFile
    try:
        image = opener(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError) as error:  # What Pillow raises on a bad header or a text bomb.
        raise _rejected(error) from error
    check_size(image.height, image.width)
    _check_kind(image)
    return image


def _check_kind(image: Image.Image) -> None:
    if getattr(image, "is_animated", False):
        raise RejectedImageError("animated", f"{image.n_frames} frames; only single pictures are read")
    if image.mode not in _DEEP_MODES + _SHALLOW_MODES:
        raise RejectedImageError("unsupported_mode", f"{image.mode} pixels; save the picture as grey or RGB")


def _to_grey(image: Image.Image) -> np.ndarray:
    """Returns (height, width) uint8, or float32 for 16-bit grey, by the rules at the top of this module."""
    if image.mode in _DEEP_MODES:
        return _deep_grey(image)
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, (0, 0, 0, 255)), opaque).convert("RGB")
    elif image.mode in ("P", "RGBX"):
        image = image.convert("RGB")
    return np.asarray(image if image.mode == "L" else image.convert("L"))  # convert would copy what is grey already


def _deep_grey(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image).astype(np.float32)
    check_finite(pixels)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # PNG names one grey value as transparent; on black it is black.
        pixels[pixels == transparent] = 0
    return pixels


def _rejected(error: Exception) -> RejectedImageError:
    # Not in Pillow's words, which may quote the file.
    if "truncated" in str(error).lower():
        return RejectedImageError("truncated", "the picture is cut off before its end")
    return RejectedImageError("corrupt", "the picture does not keep to its format")
