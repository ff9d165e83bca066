"""Layers applied to a batch part by part, for less memory."""

from collections.abc import Sequence

import tensorflow as tf


class MicroBatches:
    """Applies layers, one after another, to a batch part by part.

    No layer itself: a network's summary would count the weights of its layers again.

    The same function with the same gradients, but for the order in which a weight's gradient is summed over the batch.
    Backward, one part's gradients of large features are gone before the next part's come into being: with all parts at
    once they are as large as the features themselves.

    Args:
        layers: without interaction between the examples of a batch.
        count: of parts, at least 1; sizes differ by one example at most.

    Raises:
        ValueError: if the count is smaller.
    """

    def __init__(self, layers: Sequence[tf.keras.layers.Layer], count: int):
        if count < 1:
            raise ValueError(f"`micro_batches` must be at least 1. Received: micro_batches={count}")
        self._sequence = list(layers)
        self._count = count

    def __call__(self, x):
        """Returns what the layers make of (N, ...), N being known or not when the graph is made."""
        with tf.name_scope("micro_batches"):
            if self._count == 1:
                return self._apply(x)
            filled = _with_at_least(x, self._count)
            y = self._in_parts(filled)
            return y if filled is x else y[: tf.shape(x)[0]]

    def _apply(self, x):
        for layer in self._sequence:
            x = layer(x)
        return x

    def _in_parts(self, x):
        @tf.custom_gradient
        def apply(x):
            sizes = _part_sizes(tf.shape(x)[0], self._count)
            parts, outputs, tapes = tf.split(x, sizes, num=self._count), [], []
            for part in parts:
                # One part at a time: TensorFlow would start all that are ready.
                with tf.control_dependencies(outputs[-1:]), tf.GradientTape(persistent=True) as tape:
                    part = tf.identity(part)
                    tape.watch(part)
                    outputs.append(self._apply(part))
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


def _with_at_least(x: tf.Tensor, num_examples: int) -> tf.Tensor:
    """Returns a batch (N, ...), with zeros appended where it has fewer examples than asked for.

    No part may be empty: the fused convolution of TensorFlow 2.15 gives an empty batch a wrong shape.
    """
    if (x.shape[0] or 0) >= num_examples:
        return x
    missing = tf.maximum(num_examples - tf.shape(x)[0], 0)
    # Joined, not padded: that copies the batch in one piece.
    return tf.concat([x, tf.zeros([missing, *x.shape[1:]], x.dtype)], axis=0)


def _part_sizes(num_examples: tf.Tensor, num_parts: int) -> tf.Tensor:
    """Returns the sizes of the parts, (num_parts,) int32: the first ones take what does not divide."""
    return (num_examples + tf.range(num_parts - 1, -1, -1)) // num_parts
