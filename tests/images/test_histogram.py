import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.images.histogram import match_foreground, reference_quantile
from contrast_tfdata.images.preprocessing import foreground_floor, scale_foreground

RNG = np.random.default_rng(3)


def head(low: int, high: int, size: int = 96, seed: int = 0) -> np.ndarray:
    """Returns a uint8 disc of smooth texture between two greys on black."""
    rows, columns = np.mgrid[:size, :size] - size / 2
    texture = (2 + np.sin(rows / 5 + seed) + np.cos(columns / 7)) / 4
    picture = np.where(np.hypot(rows, columns) < size * 0.4, low + (high - low) * texture, 0)
    return np.rint(picture).astype(np.uint8)


def noise(seed: int, size: int = 64) -> np.ndarray:
    """Returns a uint8 picture of any histogram."""
    rng = np.random.default_rng(seed)
    spread, level = rng.uniform(0.1, 3), rng.uniform(0, 5)
    return np.clip(rng.lognormal(level, spread, (size, size)), 0, 255).astype(np.uint8)


def test_reference_rises_from_the_foregrounds_floor_to_white():
    quantiles = reference_quantile(np.linspace(0, 1, 1001))
    assert (quantiles[0], quantiles[-1]) == (30, 255)
    assert np.all(np.diff(quantiles) > 0)
    assert reference_quantile(np.array([0.5, 0.99])) == pytest.approx([90, 200], abs=0.1)


@given(seed=st.integers(0, 10_000))
def test_order_of_greys_and_black_stay(seed):
    pixels = noise(seed)
    matched = match_foreground(pixels)
    assert (matched.dtype, matched.shape) == (np.uint8, pixels.shape)
    order = np.argsort(pixels, axis=None, kind="stable")
    assert np.all(np.diff(matched.ravel()[order].astype(int)) >= 0)
    assert not matched[pixels == 0].any()
    is_foreground = pixels > foreground_floor(pixels)
    assert matched[is_foreground].min(initial=255) >= 30
    assert matched[~is_foreground].max(initial=0) <= 30


@given(seed=st.integers(0, 10_000))
def test_each_grey_gets_the_mean_of_the_reference_over_its_ranks(seed):
    pixels = noise(seed)
    matched = match_foreground(pixels)
    foreground = pixels[pixels > foreground_floor(pixels)]
    for grey in np.unique(foreground)[::17]:
        below, same = np.mean(foreground < grey), np.mean(foreground == grey)
        ranks = below + same * (np.arange(500) + 0.5) / 500
        assert matched[pixels == grey][0] == pytest.approx(reference_quantile(ranks).mean(), abs=0.7)


@given(seed=st.integers(0, 10_000))
def test_the_foregrounds_mean_is_the_references_whatever_was_clipped(seed):
    pixels = noise(seed)
    is_foreground = pixels > foreground_floor(pixels)
    if is_foreground.any():
        wanted = reference_quantile((np.arange(10_000) + 0.5) / 10_000).mean()
        assert match_foreground(pixels)[is_foreground].mean() == pytest.approx(wanted, abs=0.52)


def test_a_fine_histogram_becomes_the_reference():
    foreground = RNG.permutation(np.repeat(np.arange(50, 256), 30))
    matched = np.sort(match_foreground(foreground.astype(np.uint8)[np.newaxis])[0])
    wanted = reference_quantile((np.arange(matched.size) + 0.5) / matched.size)
    # Half a rounding, and half the step to the next grey.
    assert np.abs(matched - wanted)[: int(0.99 * matched.size)].max() < 3
    assert matched.mean() == pytest.approx(wanted.mean(), abs=0.1)


@given(gain=st.floats(0.5, 1.0), gamma=st.floats(0.5, 1.8), lift=st.integers(0, 20))
def test_a_rising_change_of_greys_is_undone_up_to_quantisation(gain, gamma, lift):
    pixels = head(110, 255)
    changed = np.where(pixels > 0, np.rint(lift + (255 - lift) * gain * (pixels / 255) ** gamma), 0).astype(np.uint8)
    assert np.all((changed > foreground_floor(changed)) == (pixels > 0))  # the same pixels are foreground
    first, second = match_foreground(pixels).astype(int), match_foreground(changed).astype(int)
    # Merging two or three neighbouring greys moves each of them by about a grey's own share of the histogram.
    assert np.abs(first - second).mean() < 1.5
    assert abs(first.mean() - second.mean()) < 0.2


@given(gain=st.floats(0.4, 1.0))
def test_gain_changes_next_to_nothing_with_noise_around(gain):
    pixels = np.maximum(head(60, 255), RNG.integers(0, 12, (96, 96))).astype(np.uint8)
    dimmer = np.rint(pixels * gain).astype(np.uint8)
    assert np.abs(match_foreground(pixels).astype(int) - match_foreground(dimmer)).mean() < 2


@pytest.mark.parametrize("grey", [1, 7, 255])
def test_one_grey_becomes_the_references_mean(grey):
    assert set(match_foreground(np.full((4, 4), grey, np.uint8)).ravel()) == {96}


def test_black_stays_black():
    assert not match_foreground(np.zeros((5, 5), np.uint8)).any()


def test_same_pixels_same_bytes_and_input_untouched():
    pixels = noise(5)
    kept = pixels.copy()
    np.testing.assert_array_equal(match_foreground(pixels), match_foreground(np.asfortranarray(pixels)))
    np.testing.assert_array_equal(pixels, kept)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((4, 4, 1), np.uint8)])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ValueError, match="must be .height, width. uint8. Received:"):
        match_foreground(bad)


@given(seed=st.integers(0, 1000))
def test_the_floor_is_that_of_the_scaling(seed):
    pixels = noise(seed)
    above_black = pixels[pixels > 0]
    if not len(above_black) or pixels.min() == pixels.max():
        return
    floor = foreground_floor(pixels)
    assert floor == pytest.approx(0.15 * np.percentile(above_black, 99))
    bright = np.percentile(pixels[pixels > floor], 99)
    np.testing.assert_allclose(scale_foreground(pixels), np.minimum(pixels * (200 / bright), 255))
