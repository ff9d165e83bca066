"""`ContrastNet` equals the plain Keras network: logits and every gradient, over the golden list, in every setting."""

import numpy as np
import pytest
import tensorflow as tf
from network_cases import (
    IMAGES,
    LABELS,
    SIIM_SEED,
    SIZE,
    SMALLER,
    as_rgb,
    contrast_net,
    exact_outcome,
    least_margin,
    noise,
    outcome,
    own_outcome,
    reference,
    shared_net,
    shared_reference,
)

from contrast_tfdata.evaluation import Choices, OperatingPoint
from contrast_tfdata.exporting import onnx_file, parity, saved_model, tflite_file
from contrast_tfdata.exporting.served import ServedNetwork
from contrast_tfdata.exporting.thresholds import Thresholds
from contrast_tfdata.model.dropout import CountedDropout
from contrast_tfdata.model.h5_weights import read_h5_weights
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.model.views import PLAIN

# Float32 has 24 bits (6e-8). Only the order of sums differs, over up to 6e5 products per gradient: seen 5e-6.
FLOAT32_TOLERANCE = 2e-5
# Sums of 27 to 576 float32 products are right to about 2e-7 of a layer's standard deviation.
LEAST_MARGIN = 4e-7

POOLINGS = ["native", "folded", "patches"]
AS_RECORDS = ["grey_uint8", "ties_quantised", "ties_constant"]
"""Cases that are as records hold slices: in full size in every form. The others are, but for one form, smaller."""


def size_of(case):
    return SIZE if case in AS_RECORDS else SMALLER


@pytest.mark.parametrize("case", ["grey_uint8", "rgb_uint8"])
def test_noise_is_far_from_ties_for_any_order_of_sums(case):
    assert least_margin(as_rgb(IMAGES[case]())) > LEAST_MARGIN


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("case", IMAGES)
def test_float32(case, pooling):
    own = own_outcome(case, size_of(case), pooling=pooling)
    assert own.errors(exact_outcome(case, size_of(case))).max() < FLOAT32_TOLERANCE


@pytest.mark.parametrize("case", ["rgb_uint8", "rgb_float"])
def test_float32_of_colour_in_full_size(case):
    assert own_outcome(case, pooling="native").errors(exact_outcome(case)).max() < FLOAT32_TOLERANCE


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("case", ["rgb_float", *AS_RECORDS])
def test_float32_under_xla(case, pooling):
    own = own_outcome(case, size_of(case), pooling=pooling, jit_compile=True)
    assert own.errors(exact_outcome(case, size_of(case))).max() < FLOAT32_TOLERANCE


@pytest.fixture(scope="module")
def siim_networks(siim_h5):
    weights = read_h5_weights(siim_h5)
    return contrast_net(weights, pooling="folded"), reference(weights)


SIIM_IMAGES = {"noise": lambda: noise(seed=SIIM_SEED), "ties_quantised": IMAGES["ties_quantised"]}


@pytest.mark.real
def test_noise_is_far_from_ties_with_siim_weights_too(siim_h5):
    assert least_margin(as_rgb(SIIM_IMAGES["noise"]()), read_h5_weights(siim_h5)) > LEAST_MARGIN


@pytest.mark.real
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("case", SIIM_IMAGES)
def test_siim_weights(siim_networks, case, jit_compile):
    own, plain = siim_networks
    images = SIIM_IMAGES[case]()
    # These trained weights saturate on noise: where an example's probability rounds, so does its whole gradient.
    exact = outcome(plain, as_rgb(images))
    assert outcome(own, images, jit_compile=jit_compile).errors(exact).max() < 10 * FLOAT32_TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["savedmodel", "onnx", "tflite"])
def test_float32_after_export(name, tmp_path):
    """In a process of its own, on the cases that are as records hold slices."""
    thresholds = Thresholds.of(Choices(OperatingPoint.fixed()))
    served = ServedNetwork([contrast_net()], PLAIN, thresholds)
    path = tmp_path / "m"
    if name == "savedmodel":
        saved_model.write(served, path)
    elif name == "onnx":
        onnx_file.write([weights_of(contrast_net())], PLAIN, thresholds, path, {})
    else:
        tflite_file.write(served, path)
    answers, _ = parity.run_outside(name, path, np.concatenate([IMAGES[case]() for case in AS_RECORDS]))
    for case, logits in zip(AS_RECORDS, np.split(answers["logit"], len(AS_RECORDS)), strict=True):
        exact = exact_outcome(case).logits
        assert np.linalg.norm(logits - exact) < FLOAT32_TOLERANCE * np.linalg.norm(exact)


