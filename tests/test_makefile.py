"""What `make` says before it makes anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def setup(folder, python):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    words = ["make", "setup", f"PYTHON={python}"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["2.7", "3.9", "3.14"])
def test_a_python_that_does_not_fit_is_named_before_anything_is_made(tmp_path, version):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    before = {path.name for path in tmp_path.iterdir()}
    result = setup(tmp_path, python)
    assert result.returncode == 2
    first, *_ = result.stderr.splitlines()
    assert first == f"make: {python} is Python {version}; training runs on 3.10 to 3.13."
    assert "PYTHON=/path/to/python3.13" in result.stderr
    assert ("contrast-predict SCANS" in result.stderr) == (version == "3.14")
    assert {path.name for path in tmp_path.iterdir()} - before == {"Makefile", "pyproject.toml", "requirements.lock"}


def test_a_python_that_is_none_is_said_to_be_none(tmp_path):
    result = setup(tmp_path, tmp_path / "nowhere")
    assert result.returncode == 2
    assert f"make: {tmp_path}/nowhere is no Python that runs." in result.stderr
