"""One process at a time writes a folder: the lock itself, and the training that takes it."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bright_records import write_records
from running import run, succeed

from contrast_tfdata.errors import StorageError, UsageError
from contrast_tfdata.storage import single_writer, staging

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


@pytest.mark.parametrize("content", ["my notes\n", "4711 by hand", "12\n", " 7", "1" * 21, "x" * 1000])
def test_a_file_of_somebody_else_with_its_name_stays_as_it_is(tmp_path, content):
    path = tmp_path / ".records.lock"
    path.write_text(content)
    with (
        pytest.raises(UsageError, match=r"\.records\.lock stands where this package .* move it away"),
        single_writer.locked(path, tmp_path / "records"),
    ):
        raise AssertionError("taken")
    assert path.read_text() == content


def test_a_file_of_somebody_else_stays_while_its_owner_holds_it(tmp_path):
    path = tmp_path / ".lock"
    with single_writer.locked(path, tmp_path):
        path.write_text("host 17")
        with pytest.raises(UsageError, match="move it away"), single_writer.locked(path, tmp_path):
            raise AssertionError("taken")
        assert path.read_text() == "host 17"


def test_an_empty_file_is_taken_and_left_empty(tmp_path):
    path = tmp_path / ".lock"
    path.touch()
    with single_writer.locked(path, tmp_path):
        assert path.read_text() == str(os.getpid())
        with pytest.raises(UsageError, match=f"by process {os.getpid()}"), single_writer.locked(path, tmp_path):
            raise AssertionError("both hold it")
    assert path.read_bytes() == b""


def make_link(path):
    path.with_name("precious.txt").write_text("12")
    path.symlink_to("precious.txt")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # Its name may not be longer than 107 bytes.


@pytest.mark.parametrize("make", [make_link, make_socket, Path.mkdir, os.mkfifo])
def test_links_folders_and_the_like_are_no_locks(tmp_path, make):
    path = tmp_path / ".lock"
    make(path)
    before = {each: each.lstat() for each in tmp_path.iterdir()}
    with pytest.raises(UsageError, match="move it away"), single_writer.locked(path, tmp_path):
        raise AssertionError("taken")
    assert {each: each.lstat() for each in tmp_path.iterdir()} == before


def refusing(code):
    """Returns what stands for `flock` on a file system without locks; none can be mounted wherever this runs."""

    def flock(file, operation):
        raise OSError(code, os.strerror(code))

    return flock


@pytest.mark.parametrize("name", ["ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL"])
def test_a_file_system_without_locks_is_named_with_what_to_do(tmp_path, monkeypatch, name):
    monkeypatch.setattr(single_writer.fcntl, "flock", refusing(getattr(errno, name)))
    with pytest.raises(StorageError) as error, single_writer.locked(tmp_path / ".lock", tmp_path / "run"):
        raise AssertionError("taken")
    assert str(error.value).startswith(f"{tmp_path}: its file system has no locks (")
    assert "write to a local disk, and move there" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_a_lock_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(single_writer.fcntl, "flock", refusing(errno.EIO))
    with (
        pytest.raises(StorageError, match=os.strerror(errno.EIO)),
        staging.staged_directory(tmp_path / "records", overwrite=False),
    ):
        raise AssertionError("taken")


WITHOUT_LOCKS = """
import errno, fcntl, os
def flock(file, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""


def test_every_command_that_locks_says_so(tmp_path):
    write_records(tmp_path / "records", (("train", 8), ("validation", 4)))
    out = tmp_path / "out"
    out.mkdir()
    commands = {
        "make_records": ["--phantom_patients=4", f"--output_dir={out}/records"],
        "train": [f"--records_dir={tmp_path}/records", f"--workdir={out}/run", "--epochs=1", "--batch_size=4"],
        "export": ["--workdir=shipped", "--format=savedmodel", f"--output={out}/1"],
    }
    for command, words in commands.items():
        result = run(command, *words, program=WITHOUT_LOCKS)
        assert result.returncode == 74, result.stderr
        assert "its file system has no locks (No locks available)" in result.stderr
        assert list(out.iterdir()) == []


def test_a_users_own_file_beside_the_output_stays(tmp_path):
    (tmp_path / ".records.lock").write_text("mine")
    result = run("make_records", "--phantom_patients=4", f"--output_dir={tmp_path}/records")
    assert result.returncode == 1
    assert f"error: {tmp_path}/.records.lock stands where this package" in result.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(".records.lock", "mine")]


@pytest.mark.slow
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