@pytest.mark.parametrize(
    ("policy", "bits", "pooling", "cases"),
    [
        ("mixed_bfloat16", 8, "native", ["grey_uint8", "rgb_float", "ties_quantised", "ties_constant"]),
        ("mixed_bfloat16", 8, "folded", ["ties_quantised"]),
        # Emulated on CPUs, therefore one case.
        pytest.param("mixed_float16", 11, "native", ["grey_uint8"], marks=pytest.mark.slow),
        pytest.param("mixed_float16", 11, "folded", ["grey_uint8"], marks=pytest.mark.slow),
    ],
)
def test_16_bits_are_as_near_to_float32_as_kerass_own(policy, bits, pooling, cases):
    own = np.array([own_outcome(each, pooling=pooling, dtype=policy).errors(exact_outcome(each)) for each in cases])
    tf.keras.mixed_precision.set_global_policy(policy)
    keras_network = reference()
    keras = np.array([outcome(keras_network, as_rgb(IMAGES[case]())).errors(exact_outcome(case)) for case in cases])
    # A rounded feature can change which position wins a pooling window and with it a gradient's whole path, so errors
    # of 10-40 % are normal, and random. Keras rounds once after convolution and bias, here each is rounded (a factor
    # of 1.4); the rest of the factor 2 is chance.
    assert np.median(own) < 2 * np.median(keras)
    # Logits: 8 layers of 2 roundings, each up to half a unit, with a factor of 4 for chance and growth.
    assert own[:, 0].max() < 32 * 2.0**-bits


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_logits_are_float32(policy):
    logits = shared_net(SIZE, pooling="native", dtype=policy)(noise())
    assert logits.dtype == tf.float32
    assert logits.shape == (2, 1)


def test_rows_and_columns_beyond_the_visible_part_change_nothing():
    images = noise()
    changed = images.copy()
    changed[:, -13:] = 255 - changed[:, -13:]
    changed[:, :, -13:] = 255 - changed[:, :, -13:]
    other = outcome(shared_reference(), as_rgb(changed))
    assert exact_outcome("grey_uint8").errors(other).max() == 0  # So cropping is right for the plain network, too.
    own_other = outcome(shared_net(SIZE, pooling="native"), changed)
    assert own_outcome("grey_uint8", pooling="native").errors(own_other).max() == 0


def test_the_last_visible_row_matters():
    images = noise()
    changed = images.copy()
    changed[:, 317] = 255 - changed[:, 317]
    network = shared_net(SIZE, pooling="native")
    assert np.abs(network(images) - network(changed)).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["native", "folded"])
@pytest.mark.parametrize("image_size", [190, 221, 253])
def test_other_image_sizes(image_size, pooling):
    rng = np.random.default_rng(image_size)
    images = rng.integers(0, 256, (2, image_size, image_size), dtype=np.uint8)
    network, plain = shared_net(image_size, pooling=pooling), shared_reference(image_size)
    assert outcome(network, images).errors(outcome(plain, as_rgb(images))).max() < FLOAT32_TOLERANCE


def test_dropout_drops_as_in_keras():
    network = contrast_net(dropout_seed=3)
    own = outcome(network, noise(), training=True)
    plain = outcome(with_counted_dropout(reference(), seed=3), as_rgb(noise()), training=True)
    assert own.errors(plain).max() < FLOAT32_TOLERANCE
    assert np.abs(own.logits - exact_outcome("grey_uint8").logits).max() > 1e-3


def with_counted_dropout(model: tf.keras.Model, seed: int) -> tf.keras.Model:
    """Returns the same network, its dropout in place of Keras's, which draws other numbers."""

    def copy(layer):
        own = isinstance(layer, tf.keras.layers.Dropout)
        return CountedDropout(layer.rate, seed=seed) if own else layer.__class__.from_config(layer.get_config())

    copied = tf.keras.models.clone_model(model, clone_function=copy)
    copied.set_weights(model.get_weights())
    return copied


def test_training_steps_move_the_weights_alike():
    images = noise()
    moved = []
    for network, inputs in [(contrast_net(dropout=0.0), images), (reference(dropout=0.0), as_rgb(images))]:
        before = network.get_weights()
        network.compile(tf.keras.optimizers.SGD(1e-2), tf.keras.losses.BinaryCrossentropy(from_logits=True))
        network.fit(inputs, LABELS, batch_size=2, epochs=2, shuffle=False, verbose=0)
        moved.append([after - start for after, start in zip(network.get_weights(), before, strict=True)])
    for own, plain in zip(*moved, strict=True):
        # The second step starts from weights that differ in their last bits.
        assert np.linalg.norm(own - plain) < 1e-3 * np.linalg.norm(plain)
