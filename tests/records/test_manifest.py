"""A manifest is read only where all that it says is of the form that make_records writes."""

import copy
import json
import os
import socket
import time

import pytest
from png_files import write_png
from test_conversion import SMALL, make

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.options import ConversionOptions


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """The JSON object that make_records writes."""
    root = tmp_path_factory.mktemp("manifest")
    for name in ("no_gad", "with_gad"):
        for number in range(8):
            write_png(root / "pictures" / name / f"p{name}{number}_0.png", seed=1000 * len(name) + number)
    make(root / "pictures", root / "records", options=ConversionOptions(preprocessing=SMALL, num_shards=2))
    return json.loads((root / "records" / "manifest.json").read_text())


def load_text(directory, text):
    (directory / "manifest.json").write_text(text)
    return manifests.load(directory)


def changed(fields, path, value):
    """A copy in which the entry at `path` has another value, or is gone where that is None."""
    result = copy.deepcopy(fields)
    place = result
    for key in path[:-1]:
        place = place[key]
    if value is DELETED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


DELETED = object()


def test_what_is_written_is_read(fields, tmp_path):
    text = json.dumps(fields)
    assert json.loads(load_text(tmp_path, text).to_text()) == fields


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["format_version"], True, "format_version"),
        (["format_version"], "1", "format_version"),
        (["format_version"], 0, "format_version"),
        (["image_size"], 24.0, "image_size must be a whole number"),
        (["image_size"], 25, "image_size"),
        (["image_size"], DELETED, "missing or unknown keys: image_size"),
        (["more"], 1, "missing or unknown keys: more"),
        (["preprocessing"], [], "preprocessing"),
        (["preprocessing", "image_size"], "24", "image_size"),
        (["preprocessing", "image_size"], None, "image_size"),
        (["preprocessing", "intensity"], {}, "preprocessing"),
        (["split_rule"], [], "split_rule must be a JSON object"),
        (["split_rule", "rule"], 5, "split_rule.rule must be one of"),
        (["split_rule", "rule"], [], "split_rule.rule"),
        (["split_rule", "seed"], [1], "split_rule.seed"),
        (["split_rule", "allow_leakage"], "no", "allow_leakage must be true or false"),
        (["split_rule", "allow_leakage"], DELETED, "allow_leakage"),
        (["splits"], [], "splits must be a JSON object"),
        (["splits", "../evil"], {}, "splits must be one of"),
        (["splits", "train"], 3, "splits.train must be a JSON object"),
        (["splits", "train", "groups"], "x", "splits.train.groups must be a whole number"),
        (["splits", "train", "groups"], -1, "splits.train.groups"),
        (["splits", "train", "groups"], True, "splits.train.groups"),
        (["splits", "train", "records"], 10**30, "splits.train.records must be"),
        (["splits", "train", "classes"], 3, "splits.train.classes"),
        (["splits", "train", "classes", "no_gad"], "many", "splits.train.classes.no_gad"),
        (["splits", "train", "classes", "no_gad"], 10**30, "splits.train.records"),
        (["splits", "train", "classes", "other"], 0, "unknown keys: other"),
        (["splits", "train", "shards"], [], "splits.train.shards must be a list"),
        (["splits", "train", "shards"], {}, "splits.train.shards must be a list"),
        (["splits", "train", "shards", 0], "name", "shards.0. must be a JSON object"),
        (["splits", "train", "shards", 0, "bytes"], -1, "shards.0..bytes"),
        (["splits", "train", "shards", 0, "records"], 1.0, "shards.0..records"),
        (["splits", "train", "shards", 0, "sha256"], "0" * 63, "64 hex digits"),
        (["splits", "train", "shards", 0, "sha256"], 5, "64 hex digits"),
        (["splits", "train", "shards", 0, "name"], 5, "plain file name"),
        (["patients_known"], "yes", "patients_known must be true or false"),
        (["files"], 3, "files must be a JSON object"),
        (["files", "found"], -1, "files.found must be a whole number"),
        (["files", "rejected"], {"corrupt": "2"}, "files.rejected.corrupt"),
        (["files", "found"], DELETED, "files has missing or unknown keys: found"),
        (["warnings"], "abc", "warnings must be a list of texts"),
        (["warnings"], [1], "warnings must be a list of texts"),
        (["class_names"], 3, "class_names must be"),
        (["class_names"], ["with_gad", "no_gad"], "class_names must be"),
    ],
)
def test_each_entry_has_its_type(fields, tmp_path, path, value, words):
    text = json.dumps(changed(fields, path, value))
    with pytest.raises(DataError, match=f"the manifest is damaged .*{words}.*make the records again"):
        load_text(tmp_path, text)


