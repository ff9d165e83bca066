"""Noise, coil, window: the parts of the scanner one by one."""

import dataclasses

import numpy as np
import pytest

from contrast_tfdata.phantom import scanner
from contrast_tfdata.phantom.options import PhantomOptions
from contrast_tfdata.phantom.sequences import SpinEcho
from contrast_tfdata.phantom.tissue import FLOWING, Tissue

PLAIN = scanner.Acquisition(
    field=1.5,
    sequence=SpinEcho(tr=500, te=10),
    dephasing=dict.fromkeys(FLOWING, 1.0),
    inflow=dict.fromkeys(FLOWING, 0.0),
    filling={},
    fat_left=1.0,
    resolution=(1.0, 1.0),
    noise=0.05,
    coil=np.zeros(5),
    ringing=True,
    blocks=False,
)
DISPLAY = scanner.Display(top=1.0, bottom=0.0, headroom=0.0, gamma=1.0, matched=False, jpeg_quality=0)
NOWHERE = np.zeros((128, 128), dtype=bool)


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


def test_thick_slices_seen_edge_on_are_bands():
    edge_on = dataclasses.replace(PLAIN, resolution=(0.25, 1.0), blocks=True)
    image = scanner.acquire(np.random.default_rng(1).random((256, 256), np.float32), edge_on, np.random.default_rng(0))
    bands = image.reshape(32, 4, 128)
    assert (bands == bands[:, :1]).all()
    assert (np.diff(bands[:, 0], axis=0) != 0).mean() > 0.9


def test_corrected_coils_are_nearly_even():
    raw, corrected = (
        [scanner.sensitivity(scanner.draw_acquisition(np.random.default_rng(s), even=even).coil, 64) for s in range(20)]
        for even in (False, True)
    )
    assert max(field.max() / field.min() for field in corrected) < 1.5
    assert np.median([field.max() / field.min() for field in raw]) > 1.5


def test_sensitivity_is_one_at_the_middle_and_smooth():
    field = scanner.sensitivity(np.array([0.1, -0.1, 0.1, 0.1, 0.4]), 129)
    assert field[64, 64] == pytest.approx(1.0)
    assert np.abs(np.diff(field, axis=0)).max() < 0.05


def test_window_top_scales_brightness_and_black_stays_black():
    magnitude = np.linspace(0.0, 1.0, 128 * 128, dtype=np.float32).reshape(128, 128)
    brain = magnitude > 0.2
    bright = scanner.develop(magnitude, dataclasses.replace(DISPLAY, top=0.6), brain)
    dark = scanner.develop(magnitude, dataclasses.replace(DISPLAY, top=1.8, bottom=-0.1), brain)
    assert bright.dtype == np.uint8
    assert bright.mean() > 1.5 * dark.mean()
    assert dark[0, 0] == 0
    assert dark[0, 1] > 5


def test_an_empty_image_develops_to_black():
    assert scanner.develop(np.zeros((64, 64), dtype=np.float32), DISPLAY, NOWHERE[:64, :64]).max() == 0


def test_jpeg_leaves_small_errors():
    magnitude = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    plain = scanner.develop(magnitude, DISPLAY, NOWHERE)
    packed = scanner.develop(magnitude, dataclasses.replace(DISPLAY, jpeg_quality=60), NOWHERE)
    assert packed.shape == plain.shape
    assert 0.0 < np.abs(packed.astype(int) - plain).mean() < 40.0


def test_window_keeps_the_brain_from_clipping():
    rows, columns = np.mgrid[-64:64, -64:64]
    brain = np.hypot(rows, columns) < 30
    magnitude = np.where(brain, 0.5 + 0.004 * rows, 0.1).astype(np.float32)
    narrow = dataclasses.replace(DISPLAY, top=0.3)
    assert (scanner.develop(magnitude, narrow, brain)[brain] == 255).mean() > 0.9
    assert (scanner.develop(magnitude, dataclasses.replace(narrow, headroom=1.0), brain)[brain] == 255).mean() < 0.08


def test_a_high_window_bottom_turns_fluid_black_and_leaves_the_brain():
    magnitude = np.full((64, 64), 0.8, dtype=np.float32)
    magnitude[:8] = 0.18
    brain = np.ones((64, 64), dtype=bool)
    low, high = (
        scanner.develop(magnitude, dataclasses.replace(DISPLAY, top=1.2, bottom=bottom), brain)
        for bottom in (0.0, 0.25)
    )
    assert low[:8].min() > 30
    assert high[:8].max() == 0
    assert high[8:].min() > 0.9 * low[8:].max()


