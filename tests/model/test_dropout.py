"""Dropout that follows from a seed and a count of calls."""

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.dropout import CountedDropout

ROWS, FEATURES, RATE = 64, 576, 0.2


def dropped(layer, rows=ROWS, *, jit_compile=None):
    """Calls the layer once in training with ones; eagerly where `jit_compile` is None."""
    call = layer if jit_compile is None else tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
    ones = tf.ones((rows, FEATURES), layer.compute_dtype)
    return (call(ones, training=True) if jit_compile is None else call(ones)).numpy().astype(np.float64)


def test_drops_its_share_and_keeps_the_mean():
    found = dropped(CountedDropout(RATE, seed=1))
    assert set(np.unique(found.astype(np.float32))) == {np.float32(0), np.float32(1 / (1 - RATE))}
    # 36,864 independent draws: five standard deviations of their share.
    assert abs((found == 0).mean() - RATE) < 5 * np.sqrt(RATE * (1 - RATE) / found.size)
    shares = (found == 0).mean(axis=0), (found == 0).mean(axis=1)
    for share, number in zip(shares, (ROWS, FEATURES), strict=True):  # each feature and each row alike
        assert np.abs(share - RATE).max() < 6 * np.sqrt(RATE * (1 - RATE) / number)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_mask_is_the_same_however_it_is_computed(dtype, jit_compile):
    eager = [dropped(layer) == 0 for layer in [CountedDropout(RATE, seed=1)] for _ in range(3)]
    layer = CountedDropout(RATE, seed=1, dtype=dtype)
    for mask in eager:
        np.testing.assert_array_equal(dropped(layer, jit_compile=jit_compile) == 0, mask)
    assert not np.array_equal(eager[0], eager[1])
    assert int(layer.calls) == 3


def test_a_row_is_the_same_however_many_follow():
    whole = dropped(CountedDropout(RATE, seed=1))
    for rows in (1, 2, 7, 63):
        np.testing.assert_array_equal(dropped(CountedDropout(RATE, seed=1), rows), whole[:rows])


def test_seeds_differ_and_an_unseeded_one_follows_the_global_seed():
    assert not np.array_equal(dropped(CountedDropout(RATE, seed=1)), dropped(CountedDropout(RATE, seed=2)))
    drawn = []
    for seed in (5, 5, 6):
        tf.keras.utils.set_random_seed(seed)
        drawn.append(dropped(CountedDropout(RATE)))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_outside_training_nothing_is_dropped_or_counted():
    layer = CountedDropout(RATE, seed=1)
    x = tf.random.stateless_normal((3, FEATURES), (1, 2))
    for training in (False, None):
        np.testing.assert_array_equal(layer(x, training=training), x)
    np.testing.assert_array_equal(CountedDropout(0.0)(x, training=True), x)
    assert int(layer.calls) == 0


def test_a_dropped_feature_has_no_gradient_and_no_influence():
    layer, x = CountedDropout(RATE, seed=1), tf.fill((ROWS, FEATURES), np.inf)
    with tf.GradientTape() as tape:
        tape.watch(x)
        features = layer(x, training=True)
    gradient = tape.gradient(features, x).numpy()
    np.testing.assert_array_equal(features.numpy() == 0, gradient == 0)
    assert np.allclose(gradient[gradient != 0], 1 / (1 - RATE))


def test_the_count_is_in_checkpoints_and_no_weight(tmp_path):
    model = ContrastNet(190, dropout_seed=1)
    assert len(model.weights) == 16
    images = np.zeros((2, 190, 190), np.uint8)
    model(images, training=True)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "state"))
    after = model(images, training=True).numpy()
    again = ContrastNet(190, dropout_seed=1)
    tf.train.Checkpoint(model=again).read(path).assert_consumed()
    np.testing.assert_array_equal(again(images, training=True).numpy(), after)


def test_config_rebuilds_it():
    config = CountedDropout(0.3, seed=4, name="other").get_config()
    assert CountedDropout.from_config(config).get_config() == config
