"""The key of the hash that stands for patients."""

import json
import multiprocessing
import os
import stat

import pytest
from running import run

from contrast_tfdata.errors import UsageError
from contrast_tfdata.patients import group_keys


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_own_key_is_made_once_and_for_the_user_alone(home):
    first = group_keys.own()
    assert first == group_keys.own()
    assert len(first) == 64
    (path,) = home.rglob("*.key")
    assert path == home / "contrast_tfdata" / "group.key" == group_keys.own_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["group.key"]


def test_another_user_has_another_key(home, monkeypatch):
    first = group_keys.own()
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "other"))
    assert group_keys.own() != first


def test_a_copied_key_gives_the_same_hashes(home, tmp_path):
    first = group_keys.own()
    copy = tmp_path / "copy"
    copy.write_bytes(group_keys.own_path().read_bytes())
    assert group_keys.read(copy) == first


@pytest.mark.processes
def test_processes_that_start_together_agree(home):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(_own, range(16), chunksize=1)
    assert set(keys) == {group_keys.own()}


def _own(_):
    return group_keys.own()


@pytest.mark.parametrize("given", ["", "relative/folder"])
def test_without_a_folder_of_ones_choice_it_stands_below_home(monkeypatch, tmp_path, given):
    monkeypatch.setenv("XDG_DATA_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert group_keys.own_path() == tmp_path / ".local" / "share" / "contrast_tfdata" / "group.key"


def test_a_home_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be made"):
        group_keys.own()


@pytest.mark.parametrize("content", [None, b""])
def test_files_that_are_no_keys(tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=str(path)):
        group_keys.read(path)


def make_records(output, *arguments, data_home):
    environment = os.environ | {"XDG_DATA_HOME": str(data_home)}
    return run(
        "make_records", f"--output_dir={output}", "--image_size=24", "--num_workers=1", *arguments, env=environment
    )


def keyed(records):
    return json.loads((records / "manifest.json").read_text())["split_rule"]["group_hash_keyed"]


@pytest.mark.slow
def test_patients_are_hashed_with_a_key_by_default(png_tree, tmp_path):
    source = [f"--train_dir={png_tree((8, 8))}", "--group_regex=/([^_/]+)_[^/]*$"]
    for name, data_home in (("one", "home"), ("same", "home"), ("other", "elsewhere")):
        assert make_records(tmp_path / name, *source, data_home=tmp_path / data_home).returncode == 0
        assert keyed(tmp_path / name)
    one, same, other = (
        b"".join(each.read_bytes() for each in sorted((tmp_path / name).glob("*.tfrecord*")))
        for name in ("one", "same", "other")
    )
    assert one == same != other
    copied = f"--group_key_file={tmp_path}/home/contrast_tfdata/group.key"
    assert make_records(tmp_path / "copied", *source, copied, data_home="/dev/null/none").returncode == 0
    assert one == b"".join(each.read_bytes() for each in sorted((tmp_path / "copied").glob("*.tfrecord*")))


@pytest.mark.slow
def test_a_user_without_a_writable_home_is_told_what_to_do(png_tree, tmp_path):
    result = make_records(tmp_path / "records", f"--train_dir={png_tree((4, 4))}", data_home="/dev/null/none")
    assert result.returncode == 1
    assert "--group_key_file" in result.stderr


def test_synthetic_patients_need_no_key(tmp_path):
    result = make_records(
        tmp_path / "records", "--phantom_patients=4", "--phantom_slices=1", data_home="/dev/null/none"
    )
    assert result.returncode == 0, result.stderr
    assert not keyed(tmp_path / "records")
