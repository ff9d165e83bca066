import numpy as np
import pytest
import tensorflow as tf
from network_cases import IMAGES, SMALLER, contrast_net, images_of, random_weights, shared_net

from contrast_tfdata.model.architecture import weight_shapes
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network

BCE = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def test_weights_have_the_references_order_and_shapes():
    assert [w.shape for w in ContrastNet().get_weights()] == list(weight_shapes().values())
    assert [w.shape for w in reference_network().get_weights()] == list(weight_shapes().values())


def test_one_global_seed_gives_the_references_initial_weights():
    tf.keras.utils.set_random_seed(1020)
    plain = reference_network().get_weights()
    tf.keras.utils.set_random_seed(1020)
    for own, other in zip(ContrastNet().get_weights(), plain, strict=True):
        np.testing.assert_array_equal(own, other)


def test_the_references_summary_is_the_slides_table():
    lines = []
    reference_network().summary(line_length=80, print_fn=lambda line, **_: lines.append(line))
    table = "\n".join(lines)
    rows = [line.split()[0] for line in lines if "(None, " in line]
    assert rows[:3] == ["input_1", "conv2d", "max_pooling2d"]
    assert rows[-5:] == ["flatten", "dropout", "dense", "dense_1", "tf.math.sigmoid"]
    assert "(None, 329, 329, 16)" in table
    assert [int(line.split()[-1]) for line in lines if line.split()[:1] == ["conv2d_5"]] == [36928]
    assert "Total params: 109073" in table


def test_config_rebuilds_it():
    network = ContrastNet(221, pooling="folded", micro_batches=3, dropout=0.4, dropout_seed=8, name="other")
    rebuilt = ContrastNet.from_config(network.get_config())
    assert rebuilt.get_config() == network.get_config()
    assert rebuilt.count_params() == network.count_params()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dropout": 1.0}, r"Received: dropout=1\.0"),
        ({"dropout": -0.1}, r"Received: dropout=-0\.1"),
        ({"image_size": 100}, "Received: image_size=100"),
        ({"pooling": "max"}, "Received: pooling='max'"),
        ({"micro_batches": 0}, "Received: micro_batches=0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContrastNet(**arguments)


@pytest.mark.parametrize("shape", [(1, 330, 331), (1, 331, 331, 2), (331, 331), (1, 331, 331, 3, 1)])
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Received: shape="):
        shared_net()(np.zeros(shape, np.uint8))


def test_images_of_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="Received: dtype=int32"):
        shared_net()(np.zeros((1, 331, 331), np.int32))


def small_net(**kwargs) -> ContrastNet:
    network = ContrastNet(SMALLER, **kwargs)
    network.set_weights(random_weights(SMALLER))
    return network


def noise() -> np.ndarray:
    return images_of("grey_uint8", SMALLER)


def compiled(**kwargs) -> ContrastNet:
    network = small_net(dropout=0.0, **kwargs)
    network.compile(tf.keras.optimizers.SGD(1e-3), BCE)
    return network


def test_loss_of_equal_weights_is_kerass_mean():
    logits = np.array([[2.0], [-1.0], [0.5]], np.float32)
    labels = np.array([1.0, 0.0, 0.0])
    expected = np.mean(np.log1p(np.exp(-np.array([2.0, 1.0, -0.5]))))
    network = compiled()
    for weights in (None, np.ones(3), np.full((3, 1), 7.0)):
        assert network.compute_loss(None, labels, logits, weights).numpy() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("reduction", ["none", "sum", "auto", "sum_over_batch_size"])
def test_loss_is_the_weighted_mean_whatever_the_reduction(reduction):
    network = small_net()
    network.compile(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction))
    loss = network.compute_loss(None, np.array([1, 0, 1]), np.array([[1.0], [3.0], [9.0]]), np.array([1.0, 3.0, 0.0]))
    expected = (np.log1p(np.exp(-1.0)) + 3 * np.log1p(np.exp(3.0))) / 4
    assert loss.numpy() == pytest.approx(expected, rel=1e-6)