def test_matched_pictures_have_one_histogram():
    rng = np.random.default_rng(3)
    magnitude = rng.gamma(2.0, 1.0, (128, 128)).astype(np.float32)
    matched = dataclasses.replace(DISPLAY, matched=True)
    spreads = {}
    for name, display in (("matched", matched), ("plain", DISPLAY)):
        made = [scanner.develop(magnitude, dataclasses.replace(display, top=top), NOWHERE) for top in (0.9, 1.9)]
        spreads[name] = np.ptp([pixels.mean() for pixels in made])
    assert spreads["matched"] < spreads["plain"] / 5


def test_pipelines_differ_in_the_histogram_that_they_give():
    magnitude = np.random.default_rng(3).gamma(2.0, 1.0, (128, 128)).astype(np.float32)
    dark, bright = (dataclasses.replace(DISPLAY, matched=True, gamma=gamma) for gamma in (1.3, 0.8))
    means = [scanner.develop(magnitude, display, NOWHERE).mean() for display in (dark, bright)]
    assert means[0] < means[1] - 20


def _distance_from_a_disc():
    rows, columns = np.mgrid[-128:128, -128:128]
    return np.maximum(np.hypot(rows, columns) - 60.0, 0.0).astype(np.float32)


@pytest.mark.parametrize(("pieces", "least", "most"), [(0.0, 1.0, 4.0), (4.0, 5.0, 14.0)])
def test_stripping_leaves_pieces_only_where_asked(pieces, least, most):
    distance = _distance_from_a_disc()
    kept = [scanner.stripped(distance, 1.0, pieces, np.random.default_rng(seed)) for seed in range(30)]
    assert least < max(distance[::2, ::2][each].max() for each in kept) < most


def test_stripping_can_take_the_outer_millimetres_of_the_brain():
    rows, columns = np.indices((256, 256)) - 127.5
    outside = (np.hypot(rows, columns) - 80.0).astype(np.float32)
    kept = [scanner.stripped(outside, reach, 0.0, np.random.default_rng(0)) for reach in (2.0, -3.0)]
    inside = outside[::2, ::2] < -8.0
    assert all(each[inside].all() for each in kept)
    rim = (outside[::2, ::2] > -1.0) & (outside[::2, ::2] < 0.0)
    assert kept[0][rim].mean() > 0.95
    assert kept[1][rim].mean() < 0.05


def test_stripping_keeps_the_brain_and_nothing_far_from_it():
    distance = _distance_from_a_disc()
    kept = scanner.stripped(distance, 2.0, 3.0, np.random.default_rng(0))
    assert kept[distance[::2, ::2] == 0.0].mean() > 0.98
    assert not kept[distance[::2, ::2] > 14.0].any()


@pytest.mark.parametrize("slope", [0.6, 1.6])
def test_defacing_takes_the_face_and_leaves_the_rest(slope):
    z, y = np.mgrid[100:-120:-1, -110:110].astype(np.float32)
    kept = scanner.defaced(np.stack([y, z], axis=-1), slope)
    y, z = y[::2, ::2], z[::2, ::2]
    assert not kept[(y > 70) & (z < -20) & (z > -60)].any()  # Nose.
    assert kept[z > 0].all()
    assert kept[y < 0].all()


def test_thick_slices_dilute_what_is_thin():
    drawn = [scanner.draw_acquisition(np.random.default_rng(seed)) for seed in range(200)]
    shares = np.stack([scanner.filling(each) for each in drawn])
    volumes = np.array([each.sequence.volumetric for each in drawn])
    assert (shares[:, Tissue.AIR] == 0).all()
    assert (shares[:, Tissue.WHITE] == 1).all()
    assert 0.35 <= shares[:, Tissue.VEIN].min() < 0.5
    assert shares[volumes, Tissue.VEIN].min() > shares[~volumes, Tissue.VEIN].min() + 0.2


def test_display_draws_do_not_know_the_class():
    options = PhantomOptions(jpeg_rate=1.0)
    drawn = [scanner.draw_display(np.random.default_rng(seed), options) for seed in range(50)]
    assert all(45 <= display.jpeg_quality < 95 for display in drawn)
    assert all(0.95 <= display.headroom < 1.5 for display in drawn)
    assert max(display.top for display in drawn) > 2.0 * min(display.top for display in drawn)
