import numpy as np
import pytest
import tensorflow as tf
from network_cases import SMALLER, images_of, shared_net

from contrast_tfdata.model.inference import Predictor


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    noise = images_of("grey_uint8", SMALLER)
    return np.concatenate([noise, 255 - noise, noise[:, ::-1]])


@pytest.fixture(scope="module")
def network():
    return shared_net(SMALLER)


@pytest.fixture(scope="module")
def in_threes(network):
    return Predictor(network, batch_size=3)


@pytest.mark.parametrize("count", range(7))
def test_every_remainder_of_the_batch_size(network, in_threes, images, count):
    logits = in_threes(images[:count])
    assert logits.dtype == np.float32
    assert logits.shape == (count,)
    if count:
        np.testing.assert_allclose(logits, network(images[:count]).numpy()[:, 0], atol=1e-5)


def test_it_is_compiled_once(images):
    traces = []

    class Counting(tf.keras.Model):
        def call(self, inputs, training=None):
            traces.append((inputs.shape, training))
            return tf.zeros((inputs.shape[0], 1))

    predictor = Predictor(Counting(), batch_size=4)
    for count in (1, 4, 6):
        predictor(images[:count])
    assert traces == [((4, SMALLER, SMALLER), False)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_mean_of_two_plain_predictions(network, images, jit_compile):
    plain = Predictor(network, 4, jit_compile=jit_compile)
    both = Predictor(network, 4, jit_compile=jit_compile, views=("plain", "mirrored"))
    mean = (plain(images) + plain(images[:, :, ::-1])) / 2
    assert np.abs(plain(images) - mean).max() > 1e-3  # so that the views differ at all
    np.testing.assert_allclose(both(images), mean, atol=1e-6)


def test_a_mirrored_slice_has_the_same_mean(network, images):
    predictor = Predictor(network, 4, views=("plain", "mirrored"))
    np.testing.assert_allclose(predictor(images[:, :, ::-1]), predictor(images), atol=1e-6)


def test_all_views_are_one_program_with_batches_of_one_shape(images):
    traces = []

    class Counting(tf.keras.Model):
        def call(self, inputs, training=None):
            traces.append((inputs.shape, training))
            return tf.reduce_mean(tf.cast(inputs, tf.float32), axis=[1, 2])[:, tf.newaxis]

    predictor = Predictor(Counting(), batch_size=4, views=("plain", "mirrored"))
    for count in (1, 4, 6):
        np.testing.assert_allclose(predictor(images[:count]), images[:count].mean(axis=(1, 2)), rtol=1e-5)
    assert traces == [((4, SMALLER, SMALLER), False)] * 2


def test_unknown_views_are_refused(network):
    with pytest.raises(ValueError, match=r"Received: views=\('plain', 'turned'\)"):
        Predictor(network, views=("plain", "turned"))


def test_nothing_gives_nothing(network):
    assert Predictor(network)(np.zeros((0, SMALLER, SMALLER), np.uint8)).shape == (0,)


def test_bad_batch_size_is_refused(network):
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        Predictor(network, 0)
