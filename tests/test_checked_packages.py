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
    for name, version in (("numpy", "2.1.0"), ("keras", "3.3.3")):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
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
    assert "keras 3.3.3 (needed: 2.15.*), numpy 2.1.0 (needed: 1.*)" in line
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
        ({}, (3, 12), "Python 3.12 (needed: 3.10 or 3.11)"),
    ],
)
def test_what_does_not_fit_is_named(change, python, said):
    assert problems({**RIGHT, **change}.get, python) == [said]


def test_the_set_is_that_of_the_project():
    """pyproject.toml asks for these versions; Keras comes with TensorFlow."""
    for name in ("tensorflow", "tensorflow-addons"):
        (version,) = re.findall(rf'^  "{name}==(.*)",$', PROJECT, re.MULTILINE)
        assert version.startswith(NEEDED[name])
    assert re.search(r'^  "numpy>=1\.[\d.]+,<2",$', PROJECT, re.MULTILINE)
