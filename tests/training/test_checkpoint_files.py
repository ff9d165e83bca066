"""Folders of checkpoints: complete, or not taken up."""

import contextlib
import itertools
import os
import shutil

import pytest

from contrast_tfdata.training import checkpoint_files


class Crash(Exception):
    """Ends a block as a kill would, but for what `finally` does."""


def add(directory, number, text="state"):
    return checkpoint_files.save(directory, number, lambda folder: (folder / "state").write_text(f"{text} {number}"))


def names(directory):
    return [path.name for path in checkpoint_files.saved(directory)]


def test_the_newest_two_are_kept(tmp_path):
    for number in (4, 8, 12, 100):
        path = add(tmp_path / "checkpoints", number)
        assert checkpoint_files.damage(path) is None
        assert (path / "state").read_text() == f"state {number}"
    assert names(tmp_path / "checkpoints") == ["step-000000100", "step-000000012"]


def test_one_of_the_same_number_takes_the_place_of_the_other(tmp_path):
    add(tmp_path, 4, "old")
    assert (add(tmp_path, 4, "new") / "state").read_text() == "new 4"
    assert names(tmp_path) == ["step-000000004"]


def test_every_flipped_bit_is_noticed(tmp_path):
    path = add(tmp_path, 4)
    for name in ("state", "complete.json"):
        content = (path / name).read_bytes()
        for position in range(len(content)):
            for bit in range(8):
                changed = bytearray(content)
                changed[position] ^= 1 << bit
                (path / name).write_bytes(changed)
                harmless = name == "complete.json" and bytes(changed).split() == content.split()  # white space
                assert checkpoint_files.damage(path) or harmless, (name, position, bit)
        (path / name).write_bytes(content)
    assert checkpoint_files.damage(path) is None


@pytest.mark.parametrize("lost", ["state", "complete.json"])
def test_a_lost_or_an_added_file_is_noticed(tmp_path, lost):
    path = add(tmp_path, 4)
    (path / lost).rename(tmp_path / "elsewhere")
    assert lost in checkpoint_files.damage(path)
    (tmp_path / "elsewhere").rename(path / lost)
    (path / "more").touch()
    assert checkpoint_files.damage(path) == "damaged: more"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"'])
def test_a_mark_that_is_none_is_noticed(tmp_path, text):
    path = add(tmp_path, 4)
    (path / "complete.json").write_text(text)
    assert "complete.json" in checkpoint_files.damage(path)


def killed_in_each_call(monkeypatch, function, action):
    """Runs `action` again and again, killed in the first, second, ... call of a function of the system."""
    original = getattr(os, function)
    for last in itertools.count():
        calls = []

        def die(*args, calls=calls, last=last):
            calls.append(args)
            if len(calls) > last:
                raise Crash
            return original(*args)

        with monkeypatch.context() as patched, contextlib.suppress(Crash):
            patched.setattr(os, function, die)
            # Nothing is cleaned up by a process that is killed.
            patched.setattr(shutil, "rmtree", lambda *args, **options: None)
            action()
        if len(calls) <= last:
            return
        yield


@pytest.mark.parametrize("function", ["open", "fsync", "rename", "close"])
def test_killed_at_any_step_of_saving(tmp_path, monkeypatch, function):
    """Two complete ones stand there; a third is being written, and then the first is removed."""
    directory, kills = tmp_path, 0
    add(directory, 1), add(directory, 2)
    for _ in killed_in_each_call(monkeypatch, function, lambda: add(directory, 3)):
        kills += 1
        found = checkpoint_files.saved(directory)
        assert all(checkpoint_files.damage(path) is None for path in found)
        assert found[0].name >= "step-000000002"
        assert len(found) >= 2
        checkpoint_files.tidy(directory)
        assert not list(directory.glob(".*"))
        for path in checkpoint_files.saved(directory):
            checkpoint_files.remove(path)
        add(directory, 1), add(directory, 2)
    assert kills >= 2


def test_what_fails_leaves_the_others(tmp_path):
    add(tmp_path, 1), add(tmp_path, 2)

    def fill(folder):
        (folder / "state").write_bytes(bytes(100))
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        checkpoint_files.save(tmp_path, 3, fill)
    assert names(tmp_path) == ["step-000000002", "step-000000001"]
    assert not list(tmp_path.glob(".*"))
