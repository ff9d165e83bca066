"""Output appears complete or not at all."""

import os
import subprocess
import sys

import pytest

from contrast_tfdata.errors import StorageError, UsageError
from contrast_tfdata.records import staging


def complete(target, text, **options):
    with staging.staged_directory(target, overwrite=options.get("overwrite", False)) as directory:
        (directory / "manifest.json").write_text(text)


def test_appears_only_when_complete(tmp_path):
    target = tmp_path / "records"
    with staging.staged_directory(target, overwrite=False) as directory:
        (directory / "manifest.json").write_text("x")
        assert not target.exists()
    assert (target / "manifest.json").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_fault_35_existing_output_is_refused(tmp_path):
    complete(tmp_path / "records", "old")
    with pytest.raises(UsageError, match="--overwrite"):
        complete(tmp_path / "records", "new")
    assert (tmp_path / "records" / "manifest.json").read_text() == "old"


def test_fault_35_old_is_replaced_only_by_complete(tmp_path):
    target = tmp_path / "records"
    complete(target, "old")

    def fail():
        with staging.staged_directory(target, overwrite=True) as directory:
            (directory / "manifest.json").write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert (target / "manifest.json").read_text() == "old"
    complete(target, "new", overwrite=True)
    assert (target / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_fault_36_second_writer_is_told_the_first_ones_pid(tmp_path):
    with staging.staged_directory(tmp_path / "records", overwrite=False) as directory:
        (directory / "manifest.json").write_text("first")
        with pytest.raises(UsageError, match=f"being written by process {os.getpid()}"):
            complete(tmp_path / "records", "second", overwrite=True)
    assert (tmp_path / "records" / "manifest.json").read_text() == "first"


def test_a_link_to_records_stays_a_link(tmp_path):
    complete(tmp_path / "large" / "records", "old")
    (tmp_path / "link").symlink_to(tmp_path / "large" / "records")
    complete(tmp_path / "link", "new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "large" / "records" / "manifest.json").read_text() == "new"


def test_names_with_glob_characters_are_cleaned_up(tmp_path):
    target = tmp_path / "rec[1]"
    complete(target, "old")
    subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    complete(target, "new", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["rec[1]"]


def test_overwrite_never_touches_another_folder(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(UsageError, match="no folder of records"):
        complete(tmp_path / "thesis", "new", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").exists()


KILLED = """
import os, pathlib, signal, sys
from contrast_tfdata.records import staging
target = pathlib.Path(sys.argv[1])
with staging.staged_directory(target, overwrite=True) as directory:
    (directory / "manifest.json").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_fault_32_killed_run_leaves_the_old_and_is_cleaned_up(tmp_path):
    target = tmp_path / "records"
    complete(target, "old")
    assert subprocess.run([sys.executable, "-c", KILLED, target], check=False).returncode == -9
    assert (target / "manifest.json").read_text() == "old"
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {
        "records", ".records.lock", ".records.incomplete"
    }  # fmt: skip
    complete(target, "new", overwrite=True)
    assert (target / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_killed_between_the_two_moves(tmp_path):
    target = tmp_path / "records"
    complete(target, "old")
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    target.rename(tmp_path / f".records.old-{int(process.stdout)}")
    staging.recover(target)
    assert (target / "manifest.json").read_text() == "old"
    with pytest.raises(UsageError, match="exists"):
        complete(target, "new")


def test_fault_34_disk_errors_become_storage_errors(tmp_path):
    with (
        pytest.raises(StorageError, match="MB free"),
        staging.staged_directory(tmp_path / "records", overwrite=False),
    ):
        raise OSError(28, os.strerror(28))
    assert list(tmp_path.iterdir()) == []
