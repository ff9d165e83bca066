"""Output appears complete or not at all."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from disks import small_disk

from contrast_tfdata.errors import StorageError, UsageError
from contrast_tfdata.storage import staging


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


def test_existing_output_is_refused(tmp_path):
    complete(tmp_path / "records", "old")
    with pytest.raises(UsageError, match="--overwrite"):
        complete(tmp_path / "records", "new")
    assert (tmp_path / "records" / "manifest.json").read_text() == "old"


def test_old_is_replaced_only_by_complete(tmp_path):
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


def test_second_writer_is_told_the_first_ones_pid(tmp_path):
    with staging.staged_directory(tmp_path / "records", overwrite=False) as directory:
        (directory / "manifest.json").write_text("first")
        with pytest.raises(UsageError, match=f"being written by process {os.getpid()}"):
            complete(tmp_path / "records", "second", overwrite=True)
    assert (tmp_path / "records" / "manifest.json").read_text() == "first"


WRITING = """
import pathlib, sys
from contrast_tfdata.storage import staging
with staging.staged_directory(pathlib.Path(sys.argv[1]), overwrite=True) as directory:
    (directory / "manifest.json").write_text("first")
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_kept_out_and_loses_nothing(tmp_path):
    target = tmp_path / "records"
    command = [sys.executable, "-c", WRITING, target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "writing\n"
        message = f"being written by process {first.pid}"
        with pytest.raises(UsageError, match=message):
            staging.refuse_existing(target, overwrite=True)
        with pytest.raises(UsageError, match=message):
            complete(target, "second", overwrite=True)
        first.stdin.close()
    assert first.returncode == 0
    assert (target / "manifest.json").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


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
from contrast_tfdata.storage import staging
target = pathlib.Path(sys.argv[1])
with staging.staged_directory(target, overwrite=True) as directory:
    (directory / "manifest.json").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_run_leaves_the_old_and_is_cleaned_up(tmp_path):
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


def test_the_old_and_the_new_change_places_in_one_step(tmp_path):
    complete(tmp_path / "old", "old")
    complete(tmp_path / "new", "new")
    if not staging._exchange(tmp_path / "new", tmp_path / "old"):
        pytest.skip("this file system cannot exchange two names")
    assert (tmp_path / "old" / "manifest.json").read_text() == "new"
    assert (tmp_path / "new" / "manifest.json").read_text() == "old"


def test_exchange_says_where_it_cannot(tmp_path):
    (tmp_path / "only").mkdir()
    assert not staging._exchange(tmp_path / "only", tmp_path / "missing")
    assert (tmp_path / "only").exists()


SIGNALLED_AFTER_A_MOVE = """
import os, pathlib, signal, sys
from contrast_tfdata.storage import staging
target, sent, exchanges, move = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "exchange", int(sys.argv[4])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
moves, exchange, rename = 0, staging._exchange, pathlib.Path.rename
def signal_after(move_it, *paths):
    global moves
    result, moves = move_it(*paths), moves + 1
    if moves == move:
        os.kill(os.getpid(), sent)
    return result
staging._exchange = (lambda *paths: signal_after(exchange, *paths)) if exchanges else (lambda *paths: False)
pathlib.Path.rename = lambda *paths: signal_after(rename, *paths)
with staging.staged_directory(target, overwrite=True) as directory:
    (directory / "manifest.json").write_text("new")
"""


@pytest.mark.parametrize("way", ["exchange", "two moves"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("move", [1, 2])
def test_stop_in_the_last_step_comes_too_late(tmp_path, way, sent, move):
    target = tmp_path / "records"
    complete(target, "old")
    command = [sys.executable, "-c", SIGNALLED_AFTER_A_MOVE, target, str(int(sent)), way, str(move)]
    assert subprocess.run(command, check=False).returncode == 0
    assert (target / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


@pytest.mark.parametrize(
    ("way", "move", "left"), [("exchange", 1, "new"), ("two moves", 1, None), ("two moves", 2, "new")]
)
def test_killed_in_the_last_step(tmp_path, way, move, left):
    """Where names cannot be exchanged, one moment remains in which only the next run puts the old one back."""
    target = tmp_path / "records"
    complete(target, "old")
    command = [sys.executable, "-c", SIGNALLED_AFTER_A_MOVE, target, str(int(signal.SIGKILL)), way, str(move)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (target / "manifest.json").read_text() == left if left else not target.exists()
    with pytest.raises(UsageError, match="exists"):
        staging.refuse_existing(target, overwrite=False)
    assert (target / "manifest.json").read_text() == (left or "old")
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_leftovers_of_a_pid_that_lives_again_are_cleaned_up(tmp_path):
    (tmp_path / f".records.incomplete-{os.getppid()}").mkdir()
    (tmp_path / f".records.old-{os.getppid()}").mkdir()
    (tmp_path / f".records.old-{os.getppid()}" / "manifest.json").write_text("old")
    with pytest.raises(UsageError, match="exists"):
        staging.refuse_existing(tmp_path / "records", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_failed_second_move_puts_the_old_one_back(tmp_path, monkeypatch):
    target = tmp_path / "records"
    complete(target, "old")
    monkeypatch.setattr(staging, "_exchange", lambda *paths: False)

    def lose_the_new():
        with staging.staged_directory(target, overwrite=True) as directory:
            (directory / "manifest.json").write_text("new")
            monkeypatch.setattr(staging, "sync", lambda *paths: directory.rename(tmp_path / "elsewhere"))

    with pytest.raises(StorageError):
        lose_the_new()
    assert (target / "manifest.json").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"records", "elsewhere"}


def test_works_outside_the_main_thread(tmp_path):
    thread = threading.Thread(target=complete, args=(tmp_path / "records", "new"))
    thread.start()
    thread.join()
    assert (tmp_path / "records" / "manifest.json").read_text() == "new"


def test_disk_errors_become_storage_errors(tmp_path):
    with (
        pytest.raises(StorageError, match="MB free"),
        staging.staged_directory(tmp_path / "records", overwrite=False),
    ):
        raise OSError(28, os.strerror(28))
    assert list(tmp_path.iterdir()) == []


def test_too_small_a_disk_is_refused_before_writing(tmp_path):
    def write():
        with staging.space_for(tmp_path / "staging", 10**18):
            pytest.fail("went on")

    (tmp_path / "staging").mkdir()
    with pytest.raises(StorageError, match=r"about 1000000000000.0 MB needed, \d+\.\d MB free before"):
        write()


def test_full_disk_keeps_the_old(tmp_path):
    def fill(disk):
        with (
            staging.staged_directory(disk / "records", overwrite=True) as directory,
            staging.space_for(directory, 1000),
            (directory / "shard").open("wb") as shard,
        ):
            shard.write(bytes(1 << 20))

    with small_disk(tmp_path / "disk", 256 << 10) as disk:
        complete(disk / "records", "old")
        with pytest.raises(StorageError, match=r"No space left on device \(about 0.0 MB needed, 0.3 MB free before\)"):
            fill(disk)
        assert (disk / "records" / "manifest.json").read_text() == "old"
        assert [path.name for path in disk.iterdir()] == ["records"]
