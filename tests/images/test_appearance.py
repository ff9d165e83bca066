"""The measures that tell pictures of heads from others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contrast_tfdata.images.appearance import MEASURES, appearance, is_blank


def test_measures_of_a_ramp():
    found = appearance(np.tile(np.arange(100, dtype=np.uint8), (100, 1)))
    assert tuple(found) == MEASURES
    # 15 % of the 99th percentile, 14.7, is the floor: of 100 columns those from 15 on.
    assert found["foreground_share"] == pytest.approx(0.85)
    assert found["edges"] == pytest.approx(0.5 / 49.5)
    assert found["grain"] == pytest.approx(0.5)
    assert found["greys"] == pytest.approx(np.log2(85))


def test_noise_has_grain_and_two_greys_have_one_bit():
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    assert appearance(noise)["grain"] == pytest.approx(1, abs=0.02)
    halves = np.repeat([[90, 200]], 50, axis=1).repeat(100, axis=0).astype(np.uint8)
    assert appearance(halves)["greys"] == pytest.approx(1)


@pytest.mark.parametrize("grey", [0, 1, 255])
def test_a_blank_slice_measures_nothing(grey):
    pixels = np.full((9, 9), grey, np.uint8)
    assert is_blank(pixels)
    assert set(appearance(pixels).values()) == {0.0}


@given(arrays.arrays(np.uint8, st.tuples(st.integers(3, 12), st.integers(3, 12))))
def test_any_pixels_have_finite_measures(pixels):
    found = appearance(pixels)
    assert np.isfinite(list(found.values())).all()
    assert 0 <= found["foreground_share"] <= 1
    assert 0 <= found["greys"] <= 8


@given(st.integers(0, 1000), st.integers(2, 5))
def test_a_gain_changes_nothing(seed, gain):
    pixels = np.random.default_rng(seed).integers(0, 51, (20, 20), np.uint8)
    assert appearance(pixels * np.uint8(gain)) == pytest.approx(appearance(pixels))
