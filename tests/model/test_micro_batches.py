"""Early blocks that take a batch part by part compute what they compute at once."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from network_cases import SIZE, SMALLER, Outcome, images_of, outcome, shared_net

from contrast_tfdata.model.micro_batches import MicroBatches

# Only the order of sums over the batch differs: seen 7e-6 in float32. In bfloat16, which has 8 bits, it is 0.004 where
# the CPU adds products in float32, and 0.05 where it emulates them: sums of a whole batch are that far off there.
TOLERANCE = {"float32": 2e-5, "mixed_bfloat16": 2**-6}


def batch(size: int, image_size: int = SMALLER) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(size).integers(0, 256, (size, image_size, image_size), dtype=np.uint8)
    return images, (np.arange(size, dtype=np.float32) % 2)[:, np.newaxis]


@functools.cache
def whole_outcome(size: int, policy: str, image_size: int) -> Outcome:
    return outcome(shared_net(image_size, dtype=policy), *batch(size, image_size))


@pytest.mark.slow
@pytest.mark.parametrize("policy", TOLERANCE)
@pytest.mark.parametrize(("size", "image_size"), [(1, SMALLER), (3, SMALLER), (5, SIZE), (8, SMALLER)])
def test_logits_and_gradients_are_those_of_the_whole_batch(size, image_size, policy):
    whole = whole_outcome(size, policy, image_size)
    parts = outcome(shared_net(image_size, dtype=policy, micro_batches=4), *batch(size, image_size))
    assert parts.logits.shape == (size,)
    assert parts.errors(whole)[0] < TOLERANCE[policy]
    if policy == "float32":
        assert parts.errors(whole).max() < TOLERANCE[policy]
    else:
        exact = whole_outcome(size, "float32", image_size)
        assert (parts.errors(exact) < 1.1 * whole.errors(exact) + TOLERANCE[policy]).all()


def test_under_xla():
    parts = outcome(shared_net(SMALLER, pooling="patches", micro_batches=2), *batch(3), jit_compile=True)
    assert parts.errors(whole_outcome(3, "float32", SMALLER)).max() < TOLERANCE["float32"]


def test_one_graph_takes_every_batch_size():
    network = shared_net(SMALLER, dtype="float32", micro_batches=4)
    logits = tf.function(network, input_signature=[tf.TensorSpec((None, SMALLER, SMALLER), tf.uint8)])
    for size in (1, 4, 6):
        images, _ = batch(size)
        np.testing.assert_allclose(logits(images), shared_net(SMALLER, dtype="float32")(images), rtol=1e-5)
    assert logits.experimental_get_tracing_count() == 1


def test_the_gradient_of_the_images_is_that_of_the_whole_batch():
    images = tf.constant(images_of("grey_float", SMALLER))
    gradients = []
    for micro_batches in (1, 4):
        network = shared_net(SMALLER, dtype="float32", micro_batches=micro_batches)
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = network(images)
        gradients.append(tape.gradient(logits, images))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-7)


def test_layers_are_called_once_a_part_in_the_order_of_the_batch():
    seen = []

    class Spy(tf.keras.layers.Layer):
        def call(self, inputs):
            seen.append(inputs.numpy().tolist())
            return 2 * inputs

    doubled = MicroBatches([Spy(), Spy()], 2)(tf.range(5.0))
    assert seen == [[0, 1, 2], [0, 2, 4], [3, 4], [6, 8]]
    assert doubled.numpy().tolist() == [0, 4, 8, 12, 16]
