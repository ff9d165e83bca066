import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from child_memory import PEAK
from image_files import encode, ramp
from PIL import Image

from contrast_tfdata.images.raster import check_header, read_picture
from contrast_tfdata.images.slices import RejectedImageError

GREY = ramp()
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


def code_of(data: bytes, image_format: str) -> str:
    with pytest.raises(RejectedImageError) as caught:
        read_picture(data, image_format)
    return caught.value.code


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_grey_png_is_read_as_it_is():
    image = read_picture(encode(GREY, "PNG"), "png", 5)
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, GREY)
    assert (image.index, image.spacing) == (5, (1.0, 1.0))


def test_jpeg_is_what_pillow_decodes():
    data = encode(GREY, "JPEG")
    np.testing.assert_array_equal(read_picture(data, "jpeg").pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_equal_channels_are_their_grey():
    every_grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = encode(np.repeat(every_grey[..., np.newaxis], 3, axis=2), "PNG")
    np.testing.assert_array_equal(read_picture(data, "png").pixels, every_grey)


def test_colour_becomes_luma():
    data = encode(Image.new("RGB", (16, 16), (200, 100, 50)), "PNG")
    assert read_picture(data, "png").pixels[0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"optimize": True}])
@pytest.mark.parametrize("subsampling", [None, "4:4:4", "4:2:2", "4:2:0"])
def test_jpegs_of_every_kind_are_what_pillow_decodes(options, subsampling):
    rng = np.random.default_rng(0)
    for height, width in ((16, 16), (17, 33), (40, 23)):
        shape = (height, width) if subsampling is None else (height, width, 3)
        options = options if subsampling is None else options | {"subsampling": subsampling}
        data = encode(rng.integers(0, 256, shape, dtype=np.uint8), "JPEG", quality=80, **options)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        np.testing.assert_array_equal(read_picture(data, "jpeg").pixels, expected)


def test_jpeg_stored_as_red_green_blue():
    data = encode(np.stack([GREY, 255 - GREY, GREY // 2], axis=2), "JPEG", keep_rgb=True)
    np.testing.assert_array_equal(
        read_picture(data, "jpeg").pixels, np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    )


@pytest.mark.parametrize("length", [1, 20, 60, 200, 300, 400])
def test_truncated_jpeg(length):
    data = encode(GREY, "JPEG")
    assert code_of(data[:-length], "jpeg") in ("truncated", "corrupt")


def test_jpeg_without_its_end_marker():
    assert code_of(encode(GREY, "JPEG")[:-2], "jpeg") == "truncated"


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_anywhere_and_closed_again(progressive):
    data = encode(NOISE, "JPEG", progressive=progressive)
    for length in range(2, len(data) - 2, 3):
        assert code_of(data[:length] + b"\xff\xd9", "jpeg") in ("truncated", "corrupt"), length


def test_progressive_jpeg_without_its_last_scan():
    data = encode(NOISE, "JPEG", progressive=True)
    without = data[: data.rindex(b"\xff\xc4")] + b"\xff\xd9"  # The tables of the last scan stand before it.
    Image.open(io.BytesIO(without)).load()
    assert code_of(without, "jpeg") == "truncated"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("length", [100, 500])
def test_zeros_inside_the_coded_pixels(progressive, share, length):
    data = bytearray(encode(NOISE, "JPEG", progressive=progressive))
    place = int(len(data) * share)
    data[place : place + length] = bytes(length)
    assert code_of(bytes(data), "jpeg") in ("corrupt", "truncated")  # The latter where a scan's header is hit.


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_bytes_after_the_end(image_format):
    data = encode(GREY, image_format)
    for other in (b"PK\x03\x04", data, b"\n", bytes(100) + b"x"):
        assert code_of(data + other, image_format) == "trailing_data"
        with pytest.raises(RejectedImageError):
            check_header(data + other, image_format)
    np.testing.assert_array_equal(
        read_picture(data + bytes(100), image_format).pixels, read_picture(data, image_format).pixels
    )


def test_every_truncation_of_a_png():
    data = encode(GREY, "PNG")
    codes = {code_of(data[:length], "png") for length in range(8, len(data))}
    assert codes == {"truncated"}


def test_every_changed_byte_of_a_png():
    data = bytearray(encode(GREY, "PNG"))
    for place in range(8, len(data)):
        data[place] ^= 0x40
        assert code_of(bytes(data), "png") in ("truncated", "corrupt", "too_large"), place
        data[place] ^= 0x40


def test_png_with_too_few_pixels():
    assert code_of(png_of_streams(zlib.compress(bytes(GREY_BYTES - 1))), "png") == "truncated"


def test_png_whose_pixels_lack_their_checksum_or_have_a_wrong_one():
    whole = zlib.compress(bytes(GREY_BYTES))
    assert read_picture(png_of_streams(whole), "png").pixels.shape == GREY.shape
    assert code_of(png_of_streams(whole[:-1]), "png") == "truncated"
    assert code_of(png_of_streams(whole[:-1] + bytes([whole[-1] ^ 1])), "png") == "corrupt"


def test_more_pixels_than_the_picture_has():
    whole = zlib.compress(bytes(GREY_BYTES))
    assert code_of(png_of_streams(zlib.compress(bytes(GREY_BYTES + 1))), "png") == "trailing_data"
    assert code_of(png_of_streams(whole, whole), "png") == "trailing_data"
    assert read_picture(png_of_streams(whole, b"\0\0"), "png").pixels.shape == GREY.shape


GREY_BYTES = GREY.shape[0] * (1 + GREY.shape[1])
"""Bytes of the rows of GREY, each led by its filter."""


def png_of_streams(*streams: bytes) -> bytes:
    """Returns a PNG with the header of GREY and a pixel chunk of each stream."""
    chunks = b"".join(png_chunk(b"IDAT", stream) for stream in streams)
    return encode(GREY, "PNG")[:33] + chunks + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_whole_pngs_of_every_kind_pass(mode):
    for width in (16, 17, 31):
        picture = Image.new(mode, (width, 19))
        assert read_picture(encode(picture, "PNG"), "png").pixels.shape == (19, width)


def test_interlaced_png():
    # Adam7 written by hand: Pillow reads it but does not write it. All pixels of a pass are 10 times its number.
    size, steps = 19, ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    expected, rows = np.zeros((size, size), np.uint8), b""
    for number, (top, left, down, right) in enumerate(steps, start=1):
        part = expected[top::down, left::right]
        part[:] = 10 * number
        rows += b"".join(b"\0" + row.tobytes() for row in part)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 1))

    def png(pixel_bytes: bytes) -> bytes:
        pixels = png_chunk(b"IDAT", zlib.compress(pixel_bytes))
        return b"\x89PNG\r\n\x1a\n" + header + pixels + png_chunk(b"IEND", b"")

    np.testing.assert_array_equal(read_picture(png(rows), "png").pixels, expected)
    assert code_of(png(rows[:-1]), "png") == "truncated"


GIANT_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0))
    + png_chunk(b"IDAT", zlib.compress(bytes(30000)))
    + png_chunk(b"IEND", b"")
)


