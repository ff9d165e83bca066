import numpy as np
import pytest
import tensorflow as tf
from network_cases import contrast_net, noise

from contrast_tfdata.model.inference import Predictor, predict_logits


@pytest.fixture
def images() -> np.ndarray:
    return np.concatenate([noise(), 255 - noise(), noise()[:, ::-1]])


@pytest.mark.parametrize("count", range(7))
def test_every_remainder_of_the_batch_size(images, count):
    network = contrast_net()
    logits = Predictor(network, batch_size=3)(images[:count])
    assert logits.dtype == np.float32
    assert logits.shape == (count,)
    if count:
        np.testing.assert_allclose(logits, network(images[:count]).numpy()[:, 0], atol=1e-5)


def test_batches_of_any_size_keep_their_order(images):
    network = contrast_net()
    batches = [images[:1], tf.constant(images[1:5]), images[5:]]
    np.testing.assert_allclose(predict_logits(network, batches, 4), network(images).numpy()[:, 0], atol=1e-5)


def test_it_is_compiled_once(images):
    traces = []

    class Counting(tf.keras.Model):
        def call(self, inputs, training=None):
            traces.append((inputs.shape, training))
            return tf.zeros((inputs.shape[0], 1))

    predictor = Predictor(Counting(), batch_size=4)
    for count in (1, 4, 6):
        predictor(images[:count])
    assert traces == [((4, 331, 331), False)]


def test_nothing_gives_nothing():
    assert predict_logits(contrast_net(), []).shape == (0,)


def test_bad_batch_size_is_refused():
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        Predictor(contrast_net(), 0)
