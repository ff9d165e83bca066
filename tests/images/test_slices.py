"""What every reader of image files refuses, at its bounds."""

import pickle

import numpy as np
import pytest

from contrast_tfdata.images.slices import RejectedImageError, check_end, check_finite, check_size, check_spacing


def code_of(check, *arguments):
    try:
        check(*arguments)
    except RejectedImageError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (16, 16, "accepted"),
        (15, 16, "too_small"),
        (16, 15, "too_small"),
        (4096, 8192, "accepted"),  # 2 to the 25th pixels.
        (8192, 4096, "accepted"),
        (4096, 8193, "too_large"),
        (5792, 5792, "accepted"),
        (5793, 5793, "too_large"),
    ],
)
def test_sizes(height, width, expected):
    assert code_of(check_size, height, width) == expected


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (1e-3, "accepted"),
        (1e5, "accepted"),
        (np.nextafter(1e-3, 0), "bad_spacing"),
        (np.nextafter(1e5, 1e6), "bad_spacing"),
        (float("nan"), "bad_spacing"),
    ],
)
def test_distances_of_pixels(place, distance, expected):
    spacing = [1.0, 1.0, 1.0]
    spacing[place] = distance
    assert code_of(check_spacing, spacing) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_no_number_is_counted(bad):
    pixels = np.zeros((3, 4), np.float32)
    check_finite(pixels)
    pixels[1, 2] = bad
    with pytest.raises(RejectedImageError, match="1 of 12 pixels") as caught:
        check_finite(pixels)
    assert caught.value.code == "not_finite"


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"abc", "accepted"), (b"abc\0\0", "accepted"), (b"abc\0x", "trailing_data"), (b"abcd", "trailing_data")],
)
def test_what_may_follow_the_end(data, expected):
    assert code_of(check_end, data, 3) == expected


def test_refusals_survive_the_way_from_a_worker():
    error = pickle.loads(pickle.dumps(RejectedImageError("too_small", "3x4 pixels")))
    assert (error.code, error.detail, str(error)) == ("too_small", "3x4 pixels", "too_small: 3x4 pixels")