def giant_jpeg() -> bytes:
    """Returns a JPEG whose frame header says 30000 x 30000."""
    data = encode(GREY, "JPEG")
    return data.replace(struct.pack(">HH", *GREY.shape), struct.pack(">HH", 30000, 30000))


def test_giant_png_is_refused_from_its_header():
    with pytest.raises(RejectedImageError, match="30000x30000") as caught:
        check_header(GIANT_PNG, "png")
    assert caught.value.code == "too_large"


def test_giant_pictures_take_no_memory(tmp_path):
    (tmp_path / "giant.png").write_bytes(GIANT_PNG)
    (tmp_path / "giant.jpg").write_bytes(giant_jpeg())
    code = (
        PEAK + "import sys\n"
        "from contrast_tfdata.images.reading import scan\n"
        "from contrast_tfdata.images.raster import read_picture\n"
        "from contrast_tfdata.images.slices import RejectedImageError\n"
        "before = peak()\n"
        "for path in sys.argv[1:]:\n"
        "    for reader in (scan, lambda data: read_picture(data, 'png' if path.endswith('png') else 'jpeg')):\n"
        "        try:\n            reader(open(path, 'rb').read())\n"
        "        except RejectedImageError as error:\n            print(error.code)\n"
        "print(peak() - before)\n"
    )
    paths = [str(tmp_path / name) for name in ("giant.png", "giant.jpg")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    *codes, kilobytes = done.stdout.split()
    assert codes == ["too_large"] * 4
    assert int(kilobytes) < 8_000  # Decoded it would be 900 MB.


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (15, 64), (64, 15)])
def test_too_small(size):
    assert code_of(encode(np.zeros(size, np.uint8), "PNG"), "png") == "too_small"


def test_sixteen_bits_are_kept():
    pixels = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 40
    image = read_picture(encode(pixels, "PNG"), "png")
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, pixels)


def test_alpha_is_composited_on_black():
    colour = np.full((16, 16, 4), 200, np.uint8)
    colour[..., 3] = np.linspace(0, 255, 16).astype(np.uint8)
    pixels = read_picture(encode(colour, "PNG"), "png").pixels
    np.testing.assert_allclose(pixels[0], 200 / 255 * colour[0, :, 3], atol=1)


def test_grey_with_alpha():
    image = Image.merge("LA", [Image.new("L", (16, 16), 90), Image.new("L", (16, 16), 0)])
    assert read_picture(encode(image, "PNG"), "png").pixels.max() == 0


@pytest.mark.parametrize(("mode", "dtype"), [("L", np.uint8), ("I;16", np.uint16)])
def test_one_transparent_grey_becomes_black(mode, dtype):
    pixels = np.full((16, 16), 70, dtype)
    pixels[:, 8:] = 30
    read = read_picture(encode(pixels, "PNG", transparency=70), "png").pixels
    assert Image.fromarray(pixels).mode == mode
    assert read[0, 0] == 0
    assert read[0, 15] == 30


def test_palette():
    image = Image.fromarray(GREY).convert("P")
    image.putpalette([255 - value for value in range(256) for _ in range(3)])
    expected = 255 - np.asarray(image)
    np.testing.assert_array_equal(read_picture(encode(image, "PNG"), "png").pixels, expected)


def test_one_bit():
    pixels = read_picture(encode(Image.fromarray(GREY > 100), "PNG"), "png").pixels
    np.testing.assert_array_equal(pixels, np.where(GREY > 100, 255, 0))


def test_cmyk_is_refused():
    assert code_of(encode(Image.new("CMYK", (32, 32)), "JPEG"), "jpeg") == "unsupported_mode"


@pytest.mark.parametrize("image_format", ["jpeg", "png"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(image_format, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = read_picture(encode(GREY, image_format), image_format).pixels
    turned = read_picture(encode(GREY, image_format, exif=exif), image_format).pixels
    np.testing.assert_array_equal(turned, np.rot90(plain, turns))


def test_animated_png_is_refused():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    assert code_of(encode(frames[0], "PNG", save_all=True, append_images=frames[1:]), "png") == "animated"


def test_text_bomb_is_refused():
    chunk = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    data = encode(GREY, "PNG")
    assert code_of(data[:33] + chunk + data[33:], "png") == "corrupt"
