"""Reading every byte of a folder of records and holding it to the manifest."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.records import codec, descriptions, manifest
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.bounded_file import read_json

MAX_VERIFIED_BYTES = 2 << 30
"""Most that is read before use: 0.6 s for 1,500 slices. Of larger records sizes and counts are checked."""
_STAMP = ".verified.json"
"""Beside records that were read and found whole: name, size and time of each file then."""


def check_before_use(records_dir: Path, expected: manifest.Manifest, *, full: bool) -> None:
    """Holds records to their manifest before they are used: every byte, unless nothing has changed since the last time.

    Args:
        records_dir: the records.
        expected: their manifest.
        full: read them all, however large they are and whatever was verified before.

    Raises:
        DataError: lists what is damaged, missing or not theirs.
    """
    state = _state(records_dir, expected)
    if not full and (_stamped(records_dir) == state or manifest.total_bytes(expected) > MAX_VERIFIED_BYTES):
        manifest.check(records_dir, expected)
        return
    verify_records(records_dir, expected)
    with contextlib.suppress(OSError), replacing(records_dir / _STAMP) as file:
        json.dump(state, file)  # Where nobody may write, all is read again the next time.


def _state(records_dir: Path, expected: manifest.Manifest) -> dict[str, list[int]]:
    """Returns size in bytes and time of change in nanoseconds of the manifest and of each shard that is there."""
    names = [manifest.FILE_NAME, *(shard.name for split in expected.splits.values() for shard in split.shards)]
    found = {name: (records_dir / name).stat() for name in names if (records_dir / name).exists()}
    return {name: [each.st_size, each.st_mtime_ns] for name, each in found.items()}


def _stamped(records_dir: Path) -> object:
    """Returns the state in which the records were found whole, or None where none is known."""
    try:
        return read_json(records_dir / _STAMP)
    except (OSError, ValueError):
        return None


def verify(records_dir: Path, expected: manifest.Manifest) -> None:
    """Checks the records as `verify_records` does, and the files that describe them to other programs.

    Raises:
        DataError: lists every problem with shard and record.
    """
    _raise_damaged(records_dir, _find_damage(records_dir, expected) + descriptions.find_problems(records_dir, expected))


def verify_records(records_dir: Path, expected: manifest.Manifest) -> None:
    """Checks sizes, counts and SHA-256 of shards, and that every record can be read and has its size, class and split.

    Raises:
        DataError: lists every problem with shard and record.
    """
    _raise_damaged(records_dir, _find_damage(records_dir, expected))


def read_records(path: Path) -> Iterator[codec.SliceRecord]:
    """Yields the records of one shard.

    Raises:
        DataError: names the shard and the number of the record that cannot be read.
    """
    for number, record in _readings(path):
        if isinstance(record, str):
            raise DataError(f"{path}: record {number}: {record}; {manifest.REMAKE}")
        yield record


def read_split(records_dir: Path, info: manifest.SplitInfo) -> Iterator[codec.SliceRecord]:
    """Yields a split's records in the order in which evaluation reads them."""
    for shard in info.shards:
        for record in read_records(records_dir / shard.name):
            if info.only is None or record.group in info.only:
                yield record


def _raise_damaged(records_dir: Path, problems: list[str]) -> None:
    if problems:
        raise DataError.listing(f"{records_dir}: the records are damaged; {manifest.REMAKE}:", problems)


def _find_damage(records_dir: Path, expected: manifest.Manifest) -> list[str]:
    manifest.check(records_dir, expected)
    problems, splits_of_group = [], {}
    for split, info in expected.splits.items():
        classes, unread, alone = Counter(), [], frozenset({split})  # One set for all groups, not one for each.
        for shard in info.shards:
            path = records_dir / shard.name
            if manifest.sha256_of(path) != shard.sha256:
                problems.append(f"{shard.name}: SHA-256 differs from the manifest's: a damaged or another file")
            for number, record in _readings(path):
                if isinstance(record, str):
                    unread.append(f"{shard.name}: record {number}: {record}")
                    continue
                if record.pixels.shape != (expected.image_size, expected.image_size):
                    side = expected.image_size
                    unread.append(f"{shard.name}: record {number}: {record.pixels.shape} instead of {(side, side)}")
                classes[record.label] += 1
                splits = splits_of_group.setdefault(record.group, alone)
                if split not in splits:
                    splits_of_group[record.group] = splits | alone
        problems += unread or _class_problems(split, info, classes)
    return problems + _leaks(expected, splits_of_group)


def _class_problems(split: str, info: manifest.SplitInfo, classes: Counter) -> list[str]:
    counts = {name: classes[label] for label, name in enumerate(CLASS_NAMES)}
    return [f"{split}: records per class {counts} instead of {info.classes}"] if counts != info.classes else []


def _leaks(expected: manifest.Manifest, splits_of_group: dict[str, frozenset[str]]) -> list[str]:
    if expected.split_rule["rule"] != "group" or expected.split_rule["allow_leakage"]:
        return []
    leaks = {group: each for group, each in splits_of_group.items() if len(each) > 1}
    return [f"group {group} stands in {sorted(each)}" for group, each in leaks.items()]


def _readings(path: Path) -> Iterator[tuple[int, codec.SliceRecord | str]]:
    """Yields the number of each record with the record, or with what is wrong with it; goes on after a bad one."""
    number = 0
    try:
        for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield number, _decoded(serialized)
            number += 1
    except tf.errors.DataLossError:
        yield number, "its checksum differs"
        yield from _readings_without_checksum(path, number + 1)


def _readings_without_checksum(path: Path, first: int) -> Iterator[tuple[int, codec.SliceRecord | str]]:
    """The records from number `first` on: TensorFlow reads no further in a file after a checksum that differs."""
    with path.open("rb") as stream:
        for number, (offset, length) in enumerate(manifest.frames(path)):
            if number >= first:
                stream.seek(offset)
                yield number, _decoded(stream.read(length))


def _decoded(serialized: bytes) -> codec.SliceRecord | str:
    try:
        return codec.decode(serialized)
    except ValueError as error:
        return str(error)