@pytest.mark.parametrize(
    "name",
    [
        "../contrast-train.tfrecord-00000-of-00002", "/contrast-train.tfrecord-00000-of-00002",
        "contrast-test.tfrecord-00000-of-00002", "contrast-train.tfrecord-00000-of-00002\n",
        "contrast-train.tfrecord-00000-of-00002/../../x", ".", "",
        "contrast-train.tfrecord-\u0661\u0661\u0661\u0661\u0661-of-00001",
    ],
)  # fmt: skip
def test_shard_names_cannot_lead_elsewhere(fields, tmp_path, name):
    text = json.dumps(changed(fields, ["splits", "train", "shards", 0, "name"], name))
    with pytest.raises(DataError, match="plain file name"):
        load_text(tmp_path, text)


def test_a_shard_stands_once(fields, tmp_path):
    shards = fields["splits"]["train"]["shards"]
    twice = changed(fields, ["splits", "train", "shards", 1, "name"], shards[0]["name"])
    with pytest.raises(DataError, match="listed once"):
        load_text(tmp_path, json.dumps(twice))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 200_000, id="deep lists"),
        pytest.param('{"a":' * 200_000, id="deep objects"),
        pytest.param('{"format_version": ' + "9" * 5000 + "}", id="long number"),
        pytest.param('{"format_version": Infinity}', id="infinity"),
        pytest.param("null", id="null"),
        pytest.param('"format_version"', id="text"),
    ],
)
def test_odd_json(tmp_path, text):
    with pytest.raises(DataError, match="the manifest is damaged"):
        load_text(tmp_path, text)


def test_not_finite_numbers(fields, tmp_path):
    text = json.dumps(changed(fields, ["split_rule", "test_fraction"], float("nan")))
    with pytest.raises(DataError, match="finite number"):
        load_text(tmp_path, text)


def test_odd_bytes(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(DataError, match="the manifest is damaged"):
        manifests.load(tmp_path)


def test_oversized_manifest_is_not_read(tmp_path):
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)  # takes no space: a hole
    began = time.monotonic()
    with pytest.raises(DataError, match="larger than"):
        manifests.load(tmp_path)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("kind", ["link", "FIFO", "folder", "socket", "hanging link"])
def test_manifest_that_is_no_regular_file(fields, tmp_path, monkeypatch, kind):
    path = tmp_path / "records" / "manifest.json"
    path.parent.mkdir()
    (tmp_path / "elsewhere.json").write_text(json.dumps(fields))
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere.json")
    elif kind == "hanging link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        monkeypatch.chdir(path.parent)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    began = time.monotonic()
    with pytest.raises(DataError, match="no regular file"):
        manifests.load(path.parent)
    assert time.monotonic() - began < 2


def test_records_are_reached_through_a_link_that_the_user_names(fields, tmp_path):
    (tmp_path / "records").mkdir()
    load_text(tmp_path / "records", json.dumps(fields))
    (tmp_path / "link").symlink_to(tmp_path / "records")
    assert manifests.load(tmp_path / "link").image_size == fields["image_size"]
