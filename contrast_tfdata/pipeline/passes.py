"""A split of records, pass after pass, each in an order of its own: read, parsed, paired, cached, shuffled."""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records.codec import parse_group_and_label, parse_place
from contrast_tfdata.records.manifest import Manifest, SplitInfo, require_split

SHUFFLE_BYTES = 128_000_000
"""Most that is shuffled together: 1,168 slices of 331 x 331, so all 901 of the slides' training folder."""

_OPEN_SHARDS = 64
"""Most shards that are read in turn; each has a buffer of 256 KB. They make up 10 GB at the usual size of a shard."""
_PAIR = 2

Parser = Callable[[tf.Tensor], tuple[tf.Tensor, ...]]
"""Makes an example of a serialized record."""


def shuffled_passes(
    *, records_dir: Path, manifest: Manifest, options: PipelineOptions, parse: Parser, cache_name: str = ""
) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function from a seed, int64, to one pass over the training split, example by example, in its order.

    Args:
        records_dir: the records.
        manifest: theirs.
        options: cache and pairs.
        parse: what an example is made of.
        cache_name: of the cache on disk.
    """
    split = require_split(records_dir, manifest, "train")
    # Read from all shards in turn, so that the buffer of a shuffle holds both classes wherever they stand.
    records = read(records_dir, split, in_turn=True)
    if options.pairs:
        # Paired before shuffling, which then moves pairs; and before the cache, as pairs are the same in all passes.
        numbers = tf.data.Dataset.from_tensor_slices(_numbers_within_places(records_dir, split))
        keyed = tf.data.Dataset.zip((numbers, records)).map(
            lambda number, record: (_pair_key(number, record), *parse(record)), num_parallel_calls=tf.data.AUTOTUNE
        )
        examples = _pair_up(keyed)
    else:
        examples = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    # Cached before shuffling: the other way round, every epoch would repeat the first one's batches.
    examples = _cache(examples, manifest, options, cache_name)
    buffer = shuffle_buffer(split.records, manifest.image_size)
    # Of pairs, half as many fit; but where all slices fit, so they do as pairs, and as slices without a partner.
    buffer = -(-buffer // _PAIR) if options.pairs and buffer < split.records else buffer

    def one_pass(seed: tf.Tensor) -> tf.data.Dataset:
        order = examples.shuffle(buffer, seed=seed, reshuffle_each_iteration=False)
        return order.unbatch() if options.pairs else order

    return one_pass


def read(records_dir: Path, split: SplitInfo, *, in_turn: bool) -> tf.data.Dataset:
    """Returns a split's serialized records in their order, or one of each shard in turn: another fixed order."""
    paths = [str(records_dir / shard.name) for shard in split.shards]
    if in_turn:
        # In an order without meaning, so that those open at a time stand for all; the same for all seeds and epochs,
        # since a cache keeps it. The cycle is given: left to TensorFlow, one shard is read after the other. They are
        # not read in parallel: it was no faster, and every reader would read ahead.
        files = tf.data.Dataset.from_tensor_slices(random.Random(0).sample(paths, len(paths)))
        records = files.interleave(tf.data.TFRecordDataset, cycle_length=min(len(paths), _OPEN_SHARDS))
    else:
        records = tf.data.TFRecordDataset(paths)
    records = own_records(records, split)  # All of them, but for folds: those share their shards.
    # The manifest promises this number; a data set that ends early fails here and is never trained on.
    return records.apply(tf.data.experimental.assert_cardinality(split.records))


def own_records(records: tf.data.Dataset, split: SplitInfo) -> tf.data.Dataset:
    """Returns those of the records in a split's shards, scalar strings, that belong to it."""
    if split.only is None:
        return records
    groups = tf.constant(sorted(split.only))
    belongs = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(groups, tf.ones_like(groups, tf.int64)), default_value=0
    )
    return records.filter(lambda serialized: belongs.lookup(parse_group_and_label(serialized)[0]) == 1)


def shuffle_buffer(num_examples: int, image_size: int) -> int:
    """Examples that are shuffled together: all, or as many slices of `image_size` pixels as SHUFFLE_BYTES hold."""
    return min(num_examples, max(1, SHUFFLE_BYTES // image_size**2))


def _pair_key(number: tf.Tensor, record: tf.Tensor) -> tf.Tensor:
    """Returns what two partners share: place, and how many of its place and class come before it."""
    name = tf.strings.join([parse_place(record)[0], tf.strings.as_string(number)], "/")
    # 62 bits: two of a million keys coincide with a probability of one in ten million.
    return tf.strings.to_hash_bucket_fast(name, 1 << 62)


def _numbers_within_places(records_dir: Path, split: SplitInfo) -> np.ndarray:
    """Returns, for each record as it is read in turn, how many of its place and class come before it: (n,) int64.

    The first before contrast so shares its key with the first after it, and no pair is of one class, whatever order
    pictures of a patient, or several series of one class, stand in. The split is read once for it.
    """
    seen: Counter[tuple[bytes, int]] = Counter()
    numbers = []
    places = read(records_dir, split, in_turn=True).map(parse_place, num_parallel_calls=tf.data.AUTOTUNE)
    for place in places.as_numpy_iterator():
        numbers.append(seen[place])
        seen[place] += 1
    return np.array(numbers, np.int64)


def _pair_up(keyed: tf.data.Dataset) -> tf.data.Dataset:
    """Batches (image, label, weight) of one or two slices of the same key, each as soon as its second one was read.

    Slices without a partner come at the end, one by one, and are held in memory until then.
    """
    return keyed.group_by_window(
        key_func=lambda key, *example: key,
        reduce_func=lambda key, window: window.map(lambda _, *example: example).batch(_PAIR),
        window_size=_PAIR,
    )


def _cache(examples: tf.data.Dataset, manifest: Manifest, options: PipelineOptions, name: str) -> tf.data.Dataset:
    if options.cache == "none":
        return examples
    if options.cache == "memory":
        return examples.cache()
    # Named by content, so that a cache of other records is never taken up; made anew by each run, since a killed one
    # leaves it incomplete and locked.
    path = options.cache_dir / f"{name}-{manifest.fingerprint[:16]}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return examples.cache(str(path / "examples"))