def test_a_step_that_loss_scaling_skips_is_not_in_the_mean():
    network, plain = small_net(), small_net()
    network.compile(tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.Adam()), BCE)
    plain.compile(tf.keras.optimizers.Adam(), BCE)
    for each in (network, plain):
        for logit in (1.0, np.inf, np.nan, -1.0):
            each.compute_loss(None, np.zeros(1), np.array([[logit]], np.float32), np.ones(1))
    expected = np.mean(np.log1p(np.exp([1.0, -1.0])))
    assert network.metrics[0].result().numpy() == pytest.approx(expected, rel=1e-6)
    assert np.isnan(plain.metrics[0].result().numpy())


def test_loss_of_padding_alone_is_zero():
    loss = compiled().compute_loss(None, np.zeros(2), np.zeros((2, 1), np.float32), np.zeros(2))
    assert loss.numpy() == 0


def test_regularisation_is_added():
    network = compiled()
    network.add_loss(lambda: tf.constant(10.0))
    loss = network.compute_loss(None, np.zeros(1), np.zeros((1, 1), np.float32))
    assert loss.numpy() == pytest.approx(10 + np.log(2), rel=1e-6)


def test_the_summary_adds_up():
    lines = []
    network = ContrastNet(micro_batches=2)
    network.summary(print_fn=lambda line, **_: lines.append(line))
    rows = [line.split() for line in lines if "multiple" in line]
    assert [row[0] for row in rows] == [layer.name for layer in network.layers]
    assert {"flatten", "dropout"} < {row[0] for row in rows}
    assert sum(int(row[-1]) for row in rows) == network.count_params() == 109_073
    assert network.submodules


def test_padding_changes_neither_step_nor_reported_loss():
    images, labels = noise(), np.array([0, 1])
    padded = np.concatenate([images, np.full_like(images, 255)])
    plain, with_padding = compiled(), compiled()
    history = plain.fit(images, labels, epochs=2, shuffle=False, verbose=0).history
    padded_history = with_padding.fit(
        padded, np.array([0, 1, 0, 0]), sample_weight=np.array([1, 1, 0, 0]), epochs=2, shuffle=False, verbose=0
    ).history
    np.testing.assert_allclose(padded_history["loss"], history["loss"], rtol=1e-5)
    for own, other in zip(with_padding.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_epoch_loss_weighs_a_padded_last_batch_by_its_examples():
    network = compiled()
    images = np.concatenate([noise(), noise()])
    labels, weights = np.array([0, 1, 0, 1]), np.array([1, 1, 1, 0])
    reported, _ = network.evaluate(images, labels, sample_weight=weights, batch_size=2, verbose=0)
    logits = network(images).numpy()[:3, 0]
    assert reported == pytest.approx(np.mean(np.log1p(np.exp(np.where(labels[:3], -logits, logits)))), rel=1e-5)


@pytest.mark.slow
def test_mixed_float16_scales_the_loss():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    network = contrast_net()  # In full size: gradients of smaller images overflow in the first step.
    network.compile(tf.keras.optimizers.Adam(5e-4), BCE)
    assert isinstance(network.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    scale = float(network.optimizer.loss_scale)
    before = network.get_weights()
    history = network.fit(IMAGES["grey_uint8"]()[:1], np.array([1]), verbose=0).history
    assert scale > 1
    assert np.isfinite(history["loss"]).all()
    assert any((own != other).any() for own, other in zip(before, network.get_weights(), strict=True))
    assert all(variable.dtype == tf.float32 for variable in network.trainable_variables)


@pytest.mark.slow
def test_xla_compiles_a_training_step():
    network = small_net(pooling="patches")
    network.compile(tf.keras.optimizers.SGD(1e-3), BCE, jit_compile=True)
    loss = network.fit(noise(), np.array([0, 1]), verbose=0).history["loss"][0]
    assert np.isfinite(loss)
