"""Damage of every kind is found and named."""

import dataclasses
import json
import struct

import pytest
from test_conversion import SMALL, make

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import verify


@pytest.fixture
def records(png_tree, tmp_path):
    directory = tmp_path / "records"
    manifest = make(png_tree((24, 24)), directory, options=ConversionOptions(preprocessing=SMALL, num_shards=2))
    return directory, manifest, directory / manifest.splits["train"].shards[0].name


def check_fast(records):
    manifests.check(records[0], records[1], full=False)


def check_all(records):
    verify(records[0], records[1])


def test_fault_39_flipped_bit(records):
    shard = records[2]
    data = bytearray(shard.read_bytes())
    data[len(data) - 300] ^= 1  # among the pixels of the last record
    shard.write_bytes(data)
    with pytest.raises(DataError, match=rf"{shard.name}: SHA-256 differs") as error:
        check_all(records)
    assert f"record {records[1].splits['train'].shards[0].records - 1}: " in str(error.value)
    with pytest.raises(DataError, match=rf"{shard.name}: SHA-256 differs"):
        manifests.check(records[0], records[1], full=True)


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_fault_40_cut_inside_a_record(records, check):
    records[2].write_bytes(records[2].read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{records[2].name}: .* bytes instead of"):
        check(records)


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_fault_41_cut_between_records(records, check):
    directory, manifest, shard = records
    data, end = shard.read_bytes(), 0
    for _ in range(2):
        end += struct.unpack("<Q", data[end : end + 8])[0] + 16
    shard.write_bytes(data[:end])
    info = manifest.splits["train"].shards[0]
    # Even where the manifest's size is made to agree, its count does not.
    agreeing = dataclasses.replace(info, bytes=shard.stat().st_size)
    split = dataclasses.replace(manifest.splits["train"], shards=(agreeing, *manifest.splits["train"].shards[1:]))
    forged = dataclasses.replace(manifest, splits={**manifest.splits, "train": split})
    with pytest.raises(DataError, match="2 records instead of"):
        check((directory, forged, shard))


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_fault_42_missing_extra_swapped_empty(records, check):
    directory, manifest, shard = records
    other = directory / manifest.splits["train"].shards[1].name
    test = directory / manifest.splits["test"].shards[0].name
    original, swapped = shard.read_bytes(), test.read_bytes()
    shard.write_bytes(b"")
    with pytest.raises(DataError, match=f"{shard.name}: 0 bytes"):
        check(records)
    shard.write_bytes(swapped)
    with pytest.raises(DataError, match=shard.name):
        check(records)
    shard.write_bytes(original)
    other.rename(directory / "contrast-train.tfrecord-00005-of-00006")
    with pytest.raises(DataError, match=f"00005-of-00006: not in the manifest\n  {other.name}: missing"):
        check(records)


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_fault_43_forged_length(records, check):
    shard = records[2]
    data = bytearray(shard.read_bytes())
    data[:8] = struct.pack("<Q", 2**62)
    shard.write_bytes(data)
    with pytest.raises(DataError, match="ends beyond the end of the file"):
        check(records)


@pytest.mark.parametrize("key", ["preprocessing", "split_rule", "class_names", "splits"])
def test_fault_45_emptied_part_of_a_manifest(records, key):
    path = records[0] / "manifest.json"
    fields = json.loads(path.read_text())
    fields[key] = type(fields[key])() if key != "splits" else {"train": {}}
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match="damaged"):
        manifests.load(records[0])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', '{"format_version": 1, "splits": 3}'])
def test_fault_45_damaged_manifest(records, text):
    (records[0] / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="damaged.*make the records again"):
        manifests.load(records[0])


def test_fault_45_newer_manifest(records):
    path = records[0] / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(DataError, match="format version 99"):
        manifests.load(records[0])


def test_shard_names_cannot_lead_elsewhere(records):
    path = records[0] / "manifest.json"
    path.write_text(path.read_text().replace("contrast-train.tfrecord", "../contrast-train.tfrecord"))
    with pytest.raises(DataError, match="plain file name"):
        manifests.load(records[0])


def test_folder_without_manifest(tmp_path):
    with pytest.raises(DataError, match="run make_records"):
        manifests.load(tmp_path)


def test_fingerprint_follows_the_content(records):
    manifest = records[1]
    assert manifests.load(records[0]).fingerprint == manifest.fingerprint
    assert dataclasses.replace(manifest, patients_known=False).fingerprint != manifest.fingerprint
