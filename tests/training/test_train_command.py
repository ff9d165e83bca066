"""`train` as a user runs it: stopped and given again, given once more, and twice alike."""

import os
import signal
import subprocess
import sys

import pytest
from bright_records import write_records
from running import run, succeed

TABLES = ("history.csv", "metrics.json", "predictions-validation.csv", "predictions-test.csv")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("commands") / "records"
    write_records(directory)
    return directory


def flags(records, workdir, *others):
    return [f"--records_dir={records}", f"--workdir={workdir}", "--epochs=3", "--batch_size=8", *others]


def content(workdir):
    """Returns the tables of a run and the names of its model's files, which carry the weights' hash."""
    return [(workdir / name).read_bytes() for name in TABLES], sorted(
        path.name for path in (workdir / "model").iterdir()
    )


@pytest.mark.slow
def test_fault_52_57_stopped_and_given_again_and_once_more(records, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    succeed("train", *flags(records, whole))
    command = [sys.executable, "-m", "contrast_tfdata.train", *flags(records, cut)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert any(line.startswith("epoch   1/3") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=240)
    assert process.returncode == 75
    assert said.startswith("error: stopped by SIGTERM; ")
    assert said.endswith("\nthe same command goes on from there\n")
    assert len(said.splitlines()) == 2
    assert "training: 32 slices, 4 steps an epoch, epochs 2 to 3" in succeed("train", *flags(records, cut))
    assert content(cut) == content(whole)
    assert "training: " not in succeed("train", *flags(records, cut))  # nothing is left to do
    assert content(cut) == content(whole)


@pytest.mark.slow
def test_a_cache_on_disk_goes_with_the_training_and_takes_nothing_along(records, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine").write_text("not a training's")
    before = set(tmp_path.iterdir())
    succeed("train", *flags(records, tmp_path, "--cache=disk"))
    assert (tmp_path / "cache" / "mine").read_text() == "not a training's"
    assert not [path for path in set(tmp_path.iterdir()) - before if "cache" in path.name]


@pytest.mark.slow
def test_fault_60_deterministic_runs_are_alike(records, tmp_path):
    for name in "ab":
        succeed("train", *flags(records, tmp_path / name, "--deterministic", "--precision=float32"))
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.slow
def test_fault_60_deterministic_and_compiled(records, tmp_path):
    """TensorFlow has no deterministic gradient of max pooling for XLA; the network then pools in another way."""
    for name in "ab":
        said = succeed("train", *flags(records, tmp_path / name, "--deterministic", "--jit_compile=true"))
        assert "Max pooling as reshape and maximum" in said
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), [("--learning_rate=0.1", "learning_rate: was 0.0005, now 0.1")])
def test_fault_56_other_flags_are_a_usage_error(records, tmp_path, change, words):
    succeed("train", *flags(records, tmp_path / "run"))
    before = content(tmp_path / "run")
    result = run("train", *flags(records, tmp_path / "run", change))
    assert result.returncode == 1
    assert words in result.stderr
    assert content(tmp_path / "run") == before
