"""Noise, coil, window: the parts of the scanner one by one."""

import dataclasses

import numpy as np
import pytest

from contrast_tfdata.images.phantom import scanner
from contrast_tfdata.images.phantom.options import PhantomOptions
from contrast_tfdata.images.phantom.sequences import SpinEcho
from contrast_tfdata.images.phantom.tissue import FLOWING

PLAIN = scanner.Acquisition(
    field=1.5,
    sequence=SpinEcho(tr=500, te=10),
    dephasing=dict.fromkeys(FLOWING, 1.0),
    inflow=dict.fromkeys(FLOWING, 0.0),
    fat_left=1.0,
    resolution=(1.0, 1.0),
    noise=0.05,
    coil=np.zeros(5),
    ringing=True,
)
DISPLAY = scanner.Display(top=1.0, bottom=0.0, gamma=1.0, jpeg_quality=0)


def _half_bright(side: int = 256) -> np.ndarray:
    signal = np.zeros((side, side), dtype=np.float32)
    signal[:, side // 2 :] = 1.0
    return signal


def test_background_noise_is_rician():
    image = scanner.acquire(_half_bright(), PLAIN, np.random.default_rng(0))
    background, foreground = image[:, 10:54], image[:, 74:118]
    # Without signal the magnitude is Rayleigh distributed, with much signal Gaussian.
    assert background.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.05)
    assert foreground.std() == pytest.approx(0.05, rel=0.1)
    assert foreground.mean() == pytest.approx(1.0, abs=0.01)


def test_fewer_samples_blur_edges():
    sharp = scanner.acquire(_half_bright(), dataclasses.replace(PLAIN, noise=0.0), np.random.default_rng(0))
    coarse = dataclasses.replace(PLAIN, noise=0.0, resolution=(0.3, 0.3), ringing=False)
    blurred = scanner.acquire(_half_bright(), coarse, np.random.default_rng(0))
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.5 * np.abs(np.diff(sharp, axis=1)).max()


def test_sensitivity_is_one_at_the_middle_and_smooth():
    field = scanner.sensitivity(np.array([0.1, -0.1, 0.1, 0.1, 0.4]), 129)
    assert field[64, 64] == pytest.approx(1.0)
    assert np.abs(np.diff(field, axis=0)).max() < 0.05


def test_window_top_scales_brightness_and_black_stays_black():
    magnitude = np.linspace(0.0, 1.0, 128 * 128, dtype=np.float32).reshape(128, 128)
    bright = scanner.develop(magnitude, dataclasses.replace(DISPLAY, top=0.6))
    dark = scanner.develop(magnitude, dataclasses.replace(DISPLAY, top=1.8, bottom=-0.1))
    assert bright.dtype == np.uint8
    assert bright.mean() > 1.5 * dark.mean()
    assert dark[0, 0] == 0


def test_an_empty_image_develops_to_black():
    assert scanner.develop(np.zeros((64, 64), dtype=np.float32), DISPLAY).max() == 0


def test_jpeg_leaves_small_errors():
    magnitude = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    plain = scanner.develop(magnitude, DISPLAY)
    packed = scanner.develop(magnitude, dataclasses.replace(DISPLAY, jpeg_quality=60))
    assert packed.shape == plain.shape
    assert 0.0 < np.abs(packed.astype(int) - plain).mean() < 40.0


def test_stripping_keeps_the_brain_and_nothing_far_from_it():
    rows, columns = np.mgrid[-128:128, -128:128]
    distance = np.maximum(np.hypot(rows, columns) - 60.0, 0.0).astype(np.float32)
    magnitude = np.ones((128, 128), dtype=np.float32)
    kept = scanner.strip(magnitude, distance, 2.0, np.random.default_rng(0)) > 0
    assert kept[distance[::2, ::2] == 0.0].mean() > 0.98
    assert not kept[distance[::2, ::2] > 14.0].any()


def test_display_draws_do_not_know_the_class():
    options = PhantomOptions(jpeg_rate=1.0)
    drawn = [scanner.draw_display(np.random.default_rng(seed), options) for seed in range(50)]
    assert all(45 <= display.jpeg_quality < 95 for display in drawn)
    assert max(display.top for display in drawn) > 2.0 * min(display.top for display in drawn)
