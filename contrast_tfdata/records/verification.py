"""Reading every byte of a folder of records and holding it to the manifest."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import codec, manifest


def verify(records_dir: Path, expected: manifest.Manifest) -> None:
    """Checks sizes, counts and SHA-256 of shards, and that every record can be read and has its size, class and split.

    Raises:
        DataError: lists every problem with shard and record.
    """
    manifest.check(records_dir, expected, full=False)
    problems, split_of_group = [], {}
    for split, info in expected.splits.items():
        classes = Counter()
        for shard in info.shards:
            if manifest.sha256_of(records_dir / shard.name) != shard.sha256:
                problems.append(f"{shard.name}: SHA-256 differs from the manifest's")
            problems += _check_records(records_dir / shard.name, expected.image_size, classes, split, split_of_group)
        counts = {name: classes[label] for label, name in enumerate(expected.class_names)}
        if counts != info.classes:
            problems.append(f"{split}: records per class {counts} instead of {info.classes}")
    if expected.split_rule["rule"] == "group" and not expected.split_rule["allow_leakage"]:
        problems += [
            f"group {group} stands in {sorted(each)}" for group, each in split_of_group.items() if len(each) > 1
        ]
    if problems:
        raise DataError.listing(f"{records_dir}: the records are damaged; {manifest.REMAKE}:", problems)


def read_records(path: Path) -> Iterator[codec.SliceRecord]:
    """Yields the records of one shard.

    Raises:
        DataError: names the shard and the number of the record that cannot be read.
    """
    number = 0
    try:
        for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield codec.decode(serialized)
            number += 1
    except (ValueError, tf.errors.DataLossError) as error:
        detail = error.message if isinstance(error, tf.errors.DataLossError) else error
        raise DataError(f"{path}: record {number}: {detail}; {manifest.REMAKE}") from error


def read_split(records_dir: Path, info: manifest.SplitInfo) -> Iterator[codec.SliceRecord]:
    """Yields a split's records in the order in which evaluation reads them."""
    for shard in info.shards:
        yield from read_records(records_dir / shard.name)


def _check_records(path: Path, image_size: int, classes: Counter, split: str, split_of_group: dict) -> list[str]:
    problems = []
    try:
        for number, record in enumerate(read_records(path)):
            if record.pixels.shape != (image_size, image_size):
                problems.append(f"{path.name}: record {number}: {record.pixels.shape} instead of {image_size} squared")
            classes[record.label] += 1
            split_of_group.setdefault(record.group, set()).add(split)
    except DataError as error:
        problems.append(str(error))
    return problems
