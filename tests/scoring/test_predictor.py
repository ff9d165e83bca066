"""The graph that scores against the Keras network: the same function, whatever is asked about together."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf

from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.scoring import graph
from contrast_tfdata.scoring.predictor import SLICES_AT_ONCE, Predictor

SMALLER = 221


@pytest.fixture(scope="module")
def network():
    tf.keras.utils.set_random_seed(5)
    return ContrastNet(SMALLER)


@pytest.fixture(scope="module")
def images():
    noise = np.random.default_rng(7).integers(0, 256, (SLICES_AT_ONCE + 3, SMALLER, SMALLER), np.uint8)
    noise[1], noise[2, 40:90] = 0, 255
    return noise


@pytest.mark.parametrize("size", [190, 221, 318, 331, 332])
def test_it_is_the_keras_network_at_every_size(size):
    """At 190 and 318 pixels nothing is cropped."""
    network = ContrastNet(size)
    pixels = np.random.default_rng(size).integers(0, 256, (3, size, size), np.uint8)
    for views, shown in ((("plain",), pixels), (("mirrored",), pixels[:, :, ::-1])):
        logits = Predictor([weights_of(network)], views)(pixels)
        np.testing.assert_allclose(logits, network(shown).numpy()[:, 0], atol=1e-5)


def test_a_logit_is_the_same_whatever_else_is_asked(network, images):
    predict = Predictor([weights_of(network)])
    together = predict(images)
    assert together.dtype == np.float32
    for start, end in ((0, 1), (1, 3), (3, len(images)), (5, 5)):
        np.testing.assert_array_equal(predict(images[start:end]), together[start:end])


def test_mean_over_views_and_networks(network, images):
    one, other = weights_of(network), weights_of(ContrastNet(SMALLER))
    logits = [Predictor([each])(shown) for each in (one, other) for shown in (images, images[:, :, ::-1])]
    assert np.abs(logits[0] - logits[1]).max() > 1e-3  # so that the views differ at all
    together = Predictor([one, other], ("plain", "mirrored"))(images)
    np.testing.assert_allclose(together, np.mean(logits, axis=0), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused(network):
    weights = weights_of(network)
    with pytest.raises(ValueError, match=r"Received: views=\('plain', 'turned'\)"):
        Predictor([weights], ("plain", "turned"))
    with pytest.raises(ValueError, match=r"sizes \[190, 221\]"):
        Predictor([weights, weights_of(ContrastNet(190))])
    with pytest.raises(ValueError, match=r"sizes \[\]"):
        Predictor([])


def test_weights_stand_in_the_graph_once(network):
    """However many views look through them."""

    def size(views):
        writer = graph.GraphWriter(SMALLER)
        logit = graph.mean_logit(writer, [weights_of(network)], views)
        return writer.finished({"logit": (logit, onnx.TensorProto.FLOAT, 1)}).ByteSize()

    assert size(("plain", "mirrored")) < size(("plain",)) + 5_000


def test_scoring_imports_no_tensorflow():
    code = "import sys; import contrast_tfdata.predict; assert not {'tensorflow', 'keras'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
