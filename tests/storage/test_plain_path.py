"""Paths that TensorFlow would take for patterns: it gets others that lead to the same files."""

import tempfile
from pathlib import Path

import pytest
import tensorflow as tf

from contrast_tfdata.storage.plain_path import plain_path, plain_temporary_files

NAMES = ["run[1]", "[", "a*", "a?b", "back\\slash", "a [1] *?,=é\\b", "-[x]"]
PATTERNS = set("*?[\\")


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Runs the test in a folder of its own: relative paths are given, too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_found_wherever_it_lies(in_folder, name):
    variable = tf.Variable(7.0)
    checkpoint = tf.train.Checkpoint(variable=variable)
    for folder in (in_folder / name, Path("relative", name)):
        folder.mkdir(parents=True)
        checkpoint.write(str(folder / "state"))
        variable.assign(0.0)
        with plain_path(folder) as plain:
            assert not PATTERNS & set(str(plain))
            checkpoint.read(str(plain / "state")).assert_consumed()
        assert variable.numpy() == 7
        assert not plain.parent.exists()  # The link is gone,
        assert (folder / "state.index").exists()  # and what it led to is not.


@pytest.mark.parametrize("name", ["run", "é ,=", "-x", "{a}", "a~", "100%"])
def test_other_paths_stay_as_they_are(in_folder, name):
    for path in (in_folder / name, Path(name)):
        with plain_path(path) as plain:
            assert plain is path


def test_files_and_what_is_not_there_yet(in_folder):
    with plain_path(in_folder / "new[1]") as plain:
        plain.resolve().mkdir()
        (plain / "inside").write_text("x")
    assert (in_folder / "new[1]" / "inside").read_text() == "x"
    (in_folder / "file[1]").write_text("y")
    with plain_path(Path("file[1]")) as plain:
        assert plain.read_text() == "y"


def test_a_folder_for_temporary_files_may_have_such_a_name_itself(in_folder, monkeypatch):
    temporary = in_folder / "job[1]"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with plain_temporary_files():
        made = Path(tempfile.mkdtemp())
        assert not PATTERNS & set(str(made))
    assert not made.exists()
    assert tempfile.gettempdir() == str(temporary)
    (in_folder / "run[1]").mkdir()
    with plain_path(in_folder / "run[1]") as plain:
        assert not PATTERNS & set(str(plain))
        assert plain.samefile(in_folder / "run[1]")


def test_the_link_is_removed_after_an_error_too(in_folder):
    with pytest.raises(KeyError), plain_path(in_folder / "[") as plain:
        raise KeyError
    assert not plain.parent.exists()
