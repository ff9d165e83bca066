"""Both classes with the same weight in every batch."""

import tensorflow as tf


def balance_batch(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Weighs a batch so that each class has half of its weight.

    A random batch has more slices now of one class, now of the other. While a network does not tell them apart yet,
    that moves all logits up or down at random; weights take this noise out of the gradient.

    Args:
        images: (B, ...), returned as they are.
        labels: (B, 1) float32, 0 or 1.
        weights: (B,) float32, >= 0; 0 for padding, which stays.

    Returns:
        images, labels, and weights with the same sum; a batch of one class alone keeps its own.
    """
    second = weights * labels[:, 0]
    first = weights - second
    sums = tf.reduce_sum(first), tf.reduce_sum(second)
    halves = [
        tf.math.divide_no_nan(each, total) * sum(sums) / 2 for each, total in zip((first, second), sums, strict=True)
    ]
    return images, labels, tf.where((sums[0] > 0) & (sums[1] > 0), sum(halves), weights)
