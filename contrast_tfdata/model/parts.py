"""Layers that take a batch part by part, for less memory."""

from collections.abc import Sequence

import tensorflow as tf


def apply_in_parts(layers: Sequence[tf.keras.layers.Layer], x: tf.Tensor, num_parts: int) -> tf.Tensor:
    """Returns what the layers, one after another, make of a batch, computed part by part.

    The same function with the same gradients, but for the order in which a weight's gradient is summed over the batch.
    Backward, one part's gradients of large features are gone before the next part's come into being: with all parts at
    once they are as large as the features themselves.

    Args:
        layers: built, and without interaction between the examples of a batch.
        x: (N, ...) with N >= num_parts, known or not when the graph is made.
        num_parts: at least 1. Parts differ by one example at most.
    """
    if num_parts == 1:
        return _apply(layers, x)

    @tf.custom_gradient
    def apply(x):
        sizes = _part_sizes(tf.shape(x)[0], num_parts)
        parts, outputs, tapes = tf.split(x, sizes, num=num_parts), [], []
        for part in parts:
            # One part at a time: TensorFlow would start all that are ready.
            with tf.control_dependencies(outputs[-1:]), tf.GradientTape(persistent=True) as tape:
                part = tf.identity(part)
                tape.watch(part)
                outputs.append(_apply(layers, part))
            parts[len(tapes)] = part
            tapes.append(tape)

        def grad(upstream, variables=()):
            to_parts, to_variables = [], []
            for part, output, tape, passed in zip(parts, outputs, tapes, tf.split(upstream, sizes), strict=True):
                with tf.control_dependencies(to_variables[-1] if to_variables else []):
                    gradients = tape.gradient(output, [part, *variables], tf.identity(passed))
                to_parts.append(gradients[0])
                to_variables.append(gradients[1:])
            return tf.concat(to_parts, axis=0), [tf.add_n(each) for each in zip(*to_variables, strict=True)]

        return tf.concat(outputs, axis=0), grad

    return apply(x)


def with_at_least(x: tf.Tensor, num_examples: int) -> tf.Tensor:
    """Returns a batch (N, ...), with zeros appended where it has fewer examples than asked for.

    No part may be empty: the fused convolution of TensorFlow 2.15 gives an empty batch a wrong shape.
    """
    if num_examples == 1 or (x.shape[0] or 0) >= num_examples:
        return x
    missing = tf.maximum(num_examples - tf.shape(x)[0], 0)
    # Joined, not padded: that copies the batch in one piece.
    return tf.concat([x, tf.zeros([missing, *x.shape[1:]], x.dtype)], axis=0)


def _apply(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def _part_sizes(num_examples: tf.Tensor, num_parts: int) -> tf.Tensor:
    """Returns the sizes of the parts, (num_parts,) int32: the first ones take what does not divide."""
    return (num_examples + tf.range(num_parts - 1, -1, -1)) // num_parts
