"""Every command in the pages is run, or is listed here with the reason why not; so is every block of Python."""

import fnmatch
import os
import shlex
import shutil
import subprocess

import pytest
from image_files import dicom_bytes
from pages import PAGES, ROOT, blocks, commands, name_of
from png_files import write_png, write_tree
from running import run, run_program, succeed

from contrast_tfdata.model.reference import reference_network

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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what pages take for given: SCANS, DATA, records, a run; one small training for all pages."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "SCANS").mkdir()
    for number in range(3):
        place = {"ImagePositionPatient": [number, 0, 0], "SOPInstanceUID": f"1.2.{number}"}
        (folder / "SCANS" / f"{number}.dcm").write_bytes(dicom_bytes(SeriesInstanceUID="1.2.31", **place))
    shutil.copytree(write_tree(folder / "DATA", (12, 12)), folder / "Train" / "Train")
    write_tree(folder / "Test" / "Test", (4, 4), first_seed=500)
    write_png(folder / "slice.png", 3, size=120)
    os.symlink(ROOT / "flags", folder / "flags")
    network = reference_network()
    network.save_weights(folder / "SimpleGadClass.h5")
    words = ["--phantom_patients=10", "--phantom_slices=1", "--phantom_kind=easy", f"--output_dir={folder}/records"]
    succeed("make_records", *words)
    succeed("train", f"--records_dir={folder}/records", f"--workdir={folder}/run", "--epochs=1")
    shutil.copytree(folder / "run", folder / "other-run")
    return folder


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


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_python_runs_as_it_stands(name, folder):
    code = "\n".join(block.text for block in blocks(ROOT / name) if block.language == "python")
    result = run_program(code, cwd=folder, drawn=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_python_of_other_pages_is_known():
    """That of these pages runs elsewhere: tests/test_export.py, tests/records/test_descriptions.py, and by hand."""
    with_python = {name_of(page) for page in PAGES if any(block.language == "python" for block in blocks(page))}
    assert with_python - {"README.md", "docs/python.md"} == {"BUILD.md", "docs/export.md", "docs/make_records.md"}
