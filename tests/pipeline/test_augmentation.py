"""Random transforms: what they do, that they repeat, that they can be switched off."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.errors import UsageError
from contrast_tfdata.pipeline import augmentation
from contrast_tfdata.pipeline.augmentation import augment
from contrast_tfdata.pipeline.options import Augmentation

IMAGES = np.random.default_rng(0).integers(1, 256, (6, 21, 21), np.uint8)
SEEDS = np.stack([np.full(6, 3), np.arange(6)], axis=1).astype(np.int64)
EVERYTHING = Augmentation(
    rotation=20, shear=10, zoom=0.2, shift=0.1, horizontal_flip=True, vertical_flip=True, log_gamma=0.4, cutout=0.5
)


def run(options, images=IMAGES, seeds=SEEDS):
    return augment(tf.constant(images), tf.constant(seeds), options).numpy()


def test_off_by_default():
    assert not Augmentation().is_active
    np.testing.assert_array_equal(run(Augmentation()), IMAGES)


@pytest.mark.parametrize(
    "change",
    [
        {"rotation": 10.0},
        {"shear": 10.0},
        {"zoom": 0.2},
        {"shift": 0.2},
        {"horizontal_flip": True},
        {"vertical_flip": True},
        {"log_gamma": 0.4},
        {"cutout": 0.5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_transform_changes_images(change):
    assert (run(Augmentation(**change)) != IMAGES).any()


@pytest.mark.parametrize(
    "transform", [dataclasses.replace(EVERYTHING, fill_mode=mode) for mode in ("constant", "reflect")]
)
def test_same_seed_same_image_in_a_batch_of_any_size(transform):
    together = run(transform)
    one_by_one = [run(transform, IMAGES[i : i + 1], SEEDS[i : i + 1])[0] for i in range(6)]
    np.testing.assert_array_equal(together, one_by_one)


def test_eager_and_in_a_data_set_are_equal():
    dataset = tf.data.Dataset.from_tensors((IMAGES, SEEDS)).map(
        lambda images, seeds: augment(images, seeds, EVERYTHING)
    )
    np.testing.assert_array_equal(next(iter(dataset)).numpy(), run(EVERYTHING))


def test_different_seeds_differ():
    same = np.repeat(IMAGES[:1], 6, axis=0)
    assert len({image.tobytes() for image in run(EVERYTHING, same)}) == 6


@pytest.mark.parametrize(("change", "axis"), [("horizontal_flip", 2), ("vertical_flip", 1)])
def test_flips_mirror_about_half_of_the_images(change, axis):
    images = np.repeat(IMAGES[:1], 200, axis=0)
    seeds = np.stack([np.zeros(200), np.arange(200)], axis=1).astype(np.int64)
    flipped = run(Augmentation(**{change: True}), images, seeds)
    mirrored = (flipped == np.flip(images, axis)).all(axis=(1, 2))
    unchanged = (flipped == images).all(axis=(1, 2))
    assert (mirrored | unchanged).all()
    # Binomial with n = 200, p = 0.5: five standard deviations are 35.
    assert abs(mirrored.sum() - 100) < 36


def test_shift_of_whole_pixels_moves_the_image():
    images = np.zeros((64, 21, 21), np.uint8)
    images[:, 10, 10] = 200
    seeds = np.stack([np.ones(64), np.arange(64)], axis=1).astype(np.int64)
    shifted = run(Augmentation(shift=0.2), images, seeds).astype(float)
    mass = shifted.sum(axis=(1, 2))
    rows = (shifted.sum(axis=2) * np.arange(21)).sum(axis=1) / mass - 10
    assert np.abs(rows).max() <= 0.2 * 21 + 0.1
    assert np.abs(rows).max() > 2
    np.testing.assert_allclose(mass, 200, atol=3)  # bilinear weights add up to one, but for rounding


def test_rotation_keeps_the_centre():
    images = np.zeros((32, 21, 21), np.uint8)
    images[:, 10, 10] = 255
    seeds = np.stack([np.ones(32), np.arange(32)], axis=1).astype(np.int64)
    turned = run(Augmentation(rotation=90, shear=20), images, seeds)
    assert (turned[:, 10, 10] == 255).all()


def test_fill_value_shows_outside():
    images = np.full((32, 21, 21), 100, np.uint8)
    seeds = np.stack([np.ones(32), np.arange(32)], axis=1).astype(np.int64)
    filled = run(Augmentation(shift=0.5, fill_mode="constant", fill_value=7), images, seeds)
    assert filled.min() == 7
    assert run(Augmentation(shift=0.5, fill_mode="nearest"), images, seeds).min() == 100


def test_gamma_raises_levels_to_one_power_an_image_within_its_range():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    seeds = np.stack([np.ones(64), np.arange(64)], axis=1).astype(np.int64)
    changed = run(Augmentation(log_gamma=0.4), np.repeat(levels, 64, axis=0), seeds).reshape(64, 256).astype(float)
    assert (changed[:, 0] == 0).all()
    assert (changed[:, 255] == 255).all()
    assert (np.diff(changed, axis=1) >= 0).all()
    # The exponent, read from the middle grey, explains all other levels to the rounding of 8 bits.
    exponents = np.log(changed[:, 128] / 255) / np.log(128 / 255)
    np.testing.assert_allclose(changed, 255 * (levels.reshape(1, 256) / 255) ** exponents[:, None], atol=1.5)
    assert -0.41 < np.log(exponents).min() < -0.3
    assert 0.3 < np.log(exponents).max() < 0.41


def test_gamma_leaves_the_geometry_that_a_seed_draws():
    white = np.full_like(IMAGES, 255)
    turned = run(Augmentation(rotation=30, zoom=0.2, shift=0.2), white)
    both = run(Augmentation(rotation=30, zoom=0.2, shift=0.2, log_gamma=0.4), white)
    np.testing.assert_array_equal(both == 255, turned == 255)
    assert 0 < (turned == 255).mean() < 1


def cut_squares(options, count=400, size=100):
    """Returns (count, size, size) bool: what was blackened of white images."""
    white = np.full((count, size, size), 255, np.uint8)
    seeds = np.stack([np.full(count, 5), np.arange(count)], axis=1).astype(np.int64)
    return run(options, white, seeds) == 0


def test_cutout_blackens_one_square_in_the_share_of_images_that_is_asked_for():
    cut = cut_squares(Augmentation(cutout=0.3))
    chosen = cut.any(axis=(1, 2))
    # Binomial with n = 400, p = 0.3: five standard deviations are 46.
    assert abs(chosen.sum() - 120) < 46
    rows, columns = cut.any(axis=2), cut.any(axis=1)
    np.testing.assert_array_equal(cut, rows[:, :, None] & columns[:, None, :])
    for lines in (rows[chosen], columns[chosen]):
        assert (np.abs(np.diff(lines.astype(int), axis=1)).sum(axis=1) <= 2).all()  # in one piece
    assert cut_squares(Augmentation(cutout=1)).any(axis=(1, 2)).all()


def test_cut_squares_are_of_all_sizes_anywhere():
    cut = cut_squares(Augmentation(cutout=1))
    heights, widths = cut.any(axis=2).sum(axis=1), cut.any(axis=1).sum(axis=1)
    inside = ~(cut[:, 0].any(axis=1) | cut[:, -1].any(axis=1) | cut[:, :, 0].any(axis=1) | cut[:, :, -1].any(axis=1))
    assert (np.abs(heights - widths)[inside] <= 1).all()
    assert 11 <= heights[inside].min() < 16
    assert 38 < heights[inside].max() <= 43
    assert cut.any(axis=0).all()
    # Squares of all sizes fit around the middle tenths: each expects 29 of the 400 centres, give or take 5.
    centres = np.floor((np.arange(100) * cut.any(axis=1)).sum(axis=1) / widths / 10)[inside]
    assert (np.bincount(centres.astype(int), minlength=10)[3:7] > 10).all()


def test_cutout_leaves_all_else_that_a_seed_draws():
    before = dataclasses.replace(EVERYTHING, cutout=0.0)
    images = np.tile(IMAGES, (1, 2, 2))
    plain, cut = run(before, images), run(dataclasses.replace(EVERYTHING, cutout=1.0), images)
    assert ((cut == plain) | (cut == 0)).all()
    assert (cut != plain).any(axis=(1, 2)).all()


def test_parse():
    parsed = Augmentation.parse("rotation=10, zoom=0.2,horizontal_flip,fill_mode=nearest,fill_value=3")
    assert parsed == Augmentation(rotation=10, zoom=0.2, horizontal_flip=True, fill_mode="nearest", fill_value=3)
    assert Augmentation.parse("") == Augmentation()


@pytest.mark.parametrize(
    "text",
    [
        "twist=3",
        "rotation",
        "rotation=x",
        "horizontal_flip=2",
        "fill_mode=black",
        "zoom=1.5",
        "rotation=-1",
        "rotation=nan",
        "log_gamma=4",
        "cutout=1.5",
    ],
)
def test_bad_text_is_named(text):
    with pytest.raises(UsageError, match="augment: "):
        Augmentation.parse(text)


def transforms(draws, options, height, width):
    """Returns (N, 3, 3) float64: the matrices from output to input pixels that so many uniform numbers give."""
    rows = augmentation._matrices(tf.constant(draws, tf.float32), options, float(height), float(width)).numpy()
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1).reshape(-1, 3, 3)


def test_matrices_are_rotation_shear_zoom_and_flip_about_the_centre_and_then_a_shift():
    draws, (height, width) = np.random.default_rng(0).random((50, 12)), (21, 31)
    centre, found = np.array([15, 10]), transforms(draws, EVERYTHING, height, width)
    for numbers, matrix in zip(draws, found, strict=True):
        angle, shear, zoom_x, zoom_y, shift_x, shift_y = 2 * numbers[:6] - 1
        angle, shear = np.deg2rad(20 * angle), np.deg2rad(10 * shear)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        slant = np.array([[1, -np.sin(shear)], [0, np.cos(shear)]])
        # Of the four quarters of one number the first mirrors both axes, then the rows, then the columns, then none.
        flips = [(-1, -1), (1, -1), (-1, 1), (1, 1)][int(4 * numbers[6])]
        scale = np.diag([(1 + 0.2 * zoom_x) * flips[0], (1 + 0.2 * zoom_y) * flips[1]])
        linear, shift = turn @ slant @ scale, np.array([0.1 * width * shift_x, 0.1 * height * shift_y])
        np.testing.assert_allclose(matrix[:2, :2], linear, atol=1e-5)
        for point in ([0, 0], [30, 20], [15, 10]):
            moved = linear @ (point - centre) + centre + shift
            np.testing.assert_allclose(matrix @ [*point, 1], [*moved, 1], atol=1e-4)


@pytest.mark.parametrize(("name", "place"), [("horizontal_flip", 0), ("vertical_flip", 1)])
def test_a_flip_that_is_not_asked_for_is_not_made(name, place):
    draws = np.full((4, 12), 0.5)
    draws[:, 6] = 0.1, 0.3, 0.6, 0.9
    found = transforms(draws, Augmentation(**{name: True}), 21, 31)
    expected = [[-1, 1, -1, 1], [-1, -1, 1, 1]]
    np.testing.assert_allclose(found[:, place, place], expected[place], atol=1e-6)
    np.testing.assert_allclose(found[:, 1 - place, 1 - place], 1, atol=1e-6)


def test_exponents_and_squares_of_given_numbers():
    draws = np.full((3, 12), 0.5)
    draws[:, 7] = 0, 0.5, 1
    exponents = augmentation._exponents(tf.constant(draws, tf.float32), Augmentation(log_gamma=0.4))
    np.testing.assert_allclose(exponents, np.exp([-0.4, 0, 0.4]), rtol=1e-6)
    # Number 8 decides whether: below 0.5 here. Number 9 the side, 12 to 42 of 100 pixels; 10 and 11 its middle.
    draws[:, 8:12] = [0.49, 0, 0.3025, 0.6025], [0.49, 1, 0.3025, 0.6025], [0.5, 1, 0.3025, 0.6025]
    cut = augmentation._cut_out(tf.constant(draws, tf.float32), Augmentation(cutout=0.5), 100, 100).numpy()
    for found, side in zip(cut, (12, 42, 0), strict=True):
        # Pixels nearer to the middle than half a side.
        expected = [np.abs(np.arange(100) - middle) < side / 2 for middle in (30.25, 60.25)]
        np.testing.assert_array_equal(found, expected[0][:, np.newaxis] & expected[1])
