"""Weights of a batch: half for each class."""

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.pipeline.weighing import balance_batch


def balanced(labels, weights):
    images = tf.zeros((len(labels), 2, 2), tf.uint8)
    _, _, found = balance_batch(images, tf.constant(labels, tf.float32)[:, tf.newaxis], tf.constant(weights))
    return found.numpy()


@pytest.mark.parametrize("positives", range(1, 8))
def test_each_class_has_half_of_the_weight(positives):
    labels = np.arange(8) < positives
    weights = balanced(labels, np.ones(8, np.float32))
    assert weights[labels].sum() == pytest.approx(4.0)
    assert weights[~labels].sum() == pytest.approx(4.0)
    assert len(set(weights[labels])) == len(set(weights[~labels])) == 1


def test_padding_keeps_weight_0_and_counts_for_no_class():
    np.testing.assert_allclose(balanced([1, 0, 0, 0, 0], [1.0, 1.0, 1.0, 0.0, 0.0]), [1.5, 0.75, 0.75, 0.0, 0.0])


@pytest.mark.parametrize("label", [0, 1])
def test_a_batch_of_one_class_keeps_its_weights(label):
    np.testing.assert_array_equal(balanced([label] * 3, [1.0, 1.0, 0.0]), [1.0, 1.0, 0.0])
