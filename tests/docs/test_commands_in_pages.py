"""Every command in the pages is run, or is listed here with the reason why not; so is every block of Python."""

import fnmatch
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from pages import PAGES, ROOT, blocks, commands, name_of
from running import run, run_program

pytestmark = pytest.mark.slow

NOT_RUN = {
    "git clone REPOSITORY_URL *": "there is no public address",
    "cd contrast_tfdata": "goes with it",
    "git tag *": "releases",
    "git push *": "releases",
    "python3 -m venv clinic": "tests/test_wheel.py and .ci/run install the package",
    ". clinic/bin/activate": "goes with it",
    ". .venv/bin/activate": "the tests run in an environment already",
    "python -m pip install *": "needs a package index; tests/test_wheel.py and .ci/run install the package",
    "apt-get install *": "changes the system",
    "uv venv *": "downloads a Python",
    "jupyter lab *": "waits for a person",
    "tensorboard *": "waits for a person",
    ".venv/bin/python -m benchmarks.*": "hours; `make smoke` runs the benchmarks",
    ".venv/bin/python -m pytest benchmarks *": "an hour; `make smoke` runs it at its smallest size",
}
"""Commands that no test runs, as patterns, each with the reason."""
PLANNED = ("make",)
"""Programs that are asked what they would do."""
CHECKED = {
    "contrast_tfdata.train": "tests/training trains; one training, shared by all pages, stands for these here",
    "--runner=beam": "a cluster",
    "flags/pretrain.flags": "half an hour",
}
"""Commands with these words only check their flags, each with the reason."""


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of it for each page, which may change it."""
    return shutil.copytree(trained, tmp_path / "here", symlinks=True)


def made_by(page):
    """Returns the names of the folders of records that a page makes itself: they are not there before."""
    makes = [shlex.split(each) for each in commands(page) if "make_records" in each and "--verify_only" not in each]
    return {word.partition("=")[2] for words in makes for word in words if word.startswith("--output_dir=")}


def reason_not_to_run(command):
    return next((reason for pattern, reason in NOT_RUN.items() if fnmatch.fnmatchcase(command, pattern)), None)


def planned(words):
    """Asks make what it would do, as in the root of a clone."""
    assert shutil.which("make"), "make is not installed"
    return subprocess.run([*words, "-n"], cwd=ROOT, capture_output=True, text=True, check=False)


def follow(command, folder):
    """Runs a command of a page, or as much of it as a test can; returns what came of it."""
    words = shlex.split(command)
    while "=" in words[0] and not words[0].startswith("-"):
        words.pop(0)  # Variables of the environment.
    if words[0] in PLANNED:
        return planned(words)
    if words[:2] == ["python", "-m"]:
        name, arguments = words[2].removeprefix("contrast_tfdata."), words[3:]
        assert words[2] != name, "no command of this package"
    else:
        assert words[0].startswith("contrast-"), "neither run nor listed in NOT_RUN"
        name, arguments = words[0].removeprefix("contrast-").replace("-", "_"), words[1:]
    checked = any(word in command for word in CHECKED)
    return run(name, *arguments, *["--only_check_args"] * checked, cwd=folder)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_commands_do_what_the_page_says(page, folder):
    for name in made_by(page):
        shutil.rmtree(folder / name, ignore_errors=True)
    for command in commands(page):
        if reason_not_to_run(command) is None:
            result = follow(command, folder)
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


def test_nothing_is_excused_that_no_page_says():
    everything = [command for page in PAGES for command in commands(page)]
    assert not [pattern for pattern in NOT_RUN if not fnmatch.filter(everything, pattern)]
    assert not [words for words in CHECKED if not any(words in command for command in everything)]


@pytest.mark.parametrize("name", ["README.md", "docs/python.md", "docs/make_records.md"])
def test_python_runs_as_it_stands(name, folder):
    code = python_of(name)
    if "tensorflow_datasets" in code and not importlib.util.find_spec("tensorflow_datasets"):
        pytest.skip("TensorFlow Datasets is not there for this Python")
    result = run_program(code, cwd=folder, drawn=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_lines_that_change_a_model_leave_its_weights(tmp_path):
    """In a copy of the package, whose weights they write."""
    package = tmp_path / "contrast_tfdata"
    shutil.copytree(ROOT / "contrast_tfdata", package, ignore=shutil.ignore_patterns("__pycache__"))
    code, environment = python_of("BUILD.md"), {**os.environ, "PYTHONPATH": str(tmp_path)}
    band = '{"indeterminate_band": {"low": 0.2, "high": 0.7, "max_error": 0.07, "chosen_on": "x"}}'
    code = re.sub(r"^changes = .*$", f"changes = {band}", code, flags=re.MULTILINE)
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)
    files = {path.name: path.read_bytes() for path in (ROOT / "contrast_tfdata" / "pretrained").glob("weights-*")}
    assert {path.name: path.read_bytes() for path in (package / "pretrained").glob("weights-*")} == files
    assert '"low": 0.2' in (package / "pretrained" / "model.json").read_text()


def test_python_of_every_page_is_run():
    """That of docs/export.md by tests/test_export.py, that of the others here."""
    with_python = {name_of(page) for page in PAGES if python_of(name_of(page))}
    assert with_python == {"README.md", "BUILD.md", "docs/python.md", "docs/make_records.md", "docs/export.md"}


def python_of(name):
    return "\n".join(block.text for block in blocks(ROOT / name) if block.language == "python")
