"""`export` as a user runs it, and the lines of docs/export.md by which its files are used elsewhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from png_files import write_png
from running import read_rows, run, succeed

from contrast_tfdata.model import pretrained

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "export.md").read_text()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The package's weights as ONNX, in a folder of its own, and what the command said."""
    folder = tmp_path_factory.mktemp("exported")
    said = succeed("export", "--workdir=shipped", "--format=onnx", f"--output={folder}/contrast.onnx")
    return folder, said


def snippet(word):
    """Returns the block of Python in docs/export.md that holds a word."""
    (found,) = [each for each in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if word in each]
    return found


@pytest.mark.slow
def test_the_command_says_what_it_compared(exported):
    folder, said = exported
    assert sorted(path.name for path in folder.glob("contrast*")) == ["contrast.onnx", "contrast.onnx.json"]
    assert "weights: " in said
    assert "compared in a process of its own, onnxruntime" in said
    assert "32 synthetic slices of 4 patients" in said
    assert re.search(r"largest difference: \S+ in a logit, \S+ in a probability", said)
    assert "same prediction: 100.00%; same decision: 100.00%" in said
    assert said.splitlines()[-1] == f"onnx: {folder}/contrast.onnx"


@pytest.mark.slow
def test_the_lines_for_onnxruntime_in_the_guide_say_what_predict_says(exported, tmp_path):
    folder, _ = exported
    write_png(folder / "slice.png", 3, size=120)
    succeed("predict", folder / "slice.png", f"--output={tmp_path}/p.csv")
    (row,) = read_rows(tmp_path / "p.csv")
    code = snippet("onnxruntime") + "\nimport sys; assert 'tensorflow' not in sys.modules"
    command, environ = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    probability, decision = result.stdout.split()
    assert float(probability) == pytest.approx(float(row["probability"]), abs=1e-6)
    assert decision == row["prediction"]  # The package's weights have no band.


@pytest.mark.slow
def test_slices_of_records_are_compared_and_records_made_otherwise_are_refused(png_tree, tmp_path):
    make = [f"--train_dir={png_tree((8, 8))}", "--test_fraction=0.5"]
    succeed("make_records", *make, f"--output_dir={tmp_path}/other", "--image_size=200")
    command = ["export", "--workdir=shipped", "--format=tflite", f"--output={tmp_path}/m.tflite"]
    result = run(*command, f"--records_dir={tmp_path}/other")
    assert result.returncode == 65
    assert "image_size: records 200, network 331" in result.stderr
    assert not list(tmp_path.glob("*m.tflite*"))
    succeed("make_records", *make, f"--output_dir={tmp_path}/records")
    assert "on 8 of 8 test slices" in succeed(*command, f"--records_dir={tmp_path}/records")
    facts = json.loads((tmp_path / "m.tflite.json").read_text())
    assert facts["weights_sha256"] == json.loads((pretrained.directory() / "model.json").read_text())["weights_sha256"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--workdir is needed"),
        (["--workdir=shipped"], "--output is needed"),
        (["--workdir=shipped", "--output=m"], "--format is needed, one of savedmodel, onnx, tflite"),
        (["--workdir=shipped", "--output=m", "--format=onnx"], "--output must end in .onnx"),
        (["--workdir=shipped", "--output=m", "--format=savedmodel", "word"], "arguments without a flag: word"),
    ],
)
def test_incomplete_commands_are_usage_errors(flags, message):
    result = run("export", *flags)
    assert result.returncode == 1
    assert message in result.stderr


@pytest.fixture(scope="module")
def real_records(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "records"
    source = [f"--train_dir={real_data}/jpeg", "--group_regex=/([^_/]+)_[^/]*$", "--validation_fraction=0.01"]
    succeed("make_records", *source, "--test_fraction=0.75", f"--output_dir={folder}")
    return folder


@pytest.mark.real
@pytest.mark.slow
def test_real_slices_get_the_networks_logits(real_records, tmp_path):
    """The other formats have the same weights and arithmetic; tests/exporting compares them on noise."""
    found = parity_of(real_records, tmp_path, "onnx", "none")
    assert found["logit_relative"] < 1e-5
    assert found["agreement"] == found["decision_agreement"] == 1


@pytest.mark.real
@pytest.mark.slow
def test_8_bits_keep_the_order_of_real_slices(real_records, tmp_path):
    found = parity_of(real_records, tmp_path, "tflite", "int8")
    assert found["auc_network"] - found["auc"] <= 0.01  # seen 0.0054
    assert found["probability_mean"] < 0.01
    assert found["agreement"] > 0.95


def parity_of(records, folder, name, quantize):
    """Exports the package's weights and returns what was found on the records' test slices."""
    output = folder / f"m.{name}"
    form = [f"--format={name}", f"--quantize={quantize}", f"--output={output}"]
    succeed("export", "--workdir=shipped", f"--records_dir={records}", *form)
    return json.loads(Path(f"{output}.json").read_text())["parity"]
