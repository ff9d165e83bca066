"""Whole exports of a small network: each file says what the network says, by itself, or is not there."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.errors import ContrastError, UsageError
from contrast_tfdata.exporting import formats, job, parity
from contrast_tfdata.exporting.samples import Sample
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model.architecture import weight_shapes
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.model.weights import load_model, save_model
from contrast_tfdata.storage import staging

SIZE = 190
DESCRIPTION = {
    "preprocessing": Preprocessing(image_size=SIZE).to_json(),
    "operating_point": {"threshold": 0.5, "criterion": "fixed", "chosen_on": "none"},
    "indeterminate_band": {"low": 0.3, "high": 0.6, "max_error": 0.02, "chosen_on": "validation"},
    "class_names": ["no_gad", "with_gad"],
    "views": ["plain", "mirrored"],
}


def random_network(**kwargs):
    rng = np.random.default_rng(9)
    shapes = weight_shapes(SIZE).values()
    network = ContrastNet(SIZE, **kwargs)
    scales = [np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.1 for shape in shapes]
    weights = [rng.normal(0, scale, shape).astype(np.float32) for scale, shape in zip(scales, shapes, strict=True)]
    # So that probabilities spread over both answers and the band.
    network.set_weights([*weights[:-2], 10 * weights[-2], np.array([-1.1], np.float32)])
    return network


def sample(count, seed):
    """Slices of different brightness, so that logits differ; of both classes."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, SIZE, SIZE)) * rng.uniform(0.1, 1, (count, 1, 1))
    return Sample(pixels.astype(np.uint8), np.arange(count) % 2, f"{count} slices of noise")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network as a command loads it, trained in mixed precision: its weights are float32, and so is all from here."""
    folder = tmp_path_factory.mktemp("run") / "model"
    save_model(folder, weights_of(random_network(dtype="mixed_bfloat16")), DESCRIPTION)
    weights, description = load_model(folder)
    return [weights], description


def an_export(network, name="onnx", quantize="none", tolerance=None, count=40):
    form = formats.chosen(name, quantize, _output(name))
    form = dataclasses.replace(form, tolerance=tolerance) if tolerance else form
    return job.Export(*network, form, sample(count, 1), sample(8, 2) if quantize != "none" else None)


def _output(name):
    return Path("m" + formats.FORMATS[name].suffix)


CASES = {"savedmodel": "none", "onnx": "none", "tflite": "none", "tflite int8": "int8"}


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """By case the path of each export, and what was found."""
    root = tmp_path_factory.mktemp("exports")
    # To a random network, slices of noise look much the same: 8 bits cost it more than one that has learned.
    loose = formats.Tolerance(auc_loss=0.5, probability_mean=0.1)
    found = {}
    for case, quantize in CASES.items():
        name = case.split()[0]
        path = root / case / _output(name)
        path.parent.mkdir()
        each = an_export(network, name, quantize, loose if quantize == "int8" else None)
        found[case] = path, each.write(path, overwrite=False)
    return found


@pytest.mark.slow
class TestExports:
    @pytest.mark.parametrize("case", ["savedmodel", "onnx", "tflite"])
    def test_float32_differs_by_rounding(self, exported, case):
        _, found = exported[case]
        assert found.logit_relative < 2e-5
        assert found.agreement == found.decision_agreement == 1
        assert found.auc == found.auc_network

    def test_8_bits_are_near(self, exported):
        path, found = exported["tflite int8"]
        assert 0 < found.probability_mean < 0.1
        assert path.stat().st_size < exported["tflite"][0].stat().st_size / 2

    @pytest.mark.parametrize("case", CASES)
    def test_facts_are_those_of_the_files(self, exported, case):
        path, found = exported[case]
        folder = path if path.is_dir() else path.parent
        written = path / job.FACTS_IN_FOLDER if path.is_dir() else folder / job.facts_name(path)
        facts = json.loads(written.read_text())
        assert facts["parity"] == found.to_dict()
        for name, digest in facts["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        assert facts["quantize"] == CASES[case]
        assert facts["indeterminate_band"] == DESCRIPTION["indeterminate_band"]

    def test_decisions_keep_to_the_band(self, exported, network):
        slices = sample(40, 1)
        answers, _ = parity.run_outside("onnx", exported["onnx"][0], slices.pixels)
        unsure = (answers["probability"] > 0.3) & (answers["probability"] <= 0.6)
        np.testing.assert_array_equal(answers["decision"] == -1, unsure)
        assert set(answers["decision"].tolist()) == {-1, 0, 1}
        np.testing.assert_array_equal(answers["decision"][~unsure], answers["prediction"][~unsure])

    def test_views_are_inside(self, exported):
        pixels = sample(3, 5).pixels
        given, mirrored = (
            parity.run_outside("onnx", exported["onnx"][0], each)[0]["logit"] for each in (pixels, pixels[:, :, ::-1])
        )
        np.testing.assert_allclose(given, mirrored, rtol=1e-5)

    def test_the_onnx_file_tells_its_facts_and_holds_no_fixed_batch(self, exported):
        import onnx

        model = onnx.load(exported["onnx"][0])
        (properties,) = model.metadata_props
        assert properties.key == "contrast_tfdata"
        assert json.loads(properties.value)["preprocessing"] == DESCRIPTION["preprocessing"]
        shapes = [each.type.tensor_type.shape.dim[0].dim_param for each in (*model.graph.input, *model.graph.output)]
        assert shapes == ["N"] * 5

    def test_the_saved_model_has_a_named_signature_and_nothing_of_keras(self, exported):
        path, _ = exported["savedmodel"]
        signature = tf.saved_model.load(str(path)).signatures["serving_default"]
        (given,) = signature.structured_input_signature[1].values()
        assert (given.name, given.dtype, given.shape.as_list()) == ("slices", tf.uint8, [None, SIZE, SIZE])
        assert not list(path.glob("keras*"))
        assert b"_tf_keras" not in (path / "saved_model.pb").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "savedmodel"])
def test_an_ensemble_is_exported_as_one_network(network, tmp_path, name):
    several = [*network[0], weights_of(ContrastNet(SIZE))]
    found = an_export((several, network[1]), name, count=6).write(tmp_path / _output(name), overwrite=False)
    assert found.logit_relative < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["savedmodel", "onnx", "tflite"])
def test_folders_may_have_names_that_are_patterns(network, tmp_path, monkeypatch, name):
    odd = tmp_path / "a [1] *?,=é\\b"
    temporary = odd / "tmp[2]"
    temporary.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    output = odd / "out" / f"-m[3]{_output(name).suffix}"
    found = an_export(network, name, count=3).write(output, overwrite=False)
    assert found.logit_relative < 2e-5
    assert output.exists()


@pytest.mark.slow
def test_over_its_tolerance_nothing_is_left(network, tmp_path):
    refused = an_export(network, tolerance=formats.Tolerance(logit=-1.0), count=3)
    with pytest.raises(ContrastError, match="refused, nothing is written: .*logit difference, relative") as error:
        refused.write(tmp_path / "m.onnx", overwrite=False)
    assert error.value.exit_code == 70
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "savedmodel"])
def test_what_stands_there_stays_until_the_new_one_is_verified(network, tmp_path, name):
    output = tmp_path / _output(name)
    if name == "savedmodel":
        output.mkdir()
        (output / "saved_model.pb").write_bytes(b"old")
    else:
        output.write_bytes(b"old")
    each = an_export(network, name, tolerance=formats.Tolerance(logit=-1.0), count=3)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="exists; --overwrite replaces it"):
        job.refuse_existing(output, each.form, overwrite=False)
    with pytest.raises(UsageError, match="exists; --overwrite replaces it"):
        each.write(output, overwrite=False)
    with pytest.raises(ContrastError, match="refused"):
        each.write(output, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before
    an_export(network, name, count=3).write(output, overwrite=True)
    assert (output / "saved_model.pb" if output.is_dir() else output).stat().st_size > 3


def test_folders_and_files_of_other_kinds_are_never_overwritten(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(UsageError, match="no SavedModel, so --overwrite does not touch it"):
        job.refuse_existing(tmp_path / "thesis", formats.FORMATS["savedmodel"], overwrite=True)
    (tmp_path / "m.onnx").mkdir()
    with pytest.raises(UsageError, match="is no file"):
        job.refuse_existing(tmp_path / "m.onnx", formats.FORMATS["onnx"], overwrite=True)
    (tmp_path / "n.onnx.json").write_text("somebody's")
    with pytest.raises(UsageError, match=r"n\.onnx\.json exists"):
        job.refuse_existing(tmp_path / "n.onnx", formats.FORMATS["onnx"], overwrite=False)


KILLED = """
import os, pathlib, signal, sys
from contrast_tfdata.storage import staging
with staging.staged_file(pathlib.Path(sys.argv[1]), overwrite=True, companion="m.onnx.json") as folder:
    (folder / "m.onnx").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_export_leaves_the_old_file_and_is_cleaned_up(tmp_path):
    target = tmp_path / "m.onnx"
    target.write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, target], check=False).returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    with staging.staged_file(target, overwrite=True, companion="m.onnx.json") as folder:
        (folder / "m.onnx").write_text("new")
        (folder / "m.onnx.json").write_text("facts")
    assert target.read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.json"]
