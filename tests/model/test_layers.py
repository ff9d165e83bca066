import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model import layers
from contrast_tfdata.model.layers import (
    ConvPool,
    bias_gradient,
    bias_relu_pool,
    bias_relu_pool_by_place,
    folded_conv_pool,
    max_pool_2x2,
    patches_conv2d,
)


def pool_and_gradient(x: np.ndarray, method: str, jit_compile: bool = False):
    weights = np.random.default_rng(1).normal(size=(*x.shape[:1], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]))

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled = max_pool_2x2(x, method)
            loss = tf.reduce_sum(pooled * tf.cast(weights, x.dtype))
        return pooled, tape.gradient(loss, x)

    return [t.numpy() for t in tf.function(run, jit_compile=jit_compile)(tf.constant(x))]


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("method", ["native", "patches"])
def test_the_first_position_of_a_tie_takes_the_whole_gradient(method, jit_compile):
    # All 81 windows of three levels, so every pattern of ties.
    levels = np.array(np.meshgrid(*[[0.0, 1.0, 2.0]] * 4)).reshape(4, -1).T
    x = levels.reshape(-1, 2, 2, 1).astype(np.float32)
    _, gradient = pool_and_gradient(x, method, jit_compile)
    received = gradient.reshape(-1, 4) != 0
    assert (received.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(received.argmax(axis=1), levels.argmax(axis=1))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("folded", [False, True])
def test_by_place_too_the_first_position_takes_the_whole_gradient(folded, jit_compile):
    levels = np.array(np.meshgrid(*[[-1.0, 0.0, 1.0, 2.0]] * 4)).reshape(4, -1).T
    x = tf.constant(levels.reshape((-1, 1, 1, 4) if folded else (-1, 2, 2, 1)), tf.float32)
    upstream = np.arange(1, len(levels) + 1, dtype=np.float32)

    def run(x, bias):
        with tf.GradientTape() as tape:
            tape.watch([x, bias])
            pooled = bias_relu_pool_by_place(x, bias, folded=folded)
            loss = tf.reduce_sum(pooled[:, 0, 0, 0] * upstream)
        return pooled, *tape.gradient(loss, [x, bias])

    pooled, gradient, to_bias = tf.function(run, jit_compile=jit_compile)(x, tf.zeros(1))
    np.testing.assert_array_equal(pooled[:, 0, 0, 0], levels.max(axis=1).clip(0))
    expected = np.zeros_like(levels)
    expected[np.arange(len(levels)), levels.argmax(axis=1)] = upstream * (levels.max(axis=1) > 0)
    np.testing.assert_array_equal(tf.reshape(gradient, (-1, 4)), expected)
    np.testing.assert_array_equal(to_bias, [expected.sum()])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (1, 2, 2, 1), (2, 7, 5, 2)])
def test_both_methods_agree(shape, dtype):
    x = tf.cast(np.random.default_rng(0).integers(-2, 3, shape), dtype).numpy()
    for native, patches in zip(pool_and_gradient(x, "native"), pool_and_gradient(x, "patches"), strict=True):
        np.testing.assert_array_equal(native, patches)


# Sides that leave a row or column out, that need zeros, and the least that there can be.
@pytest.mark.parametrize("size", [(4, 4), (10, 8), (14, 13), (7, 16)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("fold", [1, 2, 4])
def test_folding_changes_nothing(fold, dtype, size):
    rng = np.random.default_rng(0)
    # Few and small integers: sums are exact in any order, also in 16 bits, and most windows tie.
    x = tf.cast(rng.integers(0, 2, (2, *size, 3)), dtype)
    kernel = tf.constant(rng.integers(-1, 2, (3, 3, 3, 5)), tf.float32)
    bias = tf.cast(rng.integers(-1, 2, 5), dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel, bias])
        plain = bias_relu_pool(tf.nn.conv2d(x, tf.cast(kernel, dtype), 1, "VALID"), bias, "native")
        folded = folded_conv_pool(x, kernel, bias, fold)
    np.testing.assert_array_equal(plain, folded)
    upstream = tf.cast(rng.integers(-1, 2, plain.shape), dtype)
    gradients = [tape.gradient(each, [x, kernel, bias], upstream) for each in (plain, folded)]
    for own, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(("channels", "fold"), [(1, 4), (3, 4), (16, 2), (32, 1), (64, 1)])
def test_first_blocks_are_folded(channels, fold, monkeypatch):
    folds = []
    monkeypatch.setattr(layers, "folded_conv_pool", lambda x, kernel, bias, fold: folds.append(fold) or x)
    ConvPool(4, pooling="folded")(tf.zeros((1, 4, 4, channels)))
    assert folds == [fold]


def test_a_grey_image_is_three_equal_channels():
    layer = ConvPool(4, kernel_channels=3)
    grey = np.random.default_rng(0).random((2, 10, 12, 1), np.float32)
    features = layer(grey)
    assert layer.kernel.shape == (3, 3, 3, 4)
    assert features.shape == (2, 4, 5, 4)
    np.testing.assert_allclose(features, layer(np.repeat(grey, 3, axis=-1)), atol=1e-6)


def test_layer_is_rebuilt_from_its_config():
    layer = ConvPool(4, pooling="folded", kernel_channels=3, name="first")
    assert ConvPool.from_config(layer.get_config()).get_config() == layer.get_config()


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="Received: pooling='average'"):
        ConvPool(4, pooling="average")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_bias_gradient_of_many_equals_their_sum(dtype):
    # Added up in bfloat16, ones would stop at 256.
    upstream = tf.ones((4, 64, 64, 3), dtype)
    np.testing.assert_array_equal(tf.cast(bias_gradient(upstream), tf.float32), [4 * 64 * 64] * 3)


def test_a_window_that_relu_silences_takes_no_gradient():
    x = tf.constant([[-3.0, -1.0, 2.0, 2.0], [-2.0, -1.0, 0.0, 1.0]])[tf.newaxis, :, :, tf.newaxis]
    bias = tf.constant([0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, bias])
        pooled = bias_relu_pool(x, bias, "native")
    to_x, to_bias = tape.gradient(pooled, x), tape.gradient(pooled, bias)
    np.testing.assert_array_equal(pooled[0, 0, :, 0], [0.0, 2.5])
    np.testing.assert_array_equal(to_x[0, :, :, 0], [[0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(to_bias, [1.0])


@pytest.mark.parametrize("size", [(3, 3), (5, 8)])
def test_a_product_of_patches_is_the_convolution(size):
    rng = np.random.default_rng(0)
    # Small integers, so that sums are exact in any order; odd kernel, so that no two axes can be confused.
    x = rng.integers(-4, 5, (2, *size, 3)).astype(np.float32)
    kernel = rng.integers(-4, 5, (3, 2, 3, 5)).astype(np.float32)
    np.testing.assert_array_equal(patches_conv2d(x, kernel), tf.nn.conv2d(x, kernel, 1, "VALID"))
