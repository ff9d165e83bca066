"""A wrong set of packages is one line, at the start of every command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contrast_tfdata.console.checked_packages import NEEDED, problems

RIGHT = {"tensorflow": "2.15.1", "tensorflow-addons": "0.23.0", "keras": "2.15.0", "numpy": "1.26.4"}
PROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text()


@pytest.mark.parametrize("command", ["make_records", "train", "evaluate", "predict"])
def test_wrong_packages_are_one_line_at_the_start(command, tmp_path):
    """Installed for this process alone: what comes first in the path counts."""
    folder = tmp_path / "numpy-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1.0\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = f"import sys\ntry:\n    import contrast_tfdata.{command}\nfinally:\n    assert 'numpy' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        cwd=Path(__file__).parent.parent,
    )
    assert result.returncode == 70
    (line,) = result.stderr.splitlines()
    assert f"numpy 0.1.0 (needed: {NEEDED[sys.version_info[:2]]['numpy']}*)" in line
    assert line.endswith("python -m pip install -r requirements.lock")


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
        (version,) = re.findall(rf'^  "{name}==(.*); python_version {mark} \'3.12\'",$', PROJECT, re.MULTILINE)
        assert version.startswith(NEEDED[python][name])


def test_newer_pythons_have_the_other_set():
    newer = {"tensorflow": "2.21.0", "tf_keras": "2.21.0", "numpy": "2.4.6"}
    assert problems(newer.get, (3, 12)) == problems(newer.get, (3, 13)) == []
    assert problems(RIGHT.get, (3, 13)) == [
        "tensorflow 2.15.1 (needed: 2.21.*)", "no tf_keras (needed: 2.21.*)", "numpy 1.26.4 (needed: 2.*)",
    ]  # fmt: skip
