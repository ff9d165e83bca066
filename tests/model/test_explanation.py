import numpy as np
import pytest
import tensorflow as tf
from network_cases import noise

from contrast_tfdata.model import views
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.explanation import contributions, evidence_maps, on_pixels


@pytest.fixture(scope="module")
def network():
    tf.keras.utils.set_random_seed(3)
    return ContrastNet()


@pytest.mark.parametrize("num_blocks", range(7))
def test_features_and_the_rest_are_the_whole_network(network, num_blocks):
    images = noise()
    logits = network.logits_of(network.features(images, num_blocks), num_blocks, training=False)
    np.testing.assert_allclose(logits, network(images, training=False), atol=1e-6)


@pytest.mark.parametrize("num_blocks", [3, 6])
def test_without_biases_a_map_adds_up_to_the_logit(network, num_blocks):
    images = noise()  # New weights have biases of zero.
    sums = contributions(network, images, num_blocks).sum((1, 2))
    np.testing.assert_allclose(sums, network(images, training=False)[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_blocks", [1, 3, 6])
def test_a_cell_stands_where_the_network_sees_it(network, num_blocks):
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


def test_a_map_of_several_views_is_put_back_in_place(network):
    images = noise()
    both = evidence_maps(network, images, ("plain", "mirrored"))
    mirror_image = evidence_maps(network, images[:, :, ::-1], views.PLAIN)[:, :, ::-1]
    np.testing.assert_allclose(both, (evidence_maps(network, images) + mirror_image) / 2, atol=1e-6)
    assert both.shape == images.shape
    assert both.dtype == np.float32
    assert both.std() > 0


def test_no_slices_no_maps_and_many_are_those_of_each(network):
    assert evidence_maps(network, np.zeros((0, 331, 331), np.uint8)).shape == (0, 331, 331)
    images = np.random.default_rng(1).integers(0, 256, (17, 331, 331), np.uint8)
    np.testing.assert_allclose(evidence_maps(network, images)[16:], evidence_maps(network, images[16:]), atol=1e-6)
