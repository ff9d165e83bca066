"""Writing the shards of one split."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.records import codec
from contrast_tfdata.records.manifest import Shard, SplitInfo, sha256_of

DATASET_NAME = "contrast"
SHARD_BYTES = 150_000_000
"""Aimed at per shard: large enough to be read in long runs, small enough to be spread over many readers."""
_RECORD_OVERHEAD = 300


def shard_name(split: str, number: int, num_shards: int) -> str:
    """Name of shard `number`, counted from 0: contrast-train.tfrecord-00000-of-00001."""
    return f"{DATASET_NAME}-{split}.tfrecord-{number:05d}-of-{num_shards:05d}"


def expected_bytes(num_records: int, image_size: int) -> int:
    """About how many bytes the records will take."""
    return num_records * (image_size**2 + _RECORD_OVERHEAD)


def choose_num_shards(num_records: int, image_size: int, wanted: int | None) -> int:
    """Number of shards for a split; `wanted` None means as many as give about SHARD_BYTES each; none is left empty."""
    if wanted is None:
        wanted = math.ceil(expected_bytes(num_records, image_size) / SHARD_BYTES)
    return max(1, min(wanted, num_records))


def shard_number(position: int, num_shards: int, num_records: int) -> int:
    """Shard in which the record at `position` of a split stands: planned records are spread evenly, in their order."""
    return position * num_shards // num_records


def write_shard(path: Path, serialized: Iterable[bytes]) -> Shard:
    """Writes a whole shard and describes it; raises OSError where the disk does not take it."""
    records = 0
    with _as_os_error(path), tf.io.TFRecordWriter(str(path)) as writer:
        for each in serialized:
            writer.write(each)
            records += 1
    return Shard(path.name, path.stat().st_size, records, sha256_of(path))


@dataclasses.dataclass
class _Counts:
    classes: Counter = dataclasses.field(default_factory=Counter)
    groups: set = dataclasses.field(default_factory=set)


class SplitWriter:
    """Writes one split's records in the order in which they come, evenly over its shards.

    Args:
        directory: an existing folder.
        split: name of the split.
        num_records: how many are planned; each is either written or passed over.
        num_shards: number of files.
    """

    def __init__(self, directory: Path, split: str, num_records: int, num_shards: int):
        self._num_records = num_records
        self._paths = [directory / shard_name(split, number, num_shards) for number in range(num_shards)]
        self._position = 0
        self._records = [0] * num_shards
        self._opened = 0
        self._writer: tf.io.TFRecordWriter | None = None
        self._counts = _Counts()

    def write(self, record: codec.SliceRecord) -> None:
        """Appends a record. Raises OSError where the disk does not take it."""
        number = shard_number(self._position, len(self._paths), self._num_records)
        self._open_up_to(number)
        with _as_os_error(self._paths[number]):
            self._writer.write(codec.encode(record))
        self._position += 1
        self._records[number] += 1
        self._counts.classes[CLASS_NAMES[record.label]] += 1
        self._counts.groups.add(record.group)

    def skip(self, num_records: int) -> None:
        """Passes over planned records that cannot be written; where the others stand does not depend on them."""
        self._position += num_records

    def __enter__(self) -> "SplitWriter":
        return self

    def __exit__(self, *exception) -> None:
        self._close_shard()

    def finish(self) -> SplitInfo:
        """Finishes all shards and describes what was written; where that is nothing, no file is left."""
        if not any(self._records):
            return SplitInfo((), dict.fromkeys(CLASS_NAMES, 0), 0)
        self._open_up_to(len(self._paths) - 1)
        self._close_shard()
        shards = tuple(
            Shard(path.name, path.stat().st_size, records, sha256_of(path))
            for path, records in zip(self._paths, self._records, strict=True)
        )
        classes = {name: self._counts.classes[name] for name in CLASS_NAMES}
        return SplitInfo(shards, classes, len(self._counts.groups))

    def _open_up_to(self, number: int) -> None:
        while self._opened <= number:
            self._close_shard()
            with _as_os_error(self._paths[self._opened]):
                self._writer = tf.io.TFRecordWriter(str(self._paths[self._opened]))
            self._opened += 1

    def _close_shard(self) -> None:
        if self._writer is not None:
            with _as_os_error(self._paths[0]):
                self._writer.close()
            self._writer = None


class _as_os_error:  # noqa: N801
    """Turns TensorFlow's file errors into OSError, so that callers need not know who wrote."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, tf.errors.OpError):
            raise OSError(0, f"writing failed: {error.message}", str(self._path)) from error
