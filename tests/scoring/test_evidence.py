"""Maps of the evidence: the closed form against TensorFlow's gradient, and where on the picture a cell lies."""

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model import pretrained
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import network_with, weights_of
from contrast_tfdata.model.weights import load_model
from contrast_tfdata.scoring.evidence import EXPLAINED_BLOCK, Explainer, evidence_maps, on_pixels
from contrast_tfdata.scoring.predictor import Predictor


@pytest.fixture(scope="module")
def weights():
    tf.keras.utils.set_random_seed(3)
    return weights_of(ContrastNet())


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(7).integers(0, 256, (2, 331, 331), np.uint8)


def features_and_logits(network, images, num_blocks):
    features = network.features(images, num_blocks)
    with tf.GradientTape() as tape:
        tape.watch(features)
        logits = network.logits_of(features, num_blocks, training=False)
    return features, tape.gradient(logits, features), logits


@pytest.mark.parametrize("num_blocks", range(7))
def test_features_and_the_rest_are_the_whole_network(weights, images, num_blocks):
    network = network_with(weights)
    *_, logits = features_and_logits(network, images, num_blocks)
    np.testing.assert_allclose(logits, network(images, training=False), atol=1e-6)


@pytest.mark.parametrize("num_blocks", range(2, 7))
def test_the_closed_form_is_tensorflows_gradient(images, num_blocks):
    shipped, _ = load_model(pretrained.directory())
    features, gradient, _ = features_and_logits(network_with(shipped), images, num_blocks)
    expected = tf.reduce_sum(features * gradient, axis=-1).numpy()
    np.testing.assert_allclose(Explainer(shipped, num_blocks)(images), expected, atol=1e-5 * np.abs(expected).max())


def test_ties_and_dead_units_pass_the_gradient_as_tensorflow_does():
    """Black, and constants: every window ties, and ReLU silences most of them."""
    shipped, _ = load_model(pretrained.directory())
    images = np.zeros((2, 331, 331), np.uint8)
    images[1, 100:220, 60:250] = 200
    features, gradient, _ = features_and_logits(network_with(shipped), images, EXPLAINED_BLOCK)
    expected = tf.reduce_sum(features * gradient, axis=-1).numpy()
    found = Explainer(shipped, EXPLAINED_BLOCK)(images)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("num_blocks", [3, 6])
def test_without_biases_a_map_adds_up_to_the_logit(weights, images, num_blocks):
    sums = Explainer(weights, num_blocks)(images).sum((1, 2))  # New weights have biases of zero.
    np.testing.assert_allclose(sums, Predictor([weights])(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_blocks", [1, 3, 6])
def test_a_cell_stands_where_the_network_sees_it(weights, num_blocks):
    network = network_with(weights)
    image = tf.Variable(np.random.default_rng(0).random((1, 331, 331), np.float32))
    count = network.features(image, num_blocks).shape[1]
    cell = count // 2
    with tf.GradientTape() as tape:
        seen = tf.reduce_sum(network.features(image, num_blocks)[0, cell, cell])
    rows = np.flatnonzero(np.abs(tape.gradient(seen, image)[0]).sum(1))
    cells = np.zeros((1, count, count))
    cells[0, cell, cell] = 1
    (placed,) = on_pixels(cells, num_blocks, 331)
    peak = np.flatnonzero(placed.max(1) == placed.max())
    assert peak.mean() == pytest.approx((rows[0] + rows[-1]) / 2, abs=2**num_blocks / 4 + 0.5)


def test_a_map_of_several_views_is_put_back_in_place(weights, images):
    both = evidence_maps([weights], images, ("plain", "mirrored"))
    mirror_image = evidence_maps([weights], images[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_allclose(both, (evidence_maps([weights], images) + mirror_image) / 2, atol=1e-6)
    assert both.shape == images.shape
    assert both.dtype == np.float32
    assert both.std() > 0


def test_a_map_of_several_networks_is_their_mean(weights, images):
    other, _ = load_model(pretrained.directory())
    mean = (evidence_maps([weights], images) + evidence_maps([other], images)) / 2
    np.testing.assert_allclose(evidence_maps([weights, other], images), mean, atol=1e-6)


def test_no_slices_no_maps_and_many_are_those_of_each(weights):
    assert evidence_maps([weights], np.zeros((0, 331, 331), np.uint8)).shape == (0, 331, 331)
    images = np.random.default_rng(1).integers(0, 256, (17, 331, 331), np.uint8)
    np.testing.assert_array_equal(evidence_maps([weights], images)[16:], evidence_maps([weights], images[16:]))
