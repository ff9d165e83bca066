"""The wheel holds what the package needs beside its modules."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BESIDE_MODULES = {path for path in (ROOT / "contrast_tfdata").rglob("*") if path.is_file() and path.suffix != ".py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools leaves a build folder in the sources, and takes up what stands in an older one."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "contrast_tfdata", folder / "contrast_tfdata", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    built = subprocess.run([*command, "-w", folder / "out", folder], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = (folder / "out").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_every_file_beside_the_modules_is_in_the_wheel(wheel):
    wanted = {path for path in BESIDE_MODULES if "__pycache__" not in path.parts}
    names = {str(path.relative_to(ROOT)) for path in wanted}
    assert {"contrast_tfdata/pretrained/model.json", "contrast_tfdata/pretrained/MODEL_CARD.md"} <= names
    assert names <= set(wheel.namelist())


def test_shipped_weights_are_in_the_wheel_unchanged(wheel):
    (weights,) = (ROOT / "contrast_tfdata" / "pretrained").glob("weights-*.npz")
    assert wheel.read(f"contrast_tfdata/pretrained/{weights.name}") == weights.read_bytes()
