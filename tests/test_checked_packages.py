"""A wrong set of packages is one line, at the start of every command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import contrast_tfdata
from contrast_tfdata.console import checked_packages
from contrast_tfdata.console.checked_packages import NEEDED, problems
from contrast_tfdata.errors import UsageError

RIGHT = {"tensorflow": "2.15.1", "tensorflow-addons": "0.23.0", "keras": "2.15.0", "numpy": "1.26.4"}
PROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text()


WORDS = {
    "make_records": ["--phantom_patients=1", "--output_dir=R"],
    "train": ["--records_dir=R", "--workdir=W"],
    "evaluate": ["--records_dir=R", "--workdir=W"],
    "export": ["--workdir=shipped", "--format=onnx", "--output=m.onnx"],
}
PACKAGE = Path(contrast_tfdata.__file__).parent.parent


def started(command, words, folder, before):
    """Starts a command in a folder, after some lines that make its process another one."""
    code = f"{before}\nimport runpy, sys\nsys.argv = ['{command}', *{words}]\n"
    code += f"runpy.run_module('contrast_tfdata.{command}', run_name='__main__', alter_sys=True)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(PACKAGE)])}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


@pytest.mark.parametrize("command", WORDS)
def test_wrong_packages_are_one_line_at_the_start(command, tmp_path):
    """Installed for this process alone: what comes first in the path counts."""
    folder = tmp_path / "numpy-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1.0\n")
    result = started(command, WORDS[command], tmp_path, "")
    assert result.returncode == 70
    (line,) = result.stderr.splitlines()
    assert f"numpy 0.1.0 (needed: {NEEDED[sys.version_info[:2]]['numpy']}*)" in line
    assert line.endswith("python -m pip install -r requirements.lock")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


NO_TENSORFLOW = """
import sys
from importlib import metadata
found = metadata.version
def version(name):
    if name.startswith("tensorflow"):
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
sys.modules.update(dict.fromkeys(["tensorflow", "tensorflow_addons", "keras", "tf_keras", "scipy", "sklearn",
                                  "matplotlib", "nilearn", "apache_beam", "tensorboard"]))
"""
"""As in an environment into which only the package itself was installed."""


@pytest.mark.parametrize("command", WORDS)
def test_without_the_extra_its_name_is_one_line(command, tmp_path):
    result = started(command, WORDS[command], tmp_path, NO_TENSORFLOW)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.endswith('which is not installed: in the folder of the source code: python -m pip install ".[train]"')
    assert not list(tmp_path.iterdir())


def test_predict_needs_nothing_of_the_extra(tmp_path):
    """Folders with names of classes, so that an AUC is shown too."""
    rng = np.random.default_rng(0)
    for name in ("no_gad", "with_gad"):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = rng.integers(0, 256, (64, 64), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    result = started("predict", [str(tmp_path), "--output=p.csv"], tmp_path, NO_TENSORFLOW)
    assert (result.returncode, result.stderr) == (0, "")
    assert "4 series (4 slices)" in result.stdout
    assert "labels from folders named no_gad and with_gad: AUC" in result.stdout


def test_where_there_is_no_tensorflow_for_this_python_that_is_said(monkeypatch):
    monkeypatch.setattr(checked_packages, "installed_version", lambda name: None)
    monkeypatch.setattr(checked_packages.sys, "version_info", (3, 14, 0))
    with pytest.raises(UsageError, match="there is none for this Python; use 3.10 to 3.13"):
        checked_packages.require_tensorflow()


def test_the_right_ones_pass():
    assert problems(RIGHT.get, (3, 11)) == []
    assert problems({**RIGHT, "tensorflow": None, "tensorflow-cpu": "2.15.1"}.get, (3, 10)) == []


@pytest.mark.parametrize(
    ("change", "python", "said"),
    [
        ({"tensorflow": "2.16.1"}, (3, 11), "tensorflow 2.16.1 (needed: 2.15.*)"),
        ({"tensorflow-addons": None}, (3, 11), "no tensorflow-addons (needed: 0.23.*)"),
        ({"numpy": "2.0.0"}, (3, 11), "numpy 2.0.0 (needed: 1.*)"),
        ({}, (3, 14), "Python 3.14 (needed: 3.10 to 3.13)"),
    ],
)
def test_what_does_not_fit_is_named(change, python, said):
    assert problems({**RIGHT, **change}.get, python) == [said]


@pytest.mark.parametrize(
    ("python", "names", "mark"),
    [((3, 11), ("tensorflow", "tensorflow-addons"), "<"), ((3, 13), ("tensorflow", "tf_keras"), ">=")],
)
def test_the_sets_are_those_of_the_project(python, names, mark):
    """pyproject.toml asks for these versions; Keras 2.15 comes with TensorFlow."""
    for name in names:
        (version,) = re.findall(rf'^  "{name}==(.*); python_version {mark} \'3.12\'.*",$', PROJECT, re.MULTILINE)
        assert version.startswith(NEEDED[python][name])


def test_newer_pythons_have_the_other_set():
    newer = {"tensorflow": "2.21.0", "tf_keras": "2.21.0", "numpy": "2.4.6"}
    assert problems(newer.get, (3, 12)) == problems(newer.get, (3, 13)) == []
    assert problems(RIGHT.get, (3, 13)) == [
        "tensorflow 2.15.1 (needed: 2.21.*)", "no tf_keras (needed: 2.21.*)", "numpy 1.26.4 (needed: 2.*)",
    ]  # fmt: skip
