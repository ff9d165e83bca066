"""Damage of every kind is found and named."""

import dataclasses
import gzip
import json
import os
import shutil
import struct

import forging
import pytest
from png_files import write_tree
from test_conversion import SMALL, make

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import verification
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import check_before_use, verify, verify_records


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Records without any damage, and their manifest."""
    root = tmp_path_factory.mktemp("sound")
    options = ConversionOptions(preprocessing=SMALL, num_shards=2)
    return root / "records", make(write_tree(root / "pictures", (24, 24)), root / "records", options=options)


@pytest.fixture
def records(sound, tmp_path):
    """A copy of them to be damaged, and a shard of it."""
    directory = shutil.copytree(sound[0], tmp_path / "records")
    return directory, sound[1], directory / sound[1].splits["train"].shards[0].name


def check_fast(records):
    manifests.check(records[0], records[1])


def check_all(records):
    verify(records[0], records[1])


def test_flipped_bit(records):
    shard = records[2]
    data = bytearray(shard.read_bytes())
    data[len(data) - 300] ^= 1  # among the pixels of the last record
    shard.write_bytes(data)
    with pytest.raises(DataError, match=rf"{shard.name}: SHA-256 differs") as error:
        check_all(records)
    assert f"record {records[1].splits['train'].shards[0].records - 1}: " in str(error.value)
    with pytest.raises(DataError, match=rf"{shard.name}: SHA-256 differs"):
        verify_records(records[0], records[1])


def test_goes_on_after_a_bad_record(records):
    shard = records[2]
    data = bytearray(shard.read_bytes())
    starts = [start for start, _ in manifests.frames(shard)]
    data[starts[1] + 300] ^= 1
    shard.write_bytes(data)
    last = len(starts) - 1
    with pytest.raises(DataError) as error:
        check_all(records)
    assert f"{shard.name}: record 1: its checksum differs" in str(error.value)
    assert "per class" not in str(error.value)
    data[starts[last] : starts[last] + 4] = b"\xff" * 4  # no checksum finds it any more: only its form is wrong
    shard.write_bytes(data)
    with pytest.raises(DataError, match=rf"record 1: its checksum differs\n  {shard.name}: record {last}: not a tf"):
        check_all(records)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (forging.drop_label, "lacks label"),
        (forging.label_7, "label must be 0 or 1. Received: 7"),
        (forging.float_label, "label must hold one int64"),
        (forging.short_pixels, "image/raw has 575 bytes"),
    ],
)
def test_wrong_records_are_all_named(records, change, words):
    directory = records[0]
    for number in (0, 3):
        shard = forging.change_record(directory, "train", number, change)
    with pytest.raises(DataError) as error:
        verify_records(directory, manifests.load(directory))
    lines = str(error.value).splitlines()
    assert [line.partition(": record ")[2][:1] for line in lines[1:]] == ["0", "3"]
    assert all(line.startswith(f"  {shard}: record") and words in line for line in lines[1:])


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_cut_inside_a_record(records, check):
    records[2].write_bytes(records[2].read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{records[2].name}: .* bytes instead of .*: record 15, at byte"):
        check(records)


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_cut_between_records(records, check):
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
    with pytest.raises(DataError, match="2 records instead of 16, so record 2 differs"):
        check((directory, forged, shard))


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_missing_extra_swapped_empty(records, check):
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
def test_forged_length(records, check):
    shard = records[2]
    data = bytearray(shard.read_bytes())
    data[:8] = struct.pack("<Q", 2**62)
    shard.write_bytes(data)
    with pytest.raises(DataError, match="record 0, at byte 0, ends beyond the end of the file"):
        check(records)


@pytest.mark.parametrize("check", [check_fast, check_all])
def test_gzip_is_named(records, check):
    shard = records[2]
    content = shard.read_bytes()
    shard.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=f"{shard.name}: gzip-compressed, .*gunzip"):
        check(records)
    shard.rename(f"{shard}.gz")
    with pytest.raises(DataError, match=f"{shard.name}.gz: gzip-compressed, .*gunzip\n  {shard.name}: missing"):
        check(records)


@pytest.mark.parametrize("check", [check_fast, check_all])
@pytest.mark.parametrize("kind", ["link", "hanging link", "FIFO", "folder"])
def test_shard_that_is_no_regular_file(records, tmp_path, check, kind):
    shard = records[2]
    elsewhere = shard.rename(tmp_path / "elsewhere")
    if kind == "FIFO":
        os.mkfifo(shard)
    elif kind == "folder":
        shard.mkdir()
    else:
        shard.symlink_to(elsewhere if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"{shard.name}: a link, folder or device, which is not followed or read"):
        check(records)


@pytest.mark.parametrize("key", ["preprocessing", "split_rule", "class_names", "splits"])
def test_emptied_part_of_a_manifest(records, key):
    path = records[0] / "manifest.json"
    fields = json.loads(path.read_text())
    fields[key] = type(fields[key])() if key != "splits" else {"train": {}}
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match="damaged"):
        manifests.load(records[0])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', '{"format_version": 1, "splits": 3}'])
def test_damaged_manifest(records, text):
    (records[0] / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="damaged.*make the records again"):
        manifests.load(records[0])


@pytest.mark.parametrize(
    ("version", "cure"),
    [(99, "update it, or make"), (1, "3; make the records again"), (2, "3; make the records again")],
)
def test_manifest_of_another_version(records, version, cure):
    path = records[0] / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 3', f'"format_version": {version}'))
    with pytest.raises(DataError, match=f"format version {version}, .*{cure}"):
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


@pytest.fixture
def readings(monkeypatch):
    """Notes each time that all records are read."""
    seen, original = [], verification.verify_records
    monkeypatch.setattr(verification, "verify_records", lambda *given: (seen.append(given), original(*given)))
    return seen


def test_records_are_read_once_before_use_until_something_changes(records, readings):
    directory, manifest, shard = records
    for full, expected in ((False, 1), (False, 1), (True, 2), (False, 2)):
        check_before_use(directory, manifest, full=full)
        assert len(readings) == expected
    os.utime(shard)
    check_before_use(directory, manifest, full=False)
    assert len(readings) == 3
    data = bytearray(shard.read_bytes())
    data[len(data) - 300] ^= 1
    shard.write_bytes(data)
    for _ in range(2):
        with pytest.raises(DataError, match=rf"{shard.name}: SHA-256 differs"):
            check_before_use(directory, manifest, full=False)


def test_a_changed_manifest_is_a_reason_to_read_again(records, readings):
    directory, manifest, _ = records
    check_before_use(directory, manifest, full=False)
    (directory / manifests.FILE_NAME).write_text(manifest.to_text())
    check_before_use(directory, manifest, full=False)
    assert len(readings) == 2


@pytest.mark.parametrize("content", ["", "[1", "{}", "[]"])
def test_a_damaged_stamp_is_none(records, readings, content):
    directory, manifest, _ = records
    (directory / ".verified.json").write_text(content)
    check_before_use(directory, manifest, full=False)
    assert len(readings) == 1


def test_of_records_too_large_only_sizes_and_counts_are_checked(records, readings, monkeypatch):
    directory, manifest, shard = records
    monkeypatch.setattr(verification, "MAX_VERIFIED_BYTES", manifests.total_bytes(manifest) - 1)
    check_before_use(directory, manifest, full=False)
    assert not readings
    shard.write_bytes(shard.read_bytes() + b"0")
    with pytest.raises(DataError, match=shard.name):
        check_before_use(directory, manifest, full=False)
