"""The package from Python, as a notebook uses it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from image_files import dicom_bytes
from png_files import write_png
from running import succeed

import contrast_tfdata as ct
from contrast_tfdata.errors import DataError

NAMES = {"CLASS_NAMES", "SPLITS", "__version__"} | {
    *("load_records", "ContrastNet", "load_model", "evaluate", "plots", "predict")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("public") / "records"
    words = ["--phantom_patients=10", "--phantom_slices=2", "--image_size=190", "--phantom_kind=easy"]
    succeed("make_records", *words, f"--output_dir={folder}")
    return folder


@pytest.fixture(scope="module")
def records(folder):
    return ct.load_records(folder)


@pytest.fixture(scope="module")
def trained(records):
    tf.keras.utils.set_random_seed(1)
    model = ct.ContrastNet(records.image_size)
    history = model.fit(records.train(8, epochs=2), validation_data=records.validation(), verbose=0)
    return model, history


def test_importing_it_imports_nothing_of_it():
    code = (
        "import json, sys, contrast_tfdata as ct; names = dir(ct);"
        "print(json.dumps([names, [each for each in ('tensorflow', 'numpy', 'matplotlib') if each in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, imported = json.loads(done.stdout)
    assert set(names) == NAMES
    assert imported == []


def test_commands_do_not_hide_functions_of_their_names():
    import contrast_tfdata.evaluate
    import contrast_tfdata.predict

    assert ct.evaluate is contrast_tfdata.evaluate
    assert callable(ct.evaluate)
    assert callable(ct.predict)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ct.nothing


WITHOUT_TENSORFLOW = """
import importlib.util, sys
sys.modules["tensorflow"] = None  # As where it is not installed.
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "tensorflow" else found(name, *more)
from importlib import metadata
version = metadata.version
def without(name):
    if name.startswith("tensorflow"):
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = without
del sys.modules["tensorflow"]
import contrast_tfdata as ct, pydoc
assert not hasattr(ct, "load_records") and "load_records" not in dir(ct)
assert "predict" in dir(ct) and callable(ct.predict)
pydoc.render_doc(ct)
from contrast_tfdata import *
try:
    ct.load_records
except AttributeError as error:
    assert "contrast_tfdata.load_records: it needs TensorFlow, which is not installed" in str(error), error
