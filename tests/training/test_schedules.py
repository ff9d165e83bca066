"""The learning rate at the updates that matter, that every optimizer takes it, and what comes of gradients."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.training.compiling import centralize, make_optimizer
from contrast_tfdata.training.options import TrainingOptions
from contrast_tfdata.training.schedules import make_learning_rate

PEAK, STEPS = 2e-3, 12
COSINE = TrainingOptions(epochs=5, learning_rate=PEAK, schedule="cosine", warmup_epochs=0.5)


def rates(options, updates):
    schedule = make_learning_rate(options, STEPS)
    return [float(schedule(tf.constant(update, tf.int64))) for update in updates]


def test_the_slides_rate_is_a_number():
    assert make_learning_rate(TrainingOptions(), STEPS) == 5e-4


def test_warmup_grows_by_equal_parts_to_the_peak():
    np.testing.assert_allclose(rates(COSINE, range(7)), PEAK * np.arange(1, 8) / 7, rtol=1e-5)


def test_cosine_falls_from_the_peak_through_half_of_it_to_0():
    assert rates(COSINE, [6, 33, 60, 61]) == pytest.approx([PEAK, PEAK / 2, 0, 0], abs=1e-9)
    last = PEAK * (1 + math.cos(math.pi * 53 / 54)) / 2
    assert rates(COSINE, [59]) == pytest.approx([last], rel=1e-3)
    assert np.all(np.diff(rates(COSINE, range(6, 61))) < 0)


def test_cosine_without_warmup_begins_at_the_peak():
    assert rates(dataclasses.replace(COSINE, warmup_epochs=0.0), [0, 30, 60]) == pytest.approx([PEAK, PEAK / 2, 0])


def test_constant_after_warmup_stays():
    options = dataclasses.replace(COSINE, schedule="constant")
    assert rates(options, [0, 6, 33, 59]) == pytest.approx([PEAK / 7, PEAK, PEAK, PEAK])


def test_a_warmup_of_almost_the_whole_run_leaves_a_finite_rate():
    options = dataclasses.replace(COSINE, warmup_epochs=4.99)
    assert np.all(np.isfinite(rates(options, [0, 59, 60])))


each_optimizer = pytest.mark.parametrize(
    "change",
    [{}, {"optimizer": "adamw"}, {"optimizer": "lamb"}, {"ema_decay": 0.9}, {"optimizer": "adamw", "ema_decay": 0.9}],
    ids=lambda change: "-".join(map(str, change.values())) or "adam",
)


@each_optimizer
def test_every_optimizer_follows_it(change):
    """The same gradient in each update moves a weight in proportion to the rate: Adam's share of it is always 1."""
    options = dataclasses.replace(COSINE, weight_decay=0.0, **change)
    optimizer = make_optimizer(options, make_learning_rate(options, STEPS))
    weight = tf.Variable([1.0])
    moves = []
    for _ in range(5 * STEPS):
        before = weight.numpy()[0]
        optimizer.apply_gradients([(tf.constant([1.0]), weight)])
        moves.append((before - weight.numpy()[0]) / (before if options.optimizer == "lamb" else 1.0))
    # Float32 resolves moves of a weight near 1 to 1e-7.
    np.testing.assert_allclose(moves, rates(COSINE, range(5 * STEPS)), atol=3e-7)


def test_centralized_gradients_have_no_mean_over_inputs():
    rng = np.random.default_rng(0)
    shapes = {"convolution": (3, 3, 2, 5), "dense": (7, 4), "output": (6, 1), "bias": (5,)}
    gradients = [rng.normal(1.0, 1.0, shape).astype(np.float32) for shape in shapes.values()]
    found = [gradient.numpy() for gradient, _ in centralize([(tf.constant(each), None) for each in gradients])]
    for before, after in zip(gradients[:3], found, strict=False):
        np.testing.assert_allclose(after.reshape(-1, after.shape[-1]).mean(axis=0), 0.0, atol=1e-6)
        # The differences between inputs stay.
        np.testing.assert_allclose(np.diff(after, axis=-2), np.diff(before, axis=-2), atol=1e-5)
    np.testing.assert_array_equal(found[3], gradients[3])


@each_optimizer
@pytest.mark.parametrize("scaled", [False, True], ids=["", "loss_scaling"])
def test_every_optimizer_centralizes(change, scaled):
    options = TrainingOptions(gradient_centralization=True, weight_decay=0.0, **change)
    optimizer = make_optimizer(options, 0.1)
    if scaled:  # as `compile` does under mixed_float16
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    kernel, bias = tf.Variable(np.ones((4, 2), np.float32)), tf.Variable(np.ones(2, np.float32))
    # All inputs of a unit alike: nothing but the mean.
    optimizer.apply_gradients([(tf.constant([[1.0, 2.0]] * 4), kernel), (tf.constant([1.0, 2.0]), bias)])
    np.testing.assert_allclose(kernel.numpy(), 1.0, atol=1e-6)
    assert np.all(bias.numpy() < 0.99)
