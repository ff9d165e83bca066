"""Runs that tests of several files begin with, made once: a finished one, one of a single epoch, one that broke off."""

import dataclasses
import io

import pytest
from bright_records import write_records
from rich.console import Console
from trainings import FAST, Run, interrupt, run


def _finish(records, workdir, training) -> Run:
    console = Console(file=io.StringIO())
    model, history = run(records, workdir, training, console=console)
    return Run(workdir, model.get_weights(), history, console.file.getvalue())


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """The folder of records of 32, 16 and 16 slices, and its manifest; no test changes it."""
    directory = tmp_path_factory.mktemp("bright") / "records"
    return directory, write_records(directory)


@pytest.fixture(scope="session")
def finished(records, tmp_path_factory) -> Run:
    """A whole run of the recipe FAST."""
    return _finish(records, tmp_path_factory.mktemp("finished") / "run", FAST)


@pytest.fixture(scope="session")
def one_epoch(records, tmp_path_factory) -> Run:
    """A whole run of a single epoch of the recipe FAST."""
    training = dataclasses.replace(FAST, epochs=1)
    return _finish(records, tmp_path_factory.mktemp("one_epoch") / "run", training)


@pytest.fixture(scope="session")
def broken_off(records, tmp_path_factory) -> Run:
    """A run of the recipe FAST that ended after the second of its four epochs, and its weights then."""
    with pytest.MonkeyPatch.context() as patch:
        return interrupt(records, tmp_path_factory.mktemp("broken_off") / "cut", FAST, patch)


@pytest.fixture
def interrupted(broken_off, tmp_path):
    """A copy of the workdir of the run that broke off, and its weights then."""
    return broken_off.copied_to(tmp_path / "cut"), broken_off.weights
