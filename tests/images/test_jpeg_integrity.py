import struct

import jpeg_ls
import numpy as np
import pytest
from image_files import EXAMPLES, encode, ramp

from contrast_tfdata.images.jpeg_integrity import Frame, check_jpeg_ls_segments, check_segments
from contrast_tfdata.images.slices import RejectedImageError

JPEG = EXAMPLES["jpeg"]
START_OF_SCAN = JPEG.index(b"\xff\xda")


def code_of(data: bytes) -> str:
    with pytest.raises(RejectedImageError) as caught:
        check_segments(data)
    return caught.value.code


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def test_frame_header():
    assert check_segments(JPEG) == Frame(24, 32, 8, (1,), False)
    assert check_segments(EXAMPLES["jpeg_colour"]) == Frame(24, 32, 8, (1, 2, 3), False)
    assert check_segments(EXAMPLES["jpeg_progressive"]).progressive


def test_any_number_of_ff_may_lead_to_a_marker():
    filled = JPEG[:START_OF_SCAN] + b"\xff\xff\xff" + JPEG[START_OF_SCAN:-2] + b"\xff\xff" + JPEG[-2:]
    assert check_segments(filled) == check_segments(JPEG)


def test_markers_inside_an_embedded_thumbnail_are_no_markers_of_the_picture():
    assert check_segments(JPEG[:2] + segment(0xE1, JPEG) + JPEG[2:]) == check_segments(JPEG)


def test_every_prefix_is_truncated():
    assert {code_of(JPEG[:length]) for length in range(2, len(JPEG))} == {"truncated"}


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:2] + b"junk" + JPEG[2:],
        JPEG[:2] + b"\xff\x00" + JPEG[2:],
        JPEG[:2] + JPEG,  # Another start of image.
        JPEG[:START_OF_SCAN] + segment(0xC0, struct.pack(">BHHB3B", 8, 99, 99, 1, 1, 17, 0)) + JPEG[START_OF_SCAN:],
        JPEG[:2] + JPEG[-2:],  # Neither frame nor scan.
        JPEG.replace(struct.pack(">HH", 24, 32), struct.pack(">HH", 0, 32)),
        JPEG.replace(struct.pack(">HHB", 24, 32, 1), struct.pack(">HHB", 24, 32, 3)),
        JPEG.replace(b"\xff\xda\x00\x08\x01\x01", b"\xff\xda\x00\x08\x01\x07"),  # A component that is not there.
        JPEG.replace(b"\xff\xda\x00\x08\x01", b"\xff\xda\x00\x08\x02"),
    ],
)
def test_segments_that_make_no_jpeg(data):
    assert data != JPEG
    assert code_of(data) == "corrupt"


def test_component_without_a_scan():
    colour = EXAMPLES["jpeg_colour"]
    scan = segment(0xDA, bytes([3, 1, 0, 2, 17, 3, 17, 0, 63, 0]))
    assert scan in colour
    assert code_of(colour.replace(scan, segment(0xDA, bytes([2, 1, 0, 2, 17, 0, 63, 0])))) == "truncated"


def test_many_empty_scans_are_refused():
    scan = segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    assert check_segments(JPEG[:-2] + scan * 90 + JPEG[-2:]) == check_segments(JPEG)
    assert code_of(JPEG[:-2] + scan * 1000 + JPEG[-2:]) == "corrupt"


def test_jpeg_ls_may_have_any_byte_below_80_after_ff():
    # 255 next to 0 in a large picture: FF is sure to be among the coded bytes.
    data = jpeg_ls.encode_array(np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8))
    body = data[data.index(b"\xff\xda") + 10 : -2]
    assert any(body[place] == 0xFF and 0 < body[place + 1] < 0x80 for place in range(len(body) - 1))
    assert check_jpeg_ls_segments(data) == Frame(200, 300, 8, (1,), False)
    with pytest.raises(RejectedImageError):
        check_jpeg_ls_segments(encode(ramp(), "JPEG"))