"""


def test_without_tensorflow_it_is_an_ordinary_module():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("paths", [(), (["a", "b"],), (None,)])
def test_prediction_of_no_path(paths):
    with pytest.raises(TypeError, match="one after the other"):
        ct.predict(*paths)


def test_prediction_imports_no_tensorflow():
    code = "import sys, contrast_tfdata as ct; ct.predict; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_data_sets_are_not_padded(records):
    for split, batches in (
        ("train", records.train(7)),
        ("validation", records.validation(7)),
        ("test", records.test(7)),
    ):
        number = sum(records.counts[split].values())
        sizes = [len(images) for images, labels in batches]
        assert sum(sizes) == number
        assert sizes == [7] * (number // 7) + [number % 7] * (number % 7 > 0)
        assert batches.element_spec[0].dtype == tf.uint8
        assert len(batches) == len(sizes)


def test_padding_has_no_weight(records):
    for split, batches in (("train", records.train(7, pad=True)), ("test", records.test(7, pad=True))):
        weights = np.concatenate([weight.numpy() for _, _, weight in batches])
        assert len(weights) % 7 == 0
        assert weights.sum() == sum(records.counts[split].values())


def order(batches):
    return [int(tf.reduce_sum(tf.cast(image, tf.int64))) for images, *_ in batches for image in images]


def test_each_epoch_has_an_order_of_its_own(records):
    batches = records.train(8)
    first, second = order(batches), order(batches)
    assert first != second
    assert sorted(first) == sorted(second)
    assert order(records.train(8)) == first  # The seed decides.
    several = order(records.train(8, epochs=3))
    assert sorted(several) == sorted(first * 3)


def test_a_data_set_of_several_epochs_is_trained_on_for_as_many(records, trained):
    model, history = trained
    assert list(history.epoch) == [0, 1]
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    steps = -(-sum(records.counts["train"].values()) // 8)
    assert int(model.optimizer.iterations) == 2 * steps
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-4)


@pytest.mark.parametrize("metric", ["accuracy", tf.keras.metrics.BinaryAccuracy(threshold=0.0)])
def test_padding_never_counts_in_a_metric(records, metric):
    model = ct.ContrastNet(records.image_size)
    model.compile(metrics=[metric])
    plain = model.evaluate(records.test(7), verbose=0)
    padded = model.evaluate(records.test(64, pad=True), verbose=0)
    assert padded == pytest.approx(plain, abs=1e-5)


def test_metrics_by_name_take_logits(records):
    model = ct.ContrastNet(records.image_size)
    model.compile(loss="binary_crossentropy", metrics=["accuracy", "auc"])
    loss, accuracy, auc = model.evaluate(records.test(), verbose=0)
    images, labels = (np.concatenate(each) for each in zip(*records.test().as_numpy_iterator(), strict=True))
    probability = model.probabilities(images).numpy()
    assert accuracy == pytest.approx(np.mean((probability > 0.5) == labels[:, 0]))
    right = np.where(labels[:, 0] == 1, probability, 1 - probability)
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert 0 <= auc <= 1


def test_evaluation_knows_patients_and_files(records, trained):
    model, _ = trained
    result = ct.evaluate(model, records.test(), validation=records.validation())
    examples = records.examples("test")
    assert result.predictions.group == tuple(each.group for each in examples)
    np.testing.assert_array_equal(result.pictures, np.stack([each.pixels for each in examples]))
    assert result.choices.operating_point.chosen_on == "validation"
    assert result.metrics["auc_ci95_by_group"] is not None
    assert "patients left out in turn" in repr(result)
    right = np.mean(result.predictions.prediction(result.threshold) == result.predictions.label)
    assert result.accuracy == right
    padded = ct.evaluate(model, records.test(64, pad=True), threshold=result.threshold)
    np.testing.assert_allclose(padded.predictions.logit, result.predictions.logit, atol=1e-5)


def test_evaluation_takes_any_data_set(records, trained):
    model, _ = trained
    plain = records.test().map(lambda images, labels: (images, labels))
    result = ct.evaluate(model, plain)
    assert result.threshold == 0.5
    assert result.metrics["auc_ci95_by_group"] is None
    assert result.auc == ct.evaluate(model, records.test()).auc
    with pytest.raises(ValueError, match="not both"):
        ct.evaluate(model, plain, validation=plain, threshold=0.5)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        ct.evaluate(model, plain, threshold=float("nan"))
    with pytest.raises(ValueError, match="no slice"):
        ct.evaluate(model, plain.take(0))


def test_every_plot_shows_itself(records, trained, tmp_path):
    model, history = trained
    result = ct.evaluate(model, records.test(), validation=records.validation())
    rows = [{"loss": 0.7, "accuracy": 0.5}, {"loss": 0.6, "accuracy": 0.6}]
    plots = [
        *(ct.plots.learning_curves(history), ct.plots.learning_curves(rows), ct.plots.slices(records.train(), 2)),
        *(result.roc(), result.confusion(), result.confusion(0.5), result.threshold_sweep()),
        *(result.histogram(), result.errors(), result.roc(ct.evaluate(model, records.validation()))),
    ]
    assert {plot._repr_png_()[:8] for plot in plots} == {b"\x89PNG\r\n\x1a\n"}
    plots[0].save(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_the_table_of_layers_is_that_of_the_network():
    table = ct.plots.layers(ct.ContrastNet())
    assert table.num_parameters == 109_073
    assert [row.shape for row in table if row.kind == "Conv2D"][0] == (329, 329, 16)
    assert "109,073" in str(table)
    assert table._repr_html_().count("<tr>") == len(table) + 2


def test_shipped_weights_are_a_keras_model(records):
    model = ct.load_model()
    assert model.image_size == 331
    assert model.count_params() == 109_073


def test_records_that_are_none(tmp_path):
    with pytest.raises(DataError, match="no manifest"):
        ct.load_records(tmp_path)


def test_verdicts_on_files(tmp_path):
    for number in range(3):
        place = {
            "ImagePositionPatient": [number, 0, 0],
            "SeriesInstanceUID": "1.2.31",
            "SOPInstanceUID": f"1.2.{number}",
        }
        (tmp_path / f"{number}.dcm").write_bytes(dicom_bytes(**place))
    write_png(tmp_path / "a.png", 1, size=60)
    (tmp_path / "list.csv").write_text("a,b\n")
    (tmp_path / "cut.dcm").write_bytes(dicom_bytes()[:-100])
    answers = ct.predict(tmp_path)
    assert sorted(each.files for each in answers) == [1, 3]
    assert {each.verdict for each in answers} <= {"no_gad", "with_gad", "indeterminate", "not_t1"}
    assert [reason for _, reason in answers.skipped] == ["unsupported_format"]
    assert len(answers.damaged) == 1
    assert answers._repr_html_().count("<tr>") == 3
