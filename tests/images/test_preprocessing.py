import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import ramp
from PIL import Image

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.images.preprocessing import (
    ASPECTS,
    INTENSITIES,
    INTERPOLATIONS,
    Preprocessing,
    foreground_floor,
    resize,
    scale_foreground,
)
from contrast_tfdata.images.slices import Slice

RNG = np.random.default_rng(7)


def head(background: float = 0.0, size: int = 160) -> np.ndarray:
    """Returns a float64 picture of a bright rim around a grey, textured disc on a background, 0..250."""
    rows, columns = np.mgrid[:size, :size] - size / 2
    radius = np.hypot(rows, columns)
    picture = np.full((size, size), background) + RNG.random((size, size)) * 4
    picture[radius < size * 0.4] = 230
    inside = radius < size * 0.36
    picture[inside] = 90 + 15 * np.sin(columns[inside] / 3) + RNG.random(int(inside.sum())) * 5
    return picture


HEAD = head()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("intensity", INTENSITIES)
@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_choice_gives_a_square_of_bytes(interpolation, intensity, aspect, dtype):
    image = Slice(HEAD[:120].astype(dtype), spacing=(1.5, 0.7))
    for size in (1, 50, 331):
        result = Preprocessing(size, interpolation, intensity, aspect)(image)
        assert result.shape == (size, size)
        assert result.dtype == np.uint8


def test_input_is_not_changed():
    pixels = HEAD.astype(np.float32)
    Preprocessing()(Slice(pixels))
    np.testing.assert_array_equal(pixels, HEAD.astype(np.float32))


def test_stored_8_bit_pixels_are_untouched():
    image = Slice(np.arange(256, dtype=np.uint8).reshape(16, 16))
    for interpolation in INTERPOLATIONS:
        np.testing.assert_array_equal(Preprocessing(16, interpolation, "stored")(image), image.pixels)


def test_stored_deep_pixels_are_windowed_linearly():
    pixels = np.linspace(-500, 40000, 10000, dtype=np.float32).reshape(100, 100)
    result = Preprocessing(100, intensity="stored")(Slice(pixels)).astype(float)
    low, high = np.percentile(pixels, [0.5, 99.5])
    np.testing.assert_allclose(result, np.clip((pixels - low) / (high - low) * 255, 0, 255), atol=0.51)


@pytest.mark.parametrize("size", [(224, 224), (512, 512), (331, 331), (200, 300), (48, 700)])
def test_nearest_is_pillows_bit_for_bit(size):
    pixels = RNG.integers(0, 256, size, dtype=np.uint8)
    slides = Preprocessing(331, "nearest", "stored", "stretch")
    expected = np.asarray(Image.fromarray(pixels).resize((331, 331), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(slides(Slice(pixels, spacing=(2.0, 1.0))), expected)


def test_slides_setting_is_the_keras_loader(tmp_path):
    from tensorflow.keras.utils import img_to_array, load_img

    slides = Preprocessing(331, "nearest", "stored", "stretch")
    for size in ((224, 224), (512, 512), (300, 200)):
        pixels = RNG.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "x.png")
        loaded = load_img(tmp_path / "x.png", color_mode="rgb", target_size=(331, 331), interpolation="nearest")
        expected = img_to_array(loaded)
        for channel in range(3):
            np.testing.assert_array_equal(slides(Slice(pixels)), expected[..., channel])


@pytest.mark.parametrize("name", ["bilinear", "lanczos3"])
def test_pillow_kernels(name):
    kernel = {"bilinear": Image.Resampling.BILINEAR, "lanczos3": Image.Resampling.LANCZOS}[name]
    pixels = HEAD.astype(np.uint8)
    # In floats: over bytes Pillow clips between its two passes, which bends what Lanczos overshoots.
    resized = np.asarray(Image.fromarray(pixels.astype(np.float32)).resize((70, 70), kernel))
    result = Preprocessing(70, name, "stored", "stretch")(Slice(pixels))
    np.testing.assert_array_equal(result, np.clip(np.rint(resized), 0, 255))


def test_area_by_a_whole_factor_is_the_mean_of_blocks():
    pixels = RNG.random((60, 90))
    blocks = pixels.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(pixels, (20, 30), "area"), blocks, rtol=1e-6)


