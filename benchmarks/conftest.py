"""Sizes by option, the data that several benchmarks read, and the files that a run leaves behind."""

import dataclasses
import os
from pathlib import Path

import pytest

from benchmarks import machine, pictures, starting
from benchmarks.children import Child
from benchmarks.outcome import Outcome
from benchmarks.settings import as_the_commands_start
from benchmarks.sizes import Sizes
from contrast_tfdata.model import runtime_plan

FOLDER = Path(__file__).parent
OUTPUT_OPTION = "--benchmark-output"
_OUTCOME = pytest.StashKey[Outcome]()


def pytest_addoption(parser):
    group = parser.getgroup("sizes of the benchmarks")
    for field in _own_options():
        option = f"--{field.name.replace('_', '-')}"
        if isinstance(field.default, bool):
            group.addoption(option, action="store_true", help="see benchmarks/sizes.py")
        else:
            group.addoption(option, type=int, default=field.default, help="see benchmarks/sizes.py; %(default)s")
    group.addoption("--smoke", action="store_true", help="every benchmark at the smallest size: does it still work?")
    group.addoption(OUTPUT_OPTION, type=Path, help="folder for results.json, summary.json and RESULTS.md")
    group.addoption("--torch-python", help="interpreter that has PyTorch; without it, this one")


def _own_options():
    return [field for field in dataclasses.fields(Sizes) if field.name != "smoke"]


def pytest_configure(config):
    options = {field.name: getattr(config.option, field.name) for field in _own_options()}
    try:
        sizes = Sizes.smallest() if config.option.smoke else Sizes(**options)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_OUTCOME] = Outcome(sizes, machine.describe())


@pytest.fixture(scope="session", autouse=True)
def _children_start(sizes):
    if sizes.smoke:
        runtime_plan.configure_environment()
        Child.start = starting.forked


def pytest_sessionfinish(session):
    outcome = session.config.stash[_OUTCOME]
    if not outcome.sections:
        return
    asked = session.config.option.benchmark_output
    outcome.write(asked or FOLDER / "out")
    # Only a run of everything, at the sizes of the record, may replace the record.
    if not asked and outcome.is_for_the_record:
        outcome.write_record(FOLDER)


def pytest_terminal_summary(terminalreporter, config):
    outcome = config.stash[_OUTCOME]
    if outcome.sizes.smoke:
        terminalreporter.write_line("figures of so small a run say nothing of speed")
    elif outcome.sections:
        terminalreporter.section("targets")
        for line in outcome.target_lines():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"written to {', '.join(str(path) for path in outcome.written)}")


@pytest.fixture(scope="session")
def outcome(request) -> Outcome:
    """Where each benchmark puts its section."""
    return request.config.stash[_OUTCOME]


@pytest.fixture(scope="session")
def sizes(outcome) -> Sizes:
    return outcome.sizes


@pytest.fixture(scope="session")
def torch_python(request) -> str | None:
    return request.config.option.torch_python


@pytest.fixture(scope="session")
def picture_tree(tmp_path_factory, sizes) -> Path:
    """The slides' training folder: 512 x 512 PNGs in two class folders."""
    root = tmp_path_factory.mktemp("pictures") / "train"
    pictures.write_tree(root, sizes.images)
    return root


@pytest.fixture(scope="session")
def records(tmp_path_factory, picture_tree) -> Path:
    """Its records, with the slides' split: the same files train and validate."""
    folder = tmp_path_factory.mktemp("converted") / "records"
    with Child("benchmarks.workloads.conversion", as_the_commands_start().environment) as child:
        child.call("make_records", pictures=str(picture_tree), output=str(folder), workers=os.cpu_count())
    return folder
