"""The package from Python, as a notebook uses it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from image_files import dicom_bytes
from png_files import write_png
from running import succeed

import contrast_tfdata as ct
from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.model.weights import load_description

NAMES = {"CLASS_NAMES", "SPLITS", "__version__"} | {
    *("load_records", "ContrastNet", "load_model", "save_model", "evaluate", "plots", "predict")
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
    history = model.fit(records.train(8), epochs=2, validation_data=records.validation(), verbose=0)
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


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there Keras is Keras 2")
@pytest.mark.parametrize("use", ["ct.ContrastNet(331)", "from contrast_tfdata import load_records"])
def test_keras_3_that_was_taken_before_is_told(use):
    code = f"from tensorflow.keras.models import Model\nimport contrast_tfdata as ct\n{use}"
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert "ImportError: tf.keras is Keras 3 here" in done.stderr.splitlines()[-1]
    assert "write `import contrast_tfdata as ct` before" in done.stderr.splitlines()[-1]


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


def test_epochs_are_said_to_the_data_set_or_to_fit(records, trained):
    model = ct.ContrastNet(records.image_size)
    history = model.fit(records.train(8, epochs=2), verbose=0)
    assert history.epoch == [0, 1]
    assert int(model.optimizer.iterations) == int(trained[0].optimizer.iterations)
    with pytest.raises(ValueError, match=r"made for 2 epochs.*Received: epochs=3"):
        model.fit(records.train(8, epochs=2), epochs=3, verbose=0)


def test_fit_trains_for_as_many_epochs_as_it_is_told(records, trained):
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
    assert [row.kind for row in table][-2:] == ["Dense", "Activation"]  # The sigmoid, as the SIIM notebook has it.
    assert str(table).endswith("parameters: 109,073\ntrainable: 109,073\nnot trainable: 0")
    assert table._repr_html_().count("<tr>") == len(table) + 4


def test_the_table_of_layers_knows_what_is_frozen():
    model = ct.ContrastNet(190)
    model.layers[0].trainable = False
    assert ct.plots.layers(model).num_trainable == model.count_params() - 448


def test_plots_offers_what_is_public():
    assert set(dir(ct.plots)) == {"LayerTable", "Plot", "layers", "learning_curves", "slices"}


def test_shipped_weights_are_a_keras_model(records):
    model = ct.load_model()
    assert model.image_size == 331
    assert model.count_params() == 109_073


def batches_in_every_form(records):
    """Yields the test split in every form in which labelled slices may be given."""
    images, labels = next(iter(records.test(64)))
    floats = images.numpy()[..., np.newaxis] / np.float32(255)
    yield from ((images, labels), [images, labels], (images.numpy(), labels.numpy()), (floats, labels.numpy()[:, 0]))
    yield from ((images, labels, np.ones(len(labels))), [(images, labels)], records.test(3), records.test(5, pad=True))
    yield tf.data.Dataset.from_tensors((np.repeat(floats, 3, axis=3), labels))


def test_labelled_slices_in_every_form(records, trained):
    model, _ = trained
    known = ct.evaluate(model, records.test())
    picture = ct.plots.slices(records.test())._repr_png_()
    for batches in batches_in_every_form(records):
        assert ct.plots.slices(batches)._repr_png_() == picture
        found = ct.evaluate(model, batches)
        np.testing.assert_allclose(found.predictions.logit, known.predictions.logit, atol=1e-4)
        np.testing.assert_array_equal(found.pictures, known.pictures)


@pytest.mark.parametrize("use", [ct.plots.slices, lambda given: ct.evaluate(ct.load_model(), given)])
def test_what_is_no_labelled_slices(records, use):
    with pytest.raises(TypeError, match=r"Name the split, as in records\.test\(\)"):
        use(records)
    images = np.zeros((2, 331, 331), np.uint8)
    for given in (images, None, "records", 3, ct.load_model(), {"images": images}):
        with pytest.raises(TypeError, match=r"Give a data set of \(images, labels\)"):
            use(given)
    with pytest.raises(TypeError, match="Batches must be"):
        use(records.test().map(lambda images, labels: images))


def test_outputs_of_another_model_are_probabilities_where_it_is_said(records, trained):
    model, _ = trained
    known = ct.evaluate(model, records.test())
    ends_in_sigmoid = tf.keras.Sequential([tf.keras.layers.Lambda(model), tf.keras.layers.Activation("sigmoid")])
    with pytest.raises(ValueError, match="Give from_logits=False"):
        ct.evaluate(ends_in_sigmoid, records.test())
    found = ct.evaluate(ends_in_sigmoid, records.test(), from_logits=False)
    np.testing.assert_allclose(found.predictions.probability, known.predictions.probability, atol=1e-6)
    assert found.auc == known.auc
    far = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: model(x) * 100 - 50)])
    assert ct.evaluate(far, records.test()).predictions.logit.min() < 0
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]. Received: from_logits=False"):
        ct.evaluate(far, records.test(), from_logits=False)
    sure = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: tf.round(tf.sigmoid(model(x))))])
    assert np.isfinite(ct.evaluate(sure, records.test(), from_logits=False).predictions.logit).all()
    two = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: tf.repeat(model(x), 2, axis=1))])
    with pytest.raises(ValueError, match="one number a slice"):
        ct.evaluate(two, records.test())


def test_grey_levels_that_are_no_shares_are_refused(records, trained):
    model, _ = trained
    images, labels = next(iter(records.test()))
    greys = tf.cast(images, tf.float32)
    for use in (model, model.probabilities, lambda images: ct.evaluate(model, (images, labels))):
        use(greys / 255)
        with pytest.raises(ValueError, match="divide them by 255"):
            use(greys)


def test_probabilities_of_a_data_set(records, trained):
    model, _ = trained
    images, _ = next(iter(records.test()))
    for batches in (records.test(3), records.test(3).map(lambda images, labels: images)):
        np.testing.assert_allclose(model.probabilities(batches), model.probabilities(images), atol=1e-6)


def test_words_for_numbers_and_names_for_results_are_refused(records, trained):
    model, _ = trained
    for wrong in ("331", 190.5, None):
        with pytest.raises(TypeError, match="Received: image_size="):
            ct.ContrastNet(wrong)
    for make in (records.train, records.validation, records.test):
        with pytest.raises(UsageError, match="Received: batch_size='64'"):
            make("64")
    with pytest.raises(TypeError, match="Give evaluations"):
        ct.evaluate(model, records.test()).roc("validation")
    with pytest.raises(TypeError, match=r"model\.summary\(\)"):
        ct.plots.layers(tf.keras.Sequential())


def test_as_many_errors_as_asked_for(records):
    result = ct.evaluate(ct.ContrastNet(records.image_size), records.train(64))
    shown = [len(result.errors(number).figure.axes) for number in (1, 3)]
    assert shown == [1, 3] or result.accuracy > 0.8


def test_from_fit_to_files(records, trained, dicom_folder, tmp_path):
    model, _ = trained
    folder = tmp_path / "my-run"
    ct.save_model(model, folder, records)
    images, _ = next(iter(records.test()))
    np.testing.assert_array_equal(ct.load_model(folder)(images), model(images))
    description = load_description(folder / "model")
    assert description["preprocessing"] == records.manifest.preprocessing
    chosen = ct.evaluate(model, records.test(), validation=records.validation()).threshold
    assert description["operating_point"]["threshold"] == pytest.approx(chosen, abs=1e-5)
    assert description["operating_point"]["chosen_on"] == "validation"
    (answer,) = ct.predict(dicom_folder, workdir=folder)
    assert answer.files == 3
    succeed("predict", str(dicom_folder), f"--workdir={folder}")
    with pytest.raises(UsageError, match="overwrite=True replaces it"):
        ct.save_model(model, folder, records)
    ct.save_model(model, folder, records, threshold=0.25, overwrite=True)
    assert load_description(folder / "model")["operating_point"]["threshold"] == 0.25


def test_a_model_is_not_saved_over_something_else(records, trained, tmp_path):
    model, _ = trained
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    (tmp_path / "run" / "report.html").write_text("")
    (tmp_path / "other" / "model").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name in ("run", "other", "file"):
        with pytest.raises(UsageError, match="name a"):
            ct.save_model(model, tmp_path / name, records, overwrite=True)
    with pytest.raises(TypeError, match=r"net\.set_weights"):
        ct.save_model(tf.keras.Sequential(), tmp_path / "new", records)
    with pytest.raises(ValueError, match="slices of 331 pixels"):
        ct.save_model(ct.load_model(), tmp_path / "new", records)
    with pytest.raises(ValueError, match="threshold"):
        ct.save_model(model, tmp_path / "new", records, threshold=1.5)
    assert not (tmp_path / "new").exists()


def test_a_file_of_keras_is_no_folder(trained, dicom_folder, tmp_path):
    model, _ = trained
    model.save(tmp_path / "m.keras")
    with pytest.raises(DataError, match=r"tf\.keras\.models\.load_model.*ct\.save_model"):
        ct.load_model(tmp_path / "m.keras")
    with pytest.raises(TypeError, match=r"ct\.save_model"):
        ct.predict(dicom_folder, workdir=model)
    loaded = tf.keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_records_that_are_none(tmp_path):
    with pytest.raises(DataError, match="no manifest"):
        ct.load_records(tmp_path)


@pytest.fixture
def dicom_folder(tmp_path):
    """A folder with a series of three slices."""
    folder = tmp_path / "SCANS"
    folder.mkdir()
    for number in range(3):
        place = {
            "ImagePositionPatient": [number, 0, 0],
            "SeriesInstanceUID": "1.2.31",
            "SOPInstanceUID": f"1.2.{number}",
        }
        (folder / f"{number}.dcm").write_bytes(dicom_bytes(**place))
    return folder


def test_verdicts_on_files(tmp_path, dicom_folder):
    write_png(tmp_path / "a.png", 1, size=60)
    (tmp_path / "list.csv").write_text("a,b\n")
    (tmp_path / "cut.dcm").write_bytes(dicom_bytes()[:-100])
    answers = ct.predict(tmp_path)
    assert sorted(each.files for each in answers) == [1, 3]
    assert {each.verdict for each in answers} <= {"no_gad", "with_gad", "indeterminate", "not_t1"}
    assert [reason for _, reason in answers.skipped] == ["unsupported_format"]
    assert len(answers.damaged) == 1
    assert answers._repr_html_().count("<tr>") == 3
    lines = repr(answers).splitlines()
    assert lines[0].split() == ["series", "slices", "probability", "verdict", "reason", "header"]
    assert len(lines) == 4
    assert lines[-1] == "2 series; 1 file skipped, 1 damaged"
    many = type(answers)([*answers] * 40)
    assert len(repr(many).splitlines()) < 30
    assert repr(many).endswith("...\n80 series; 0 files skipped, 0 damaged")