@given(height=st.integers(1, 60), width=st.integers(1, 60), rows=st.integers(1, 60), columns=st.integers(1, 60))
def test_area_is_the_overlap_weighted_mean(height, width, rows, columns):
    rows, columns = min(rows, height), min(columns, width)
    pixels = np.random.default_rng(height * 60 + width).random((height, width))

    def weights(source: int, target: int) -> np.ndarray:
        scale = source / target
        place, cell = np.arange(source), np.arange(target)[:, np.newaxis]
        overlap = np.minimum(place + 1, (cell + 1) * scale) - np.maximum(place, cell * scale)
        return np.clip(overlap, 0, None) / scale

    expected = weights(height, rows) @ pixels @ weights(width, columns).T
    np.testing.assert_allclose(resize(pixels, (rows, columns), "area"), expected, atol=1e-6)
    assert resize(pixels, (rows, columns), "area").mean() == pytest.approx(pixels.mean(), rel=1e-5)


def test_area_enlarges_bilinearly_and_mixes_both():
    pixels = RNG.random((30, 100)).astype(np.float32)
    bilinear = np.asarray(Image.fromarray(pixels).resize((100, 60), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize(pixels, (60, 100), "area"), bilinear)
    mixed = resize(pixels, (60, 50), "area")
    np.testing.assert_allclose(mixed, bilinear.reshape(60, 50, 2).mean(axis=2), atol=1e-6)


def test_area_does_not_alias_where_nearest_does():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    even = Preprocessing(21, "area", "stored")(Slice(stripes)).astype(int)
    assert abs(even - 127).max() <= 43  # A third of a pixel more of one stripe, at most.
    assert set(np.unique(Preprocessing(21, "nearest", "stored")(Slice(stripes)))) == {0, 255}


@pytest.mark.parametrize(("shape", "spacing", "inner"), [
    ((100, 100), (1.0, 1.0), (90, 90)),
    ((100, 50), (1.0, 1.0), (90, 45)),
    ((50, 100), (2.0, 1.0), (90, 90)),
    ((26, 224), (5.5, 0.9), (64, 90)),
    ((16, 4000), (1.0, 1.0), (1, 90)),
])  # fmt: skip
def test_physical_proportions_are_kept(shape, spacing, inner):
    result = Preprocessing(90, intensity="stored")(Slice(np.full(shape, 255, np.uint8), spacing=spacing))
    rows, columns = np.flatnonzero(result.max(axis=1)), np.flatnonzero(result.max(axis=0))
    assert (len(rows), len(columns)) == inner
    assert abs(rows[0] - (89 - rows[-1])) <= 1
    assert abs(columns[0] - (89 - columns[-1])) <= 1


def test_stretch_ignores_spacing():
    pixels = HEAD[:80].astype(np.uint8)
    stretched = [Preprocessing(90, aspect="stretch")(Slice(pixels, spacing=spacing)) for spacing in ((1, 1), (5, 1))]
    np.testing.assert_array_equal(*stretched)
    assert stretched[0][:10].max() > 0


def test_foreground_reaches_the_fixed_grey():
    for picture in (HEAD, head(background=20), HEAD * 37.5, HEAD.astype(np.uint8)):
        scaled = scale_foreground(np.asarray(picture, np.float64))
        bright = scaled[scaled > 0.15 * 200]
        assert np.percentile(bright, 99) == pytest.approx(200, rel=0.02)


def scaled_by_the_rule(pixels: np.ndarray) -> np.ndarray:
    """Returns what `scale_foreground` promises, by np.percentile and arrays of the parts that are meant."""
    pixels = pixels.astype(np.float64)
    if np.mean(pixels < 0) > 0.1:
        pixels = pixels - np.percentile(pixels, 0.5)
    above_black = pixels[pixels > 0]
    foreground = above_black[above_black > 0.15 * np.percentile(above_black, 99)]
    return np.clip(pixels * (200 / np.percentile(foreground, 99)), 0, 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@given(size=st.integers(2, 500), spread=st.floats(0.2, 6), offset=st.sampled_from([-120.0, -60.0, 0.0, 80.0]))
def test_foreground_is_scaled_bit_for_bit_by_the_rule(dtype, size, spread, offset):
    values = np.random.default_rng(size).lognormal(3, spread, (size, 3)) + (
        0 if dtype in (np.uint8, np.uint16) else offset
    )
    pixels = np.clip(values, -30_000, 200 if dtype == np.uint8 else 30_000).astype(dtype)
    pixels[:2, 0] = 0, 7  # never constant, never without a foreground
    np.testing.assert_array_equal(scale_foreground(pixels), scaled_by_the_rule(pixels))


@given(gain=st.floats(1e-6, 1e6))
def test_positive_gain_changes_nothing_on_floats(gain):
    image, brighter = (Slice((HEAD * factor).astype(np.float32)) for factor in (1, gain))
    first, second = (Preprocessing(64)(image).astype(int) for image in (image, brighter))
    assert np.abs(first - second).max() <= 1
    assert np.mean(first != second) < 0.01  # Only where float32 falls on the other side of a rounding.


@pytest.mark.parametrize("gain", [2.0**-20, 0.25, 1024.0])
def test_gain_by_a_power_of_two_changes_no_byte(gain):
    pixels = HEAD.astype(np.float32)
    np.testing.assert_array_equal(Preprocessing()(Slice(pixels)), Preprocessing()(Slice(pixels * np.float32(gain))))


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.1])
def test_gain_on_8_bits_changes_next_to_nothing(gain):
    first, second = (Preprocessing(64)(Slice((HEAD * factor).astype(np.uint8))).astype(int) for factor in (1, gain))
    assert np.abs(first - second).mean() < 1.5


