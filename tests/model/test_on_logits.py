"""Whatever loss or metric Keras users write counts what it counts on probabilities, or is refused."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model import on_logits
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.which_keras import refuse_keras_3

SIZE = 190
LABELS = np.array([0, 1, 0, 1, 1, 0, 1, 0], np.float32)[:, np.newaxis]
LOGITS = np.array([-3, 2.5, 0.3, 0.4, -0.2, -0.1, 0.7, 0.2], np.float32)[:, np.newaxis]
WEIGHTS = np.array([1, 1, 1, 1, 1, 1, 1, 0], np.float32)
PROBABILITIES = 1 / (1 + np.exp(-LOGITS))
metrics, losses = tf.keras.metrics, tf.keras.losses
NAMES = {
    **dict.fromkeys(("accuracy", "acc", "Accuracy", "binary_accuracy", "BinaryAccuracy"), metrics.BinaryAccuracy),
    **dict.fromkeys(("auc", "AUC", "Auc"), metrics.AUC),
    **dict.fromkeys(("precision", "Precision"), metrics.Precision),
    **dict.fromkeys(("recall", "Recall"), metrics.Recall),
    **dict.fromkeys(("crossentropy", "binary_crossentropy", "BinaryCrossentropy"), metrics.BinaryCrossentropy),
    **dict.fromkeys(("mse", "MSE", "mean_squared_error", "MeanSquaredError"), metrics.MeanSquaredError),
    **dict.fromkeys(("mae", "mean_absolute_error"), metrics.MeanAbsoluteError),
    "RootMeanSquaredError": metrics.RootMeanSquaredError,
    **dict.fromkeys(("TruePositives", "true_positives"), metrics.TruePositives),
    **{"TrueNegatives": metrics.TrueNegatives, "FalsePositives": metrics.FalsePositives},
    **{"FalseNegatives": metrics.FalseNegatives, "BinaryIoU": metrics.BinaryIoU},
    "f1_score": lambda: metrics.F1Score(threshold=0.5),
}
OBJECTS = [
    *(metrics.AUC, metrics.BinaryAccuracy, metrics.BinaryCrossentropy, metrics.Precision, metrics.Recall),
    lambda: metrics.AUC(curve="PR"),
    lambda: metrics.BinaryAccuracy(threshold=0.6),
    lambda: metrics.Recall(thresholds=0.55),
    lambda: metrics.Precision(thresholds=[0.3, 0.5]),
    lambda: metrics.SensitivityAtSpecificity(0.5),
    lambda: metrics.FBetaScore(threshold=0.5),
    *(metrics.MeanSquaredError, metrics.TruePositives, metrics.BinaryIoU),
]


def value(metric, scores, weights=WEIGHTS):
    metric.update_state(LABELS, scores, weights)
    return np.asarray(metric.result())


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_by_name_counts_probabilities(name):
    np.testing.assert_allclose(value(on_logits.metric(name), LOGITS), value(NAMES[name](), PROBABILITIES), rtol=1e-5)


@pytest.mark.parametrize("make", OBJECTS)
def test_a_metric_object_counts_probabilities(make):
    np.testing.assert_allclose(value(on_logits.metric(make()), LOGITS), value(make(), PROBABILITIES), rtol=1e-5)


@pytest.mark.parametrize("asked", [metrics.binary_accuracy, metrics.mean_squared_error, metrics.AUC])
def test_functions_and_classes_of_keras_are_names(asked):
    kinds = {"binary_accuracy": metrics.BinaryAccuracy, "mean_squared_error": metrics.MeanSquaredError}
    expected = kinds.get(asked.__name__, metrics.AUC)()
    np.testing.assert_allclose(value(on_logits.metric(asked), LOGITS), value(expected, PROBABILITIES), rtol=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        metrics.AUC(from_logits=True),
        metrics.BinaryCrossentropy(from_logits=True),
        metrics.BinaryAccuracy(threshold=0.0),
        metrics.BinaryAccuracy(threshold=-1.2),
        metrics.Hinge(),
        metrics.MeanMetricWrapper(lambda labels, logits: logits),
        lambda labels, logits: logits,
    ],
)
def test_what_takes_logits_gets_them(asked):
    assert on_logits.metric(asked) is asked


@pytest.mark.parametrize(
    "asked",
    [
        *("categorical_accuracy", "SparseCategoricalAccuracy", "top_k_categorical_accuracy", "nonsense", ""),
        *(metrics.CategoricalAccuracy(), metrics.Accuracy(), metrics.CosineSimilarity(), metrics.kld, metrics.Mean()),
    ],
)
def test_a_metric_for_other_tasks_is_refused(asked):
    with pytest.raises(ValueError, match="not for one logit. Take one of these metrics: binary_accuracy"):
        on_logits.metric(asked)


def test_a_score_that_compares_classes_is_refused():
    with pytest.raises(ValueError, match=r"write F1Score\(threshold=0.5\)"):
        on_logits.metric(metrics.F1Score())


CROSS_ENTROPY = np.log1p(np.exp(np.where(LABELS == 1, -LOGITS, LOGITS)))[:, 0]


@pytest.mark.parametrize(
    "asked",
    [
        *(None, "binary_crossentropy", "BinaryCrossentropy", "bce", losses.binary_crossentropy),
        *(losses.BinaryCrossentropy(), losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_cross_entropy_is_that_of_logits(asked):
    found = on_logits.loss(asked).call(LABELS, tf.constant(LOGITS))
    np.testing.assert_allclose(np.ravel(found), CROSS_ENTROPY, rtol=1e-5)


def test_a_loss_keeps_its_other_arguments():
    found = on_logits.loss(losses.BinaryFocalCrossentropy(gamma=3.0, alpha=0.4, apply_class_balancing=True))
    plain = losses.BinaryFocalCrossentropy(gamma=3.0, alpha=0.4, apply_class_balancing=True)
    np.testing.assert_allclose(found.call(LABELS, LOGITS), plain.call(LABELS, PROBABILITIES), rtol=1e-4)


@pytest.mark.parametrize(
    "asked", ["categorical_crossentropy", "nonsense", "mse", losses.MeanSquaredError(), losses.kld]
)
def test_a_loss_for_other_tasks_is_refused(asked):
    with pytest.raises(ValueError, match="not for one logit. Take one of these losses: binary_crossentropy"):
        on_logits.loss(asked)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE), np.uint8)


def test_a_compiled_network_counts_rightly_and_is_saved_with_its_recipe(images, tmp_path):
    network = ContrastNet(SIZE)
    recall = metrics.Recall(thresholds=0.3, name="recall_at_0.3")
    network.compile(tf.keras.optimizers.Adam(1e-3), losses.BinaryCrossentropy(), ["acc", "AUC", recall])
    history = network.fit(images, LABELS, validation_data=(images, LABELS), verbose=0).history
    assert [name for name in history if "val" not in name] == ["loss", "acc", "auc", "recall_at_0.3"]
    probabilities = network.probabilities(images).numpy()[:, np.newaxis]
    expected = metrics.AUC()
    expected.update_state(LABELS, probabilities)
    assert history["val_auc"][0] == pytest.approx(expected.result().numpy(), abs=1e-6)
    assert history["val_recall_at_0.3"][0] == np.mean(probabilities[LABELS == 1] > 0.3) == recall.result().numpy()
    network.save(tmp_path / "m.keras")
    loaded = tf.keras.models.load_model(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations) == 1
    found, known = (each.evaluate(images, LABELS, verbose=0, return_dict=True) for each in (loaded, network))
    assert found == pytest.approx(known)


@pytest.mark.parametrize("asked", ["accuracy", ["accuracy"], None, [], {"output_1": "accuracy"}])
def test_metrics_in_every_form_that_keras_takes(images, asked):
    network = ContrastNet(SIZE)
    network.compile(metrics=asked)
    assert len(network.evaluate(images, LABELS, verbose=0, return_dict=True)) == (2 if asked else 1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there Keras is Keras 2")
def test_objects_of_keras_3_are_refused(images):
    import keras

    class Own(keras.callbacks.Callback):
        pass

    network = ContrastNet(SIZE)
    for given, told in (
        ({"optimizer": keras.optimizers.Adam()}, "optimizers.Adam"),
        ({"loss": keras.losses.BinaryCrossentropy()}, "losses.BinaryCrossentropy"),
        ({"loss": keras.losses.binary_crossentropy}, "losses.binary_crossentropy"),
        ({"metrics": ["auc", keras.metrics.AUC()]}, "metrics.AUC"),
    ):
        with pytest.raises(TypeError, match=f"keras.{told} is of Keras 3 .*: write tf.keras.{told}, after"):
            network.compile(**given)
    for callbacks in (keras.callbacks.EarlyStopping(), [keras.callbacks.EarlyStopping()], [Own()]):
        with pytest.raises(TypeError, match=r"write tf.keras.callbacks"):
            network.fit(images, LABELS, callbacks=callbacks)


def test_objects_of_the_same_keras_are_taken():
    refuse_keras_3("callbacks", tf.keras.callbacks.EarlyStopping(), tf.keras.losses.binary_crossentropy, None, "auc", 3)
