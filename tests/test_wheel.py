"""The wheel holds what the package needs beside its modules, and an editable install finds it from everywhere."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BESIDE_MODULES = {path for path in (ROOT / "contrast_tfdata").rglob("*") if path.is_file() and path.suffix != ".py"}


def copy_of_sources(folder):
    """Setuptools leaves a build folder in the sources, and takes up what stands in an older one."""
    folder.mkdir(exist_ok=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "contrast_tfdata", folder / "contrast_tfdata", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def pip(*words):
    plain = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    done = subprocess.run(
        [sys.executable, "-m", "pip", words[0], *plain, *words[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = copy_of_sources(tmp_path_factory.mktemp("wheel"))
    pip("wheel", "-w", folder / "out", folder)
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


def test_an_editable_install_is_found_from_the_folder_of_the_clone(tmp_path):
    """There the clone's own folder has the name of the package."""
    clone = copy_of_sources(tmp_path / "contrast_tfdata")
    pip("install", "--target", tmp_path / "installed", "--editable", clone)
    code = f"import site; site.addsitedir({str(tmp_path / 'installed')!r}); import contrast_tfdata as ct; ct.predict"
    code += "; import sys; print(ct.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # Without the editable install of the environment, of whichever kind; with its other packages.
    no_finder = "sys.meta_path[:] = [each for each in sys.meta_path if 'editable' not in repr(each)]"
    no_path = "sys.path[:] = [each for each in sys.path if not os.path.isfile(f'{each}/contrast_tfdata/__init__.py')]"
    code = f"import os, sys; {no_finder}; {no_path}; {code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(clone / "contrast_tfdata" / "__init__.py")