@pytest.mark.parametrize("value", [1e-40, 1e37])
def test_extreme_floats_stay_finite(value):
    result = Preprocessing(64)(Slice((HEAD / 250 * value).astype(np.float32)))
    assert result.max() >= 200


def test_ringing_below_zero_is_black():
    stripped = np.where(HEAD > 50, HEAD, 0)
    ringing = stripped.copy()
    ringing[stripped == 0] = np.where(RNG.random(int((stripped == 0).sum())) < 0.05, -30, 0)
    np.testing.assert_array_equal(scale_foreground(ringing), scale_foreground(stripped))


def test_normalised_volume_keeps_its_dark_half():
    stripped = np.where(HEAD > 50, HEAD, 0)
    normalised = (stripped - stripped.mean()) / stripped.std()  # Z-scores: the air is far below zero.
    np.testing.assert_allclose(scale_foreground(normalised), scale_foreground(stripped), atol=0.01)


@pytest.mark.parametrize("value", [0, 7, -3.5, 65535])
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_constant_image_becomes_black(value, intensity):
    result = Preprocessing(32, intensity=intensity)(Slice(np.full((20, 20), value, np.float32)))
    assert result.max() == 0


def test_image_without_positive_values():
    assert Preprocessing(32)(Slice(-ramp().astype(np.float32))).max() > 0  # Shifted below zero, not empty.
    few = np.zeros((40, 40), np.float32)
    few[3, 3] = -5
    assert Preprocessing(32)(Slice(few)).max() == 0


