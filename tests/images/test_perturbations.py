"""What each perturbation does to pixels, one by one."""

import io

import numpy as np
import pytest
from PIL import Image

from contrast_tfdata.images.perturbations import (
    PERTURBATIONS,
    bias_field,
    blur,
    crop,
    gain,
    gamma,
    jpeg,
    noise,
    rotation,
)

RNG = np.random.default_rng(0)
PICTURE = np.zeros((80, 100), np.uint8)
PICTURE[20:60, 30:70] = np.arange(100, 140)
PICTURE[25:30, 60:65] = 230


def changed(change, pixels=PICTURE, seed=0):
    return change(pixels, np.random.default_rng(seed)).astype(float)


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda each: f"{each.name}, {each.setting}")
class TestEach:
    def test_form_stays_and_something_changes(self, perturbation):
        before = PICTURE.copy()
        after = perturbation(PICTURE, 0, 0)
        assert (after.dtype, after.shape) == (np.uint8, PICTURE.shape)
        assert (after != PICTURE).any()
        np.testing.assert_array_equal(PICTURE, before)

    def test_seed_and_number_decide(self, perturbation):
        first = perturbation(PICTURE, 7, 3)
        np.testing.assert_array_equal(first, perturbation(PICTURE, 7, 3))
        others = [perturbation(PICTURE, *each) for each in [(7, number) for number in range(10)] + [(8, 3)]]
        is_drawn = perturbation.name in ("bias field", "noise", "rotation", "crop")
        assert any((other != first).any() for other in others) == is_drawn

    def test_a_black_slice_gets_nothing_but_noise(self, perturbation):
        after = perturbation(np.zeros((40, 40), np.uint8), 0, 0)
        assert (after.max() > 2) == (perturbation.name == "noise")  # JPEG rounds black to 2 at a low quality.


def test_each_change_comes_in_two_strengths():
    names = [each.name for each in PERTURBATIONS]
    assert names[::2] == names[1::2] == ["gain", "gamma", "bias field", "noise", "blur", "rotation", "crop", "JPEG"]
    assert len({each.setting for each in PERTURBATIONS}) == 16


def test_gain_multiplies_and_clips():
    pixels = np.array([[0, 10, 101, 200]], np.uint8)
    assert changed(gain(1.5), pixels).tolist() == [[0, 15, 152, 255]]


def test_gamma_keeps_black_and_white():
    pixels = np.array([[0, 64, 255]], np.uint8)
    assert changed(gamma(2), pixels).tolist() == [[0, 16, 255]]


@pytest.mark.parametrize("seed", range(5))
def test_bias_field_is_a_plane_within_its_strength(seed):
    field = changed(bias_field(0.4), np.full((51, 51), 100, np.uint8), seed) / 100
    assert field[25, 25] == 1
    assert 0.6 <= field.min() < field.max() <= 1.4
    assert field.max() - 1 >= 0.4 / np.sqrt(2) - 0.01  # Of a corner, along the axes; along a diagonal all of it.
    np.testing.assert_allclose(field + field[::-1, ::-1], 2, atol=0.011)  # Roundings.
    assert np.abs(np.diff(field, n=2, axis=0)).max() <= 0.021


def test_noise_is_that_of_magnitudes():
    dark = changed(noise(16), np.zeros((400, 400), np.uint8))
    assert dark.mean() == pytest.approx(16 * np.sqrt(np.pi / 2), rel=0.02)  # Rayleigh.
    grey = changed(noise(16), np.full((400, 400), 128, np.uint8))
    assert grey.mean() == pytest.approx(128 + 16**2 / (2 * 128), abs=0.2)
    assert grey.std() == pytest.approx(16, rel=0.02)


def test_blur_spreads_a_point_as_its_sigma_says():
    point = np.zeros((41, 41), np.uint8)
    point[20, 20] = 255
    spread = changed(blur(2), point)
    assert spread.sum() == pytest.approx(255, rel=0.1)  # Roundings.
    assert spread[20, 20] == pytest.approx(255 / (2 * np.pi * 4), abs=0.6)
    edge = changed(blur(2), np.full((41, 41), 200, np.uint8))
    assert edge[20, 0] == pytest.approx(200 * 0.6, abs=3)  # Half of the kernel and half of its middle lie inside.


def test_rotation_turns_about_the_centre_to_both_sides():
    bar = np.zeros((101, 101), np.uint8)
    bar[48:53, 10:91] = 200
    angles = []
    for seed in range(8):
        rows, columns = np.nonzero(changed(rotation(15), bar, seed) > 100)
        assert (rows.mean(), columns.mean()) == pytest.approx((50, 50), abs=0.5)
        angles.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
    assert np.abs(angles) == pytest.approx([15] * 8, abs=1)
    assert min(angles) < 0 < max(angles)


def test_crop_enlarges_a_window_of_its_share():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    for seed in range(5):
        window = changed(crop(0.75), ramp, seed)
        assert np.diff(window.mean(axis=0))[5:-5].mean() == pytest.approx(0.75, abs=0.01)
        assert window.min() <= 50
        assert window.max() >= 148


def test_jpeg_is_what_pillow_stores():
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", quality=15)
    np.testing.assert_array_equal(changed(jpeg(15)), np.asarray(Image.open(file)))
    error = [np.abs(changed(jpeg(quality)) - PICTURE).mean() for quality in (90, 50, 15)]
    assert error[0] < error[1] < error[2]
