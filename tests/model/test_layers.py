import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model.layers import ConvPool, max_pool_2x2


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
@pytest.mark.parametrize("method", ["native", "reshape"])
def test_the_first_position_of_a_tie_takes_the_whole_gradient(method, jit_compile):
    # All 81 windows of three levels, so every pattern of ties.
    levels = np.array(np.meshgrid(*[[0.0, 1.0, 2.0]] * 4)).reshape(4, -1).T
    x = levels.reshape(-1, 2, 2, 1).astype(np.float32)
    _, gradient = pool_and_gradient(x, method, jit_compile)
    received = gradient.reshape(-1, 4) != 0
    assert (received.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(received.argmax(axis=1), levels.argmax(axis=1))


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (1, 2, 2, 1), (2, 7, 5, 2)])
def test_both_methods_agree(shape):
    x = np.random.default_rng(0).integers(-2, 3, shape).astype(np.float32)
    for native, reshape in zip(pool_and_gradient(x, "native"), pool_and_gradient(x, "reshape"), strict=True):
        np.testing.assert_array_equal(native, reshape)


def test_a_grey_image_is_three_equal_channels():
    layer = ConvPool(4, kernel_channels=3)
    grey = np.random.default_rng(0).random((2, 10, 12, 1), np.float32)
    features = layer(grey)
    assert layer.kernel.shape == (3, 3, 3, 4)
    assert features.shape == (2, 4, 5, 4)
    np.testing.assert_allclose(features, layer(np.repeat(grey, 3, axis=-1)), atol=1e-6)


def test_layer_is_rebuilt_from_its_config():
    layer = ConvPool(4, pooling="reshape", kernel_channels=3, name="first")
    assert ConvPool.from_config(layer.get_config()).get_config() == layer.get_config()


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="Received: pooling='average'"):
        ConvPool(4, pooling="average")