def test_a_slice_gives_the_same_bytes_alone_and_among_others():
    images = [Slice(head().astype(np.float32) * factor) for factor in (1, 3, 90)]
    preprocess = Preprocessing()
    together = [preprocess(image) for image in images]
    for image, expected in zip(reversed(images), reversed(together), strict=True):
        np.testing.assert_array_equal(Preprocessing()(image), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": 0},
        {"image_size": 4097},
        {"image_size": 331.0},
        {"image_size": True},
        {"interpolation": "bicubic"},
        {"intensity": "p99"},
        {"aspect": ""},
    ],
)
def test_bad_options_are_named(options):
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"Received: {name}={value!r}"):
        Preprocessing(**options)


def test_json_round_trip():
    for options in (Preprocessing(), Preprocessing(318, "nearest", "stored", "stretch")):
        assert Preprocessing.from_json(json.loads(json.dumps(options.to_json()))) == options


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"extra": 1},
        {"image_size": -1},
        {"interpolation": ["area"]},
        {"aspect": None},
    ],
)
def test_foreign_json_is_refused(change):
    with pytest.raises(DataError):
        Preprocessing.from_json(Preprocessing().to_json() | change)


def test_incomplete_json_is_refused():
    for key in Preprocessing().to_json():
        value = Preprocessing().to_json()
        del value[key]
        with pytest.raises(DataError):
            Preprocessing.from_json(value)
    with pytest.raises(DataError):
        Preprocessing.from_json([])


def test_what_is_done_where_nothing_is_asked_for():
    assert Preprocessing() == Preprocessing(331, "area", "foreground_p99", "keep")
    expected = {"image_size": 331, "interpolation": "area", "intensity": "foreground_p99", "aspect": "keep"}
    assert Preprocessing().to_json() == {"version": 1, **expected}


@pytest.mark.parametrize("image_size", [1, 4096])
def test_the_smallest_and_the_largest_image(image_size):
    assert Preprocessing(image_size).image_size == image_size


@pytest.mark.parametrize(("negative", "is_shifted"), [(10, False), (11, True)])
def test_more_than_a_tenth_below_zero_means_that_zero_is_not_black(negative, is_shifted):
    pixels = np.arange(1.0, 101.0).reshape(10, 10)
    pixels.ravel()[:negative] = -50
    scaled = scale_foreground(pixels)
    np.testing.assert_array_equal(scaled, scaled_by_the_rule(pixels))
    # Shifted, the lowest of all is black, and the next one, 62 above it, is not.
    assert (scaled.ravel()[negative] > 30) == is_shifted


@pytest.mark.parametrize(
    ("shape", "size", "top", "left"), [((4, 6), 6, 1, 0), ((3, 6), 6, 1, 0), ((6, 3), 6, 0, 1), ((5, 6), 6, 0, 0)]
)
def test_a_picture_stands_in_the_middle_and_of_an_odd_rest_one_line_less_before_it(shape, size, top, left):
    found = Preprocessing(size, "nearest", "stored")(Slice(np.full(shape, 255, np.uint8)))
    expected = np.zeros((size, size), np.uint8)
    expected[top : top + shape[0], left : left + shape[1]] = 255
    np.testing.assert_array_equal(found, expected)


def test_a_window_by_hand():
    """Of 0 to 200 the percentiles 0.5 and 99.5 are 1 and 199."""
    pixels = np.arange(201, dtype=np.float32)[np.newaxis].repeat(201, 0)
    found = Preprocessing(201, intensity="stored")(Slice(pixels))[0]
    np.testing.assert_array_equal(found, np.rint(np.clip((np.arange(201) - 1) / 198, 0, 1) * 255))


@pytest.mark.parametrize("values", [[0, 0, 0, 5], [0, 1, 2, 5], [-1, 0, 0, 0], [3, 3, 3, 3], [0, 0, 0, 0]])
def test_the_floor_of_the_foreground_of_few_pixels(values):
    above_black = [value for value in values if value > 0]
    expected = 0.15 * np.percentile(above_black, 99) if above_black else 0.0
    assert foreground_floor(np.array(values).reshape(2, 2)) == pytest.approx(expected)
