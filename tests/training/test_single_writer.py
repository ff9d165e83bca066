"""One process at a time writes a folder: the lock itself, and the training that takes it."""

import os
import subprocess
import sys

import pytest
from bright_records import write_records
from running import run, succeed

from contrast_tfdata.errors import UsageError
from contrast_tfdata.storage import single_writer

HOLDING = """
import pathlib, sys
from contrast_tfdata.storage import single_writer
with single_writer.locked(pathlib.Path(sys.argv[1]), pathlib.Path("W")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_the_first_ones_pid_and_the_lock_goes_with_the_block(tmp_path):
    path = tmp_path / ".lock"
    with single_writer.locked(path, tmp_path):
        assert path.read_text() == str(os.getpid())
        with (
            pytest.raises(UsageError, match=f"{tmp_path} is being written by process {os.getpid()}"),
            single_writer.locked(path, tmp_path),
        ):
            raise AssertionError("both hold it")
    assert not path.exists()


def test_a_lock_whose_process_was_killed_is_taken_over(tmp_path):
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"held\n"
        first.kill()
    assert path.exists()
    with single_writer.locked(path, tmp_path):
        assert path.read_text() == str(os.getpid())
    assert not path.exists()


def test_two_trainings_do_not_write_one_workdir(tmp_path):
    write_records(tmp_path / "records", (("train", 8), ("validation", 4)))
    training = [f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run", "--epochs=1", "--batch_size=4"]
    (tmp_path / "run").mkdir()
    with single_writer.locked(tmp_path / "run" / ".lock", tmp_path / "run"):
        second = run("train", *training)
    assert second.returncode == UsageError.exit_code
    assert f"{tmp_path}/run is being written by process {os.getpid()}" in second.stderr
    assert list((tmp_path / "run").iterdir()) == []
    succeed("train", *training)
    assert not (tmp_path / "run" / ".lock").exists()
