"""The input pipelines: one function for training, one for evaluation, each to be read from top to bottom."""

import dataclasses
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from contrast_tfdata.pipeline.augmentation import augment
from contrast_tfdata.pipeline.folds import own_records
from contrast_tfdata.pipeline.mixing import Division, PhantomPart
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.pipeline.weighing import balance_batch, make_weigher
from contrast_tfdata.records.codec import parse_example, parse_id, parse_place
from contrast_tfdata.records.manifest import Manifest, SplitInfo, require_split

SHUFFLE_BYTES = 128_000_000
"""Most that is shuffled together: 1,168 slices of 331 x 331, so all 901 of the slides' training folder."""

_OPEN_SHARDS = 64
"""Most shards that are read in turn; each has a buffer of 256 KB. They make up 10 GB at the usual size of a shard."""
_PAIR = 2
_PREFETCHED = 2
"""Batches made ahead. AUTOTUNE was no faster, and leaves open how much it holds."""
_PHANTOM_SEEDS = 1 << 32
"""Added to the seed for the order of synthetic slices; seeds end below it, so no real pass is shuffled alike."""
_PHANTOM_NUMBERS = 1 << 62
"""Where the numbers of synthetic slices begin, by which they are augmented: above those of real ones."""
_Parser = Callable[[tf.Tensor], tuple[tf.Tensor, ...]]
"""Makes an example of a serialized record."""


def shuffle_buffer(num_examples: int, image_size: int) -> int:
    """Examples that are shuffled together: all, or as many slices of `image_size` pixels as SHUFFLE_BYTES hold."""
    return min(num_examples, max(1, SHUFFLE_BYTES // image_size**2))


def steps_per_epoch(num_examples: int, batch_size: int, phantom: PhantomPart | None = None) -> int:
    """Batches that hold every (real) example once; the last one may be smaller (or padded)."""
    return divide_epoch(num_examples, batch_size, phantom).steps


def divide_epoch(num_examples: int, batch_size: int, phantom: PhantomPart | None) -> Division:
    """Returns what the batches of an epoch hold, with or without synthetic slices."""
    if phantom:
        return phantom.divide(num_examples, batch_size)
    return Division(-(-num_examples // batch_size), batch_size)


def create_train_dataset(
    *,
    records_dir: Path,
    manifest: Manifest,
    options: PipelineOptions,
    first_epoch: int,
    epochs: int,
    first_step: int = 0,
    phantom: PhantomPart | None = None,
) -> tf.data.Dataset:
    """Batches of the training split for the epochs from `first_epoch` (counted from 0) to `epochs` - 1.

    The order of an epoch follows from seed and epoch alone, whatever the cache: a run that starts at epoch 5, or at a
    later step of it (`first_step`, from 0), sees what an uninterrupted one sees there. A split of at most
    `SHUFFLE_BYTES` is shuffled as a whole. A larger one is read from all its shards in turn (from `_OPEN_SHARDS` at a
    time) and shuffled within a buffer of that size: batches mix slices of all shards, hence both classes even where the
    records stand class by class, but slices that stand far apart in their shards do not meet in a batch. One shard that
    stands class by class and is larger than the buffer would give batches of one class; `make_records` writes one only
    if told to (`--split=keras --num_shards=1`).

    With a phantom part, an epoch is a pass over the real slices alone, and every batch has the same number of synthetic
    ones beside them (see `mixing.Division`). Those go on where the epoch before stopped, pass after pass, each in an
    order of its own, so that all of them are seen however few an epoch takes.

    Except with `cache=memory`, memory does not grow with the split.

    Returns:
        A data set of (images (B, S, S) uint8, labels (B, 1) float32, weights (B,) float32) with `steps_per_epoch`
        batches an epoch; real slices come first in a batch.

    Raises:
        DataError: there is no training split.
    """
    split = require_split(records_dir, manifest, "train")
    division = divide_epoch(split.records, options.batch_size, phantom)
    weighed = _weighing_parser(records_dir, manifest, options)
    shuffled = _shuffled_passes(records_dir, manifest, options, weighed, "train")

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # A seed per epoch, and no state that is carried from one to the next. Numbered after shuffling, over all
        # epochs: each appearance of an example is transformed differently.
        numbered = shuffled(options.seed + epoch).enumerate(start=epoch * split.records)
        # After shuffling and numbering: what is left is as if the steps before had been taken.
        numbered = numbered.skip(tf.where(epoch == first_epoch, tf.constant(first_step * division.real, tf.int64), 0))
        # Batched within an epoch: each epoch shows every example once, as on the slides.
        return numbered.batch(division.real)

    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch)
    if phantom:
        beside = _phantom_batches(
            phantom, options, division, first_epoch * division.steps + first_step, epochs * division.steps
        )
        batches = tf.data.Dataset.zip((batches, beside)).map(
            lambda real, synthetic: _one_behind_the_other(real, synthetic, division.real_weight)
        )
    # Vectorised after batching: one call a batch instead of 64. In parallel for the sake of augmentation; without it
    # this takes nothing worth measuring.
    batches = batches.map(
        lambda number, example: _finish(number, *example, options), num_parallel_calls=tf.data.AUTOTUNE
    )
    if options.class_weights == "batch":
        batches = batches.map(balance_batch)
    batches = batches.with_options(_tf_options(options.cache))
    batches = batches.prefetch(_PREFETCHED)
    return batches.apply(tf.data.experimental.assert_cardinality((epochs - first_epoch) * division.steps - first_step))


def create_eval_dataset(
    *, records_dir: Path, manifest: Manifest, split: str, options: PipelineOptions
) -> tf.data.Dataset:
    """Batches of a split in the order of its records, each example once; the last batch is padded with weight 0.

    Returns:
        A data set of (images (B, S, S) uint8, labels (B, 1) float32, weights (B,) float32), all of the same shape.

    Raises:
        DataError: there is no such split.
    """
    info = require_split(records_dir, manifest, split)
    examples = _read(records_dir, info, lambda each: parse_example(each, manifest.image_size), in_turn=False)
    batches = examples.batch(options.batch_size)
    # Padded, not dropped: no example is lost, and one compiled step serves all.
    batches = batches.map(lambda image, label: _pad(image, label, options.batch_size))
    # Cached after batching, since nothing changes from one validation to the next.
    batches = batches.cache() if options.cache == "memory" else batches
    return batches.with_options(_tf_options(options.cache)).prefetch(_PREFETCHED)


def example_ids_of_step(
    *,
    records_dir: Path,
    manifest: Manifest,
    options: PipelineOptions,
    epoch: int,
    step: int,
    phantom: PhantomPart | None = None,
) -> list[str]:
    """Returns the ids of the examples of one batch of `create_train_dataset`, in their order there.

    Args:
        records_dir: as for `create_train_dataset`, like all that is not named here.
        manifest: likewise.
        options: likewise.
        epoch: from 0.
        step: within the epoch, from 0.
        phantom: likewise.
    """
    split = require_split(records_dir, manifest, "train")
    division = divide_epoch(split.records, options.batch_size, phantom)
    options = dataclasses.replace(options, cache="none")
    shuffled = _shuffled_passes(records_dir, manifest, options, _parse_id_alone)
    parts = [shuffled(options.seed + epoch).skip(step * division.real).take(division.real)]
    if phantom:
        first = (epoch * division.steps + step) * division.synthetic
        parts.append(_phantom_examples(phantom, options, _parse_id_alone, first, first + division.synthetic))
    return [example_id.decode() for part in parts for (example_id,) in part.as_numpy_iterator()]


def _shuffled_passes(
    records_dir: Path, manifest: Manifest, options: PipelineOptions, parse: _Parser, cache_name: str = ""
) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function from a seed to one pass over the training split, example by example, in that seed's order."""
    split = require_split(records_dir, manifest, "train")
    examples = _read_in_turn(records_dir, split, options, parse)
    if options.pairs:
        examples = _pair_up(examples)
    # Cached before shuffling: the other way round, every epoch would repeat the first one's batches.
    examples = _cache(examples, manifest, options, cache_name)
    buffer = shuffle_buffer(split.records, manifest.image_size)
    # Of pairs, half as many fit; but where all slices fit, so they do as pairs, and as slices without a partner.
    buffer = -(-buffer // _PAIR) if options.pairs and buffer < split.records else buffer

    def one_pass(seed: tf.Tensor) -> tf.data.Dataset:
        order = examples.shuffle(buffer, seed=seed, reshuffle_each_iteration=False)
        return order.unbatch() if options.pairs else order

    return one_pass


def _phantom_batches(
    phantom: PhantomPart, options: PipelineOptions, division: Division, first_step: int, steps: int
) -> tf.data.Dataset:
    """The synthetic part of the batches from `first_step` to `steps` - 1, counted over all epochs."""
    weighed = _weighing_parser(
        phantom.records_dir,
        phantom.manifest,
        dataclasses.replace(options, class_weights="none"),
    )
    # Where a run starts follows from its step alone: within the pass that an uninterrupted run would be in.
    first, last = first_step * division.synthetic, steps * division.synthetic
    examples = _phantom_examples(phantom, options, weighed, first, last)
    return examples.enumerate(start=_PHANTOM_NUMBERS + first).batch(division.synthetic, drop_remainder=True)


def _phantom_examples(
    phantom: PhantomPart, options: PipelineOptions, parse: _Parser, first: int, last: int
) -> tf.data.Dataset:
    """The synthetic examples from `first` to `last` - 1, counted over all epochs."""
    split = require_split(phantom.records_dir, phantom.manifest, "train")
    shuffled = _shuffled_passes(phantom.records_dir, phantom.manifest, options, parse, "phantom")
    passes = tf.data.Dataset.range(first // split.records, -(-last // split.records))
    examples = passes.flat_map(lambda each: shuffled(options.seed + _PHANTOM_SEEDS + each))
    return examples.skip(first % split.records).take(last - first)


def _one_behind_the_other(real, synthetic, real_weight: float):
    """Joins two batches (number, (image, label, weight))."""
    number, (image, label, weight) = real
    real = number, (image, label, weight * real_weight)
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), real, synthetic)


def _weighing_parser(records_dir: Path, manifest: Manifest, options: PipelineOptions) -> _Parser:
    """Returns what makes (image, label, weight) of a record."""
    weigh = make_weigher(records_dir, require_split(records_dir, manifest, "train"), options.class_weights)

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image, label = parse_example(serialized, manifest.image_size)
        # Weighed here, where the group is known, and not in the batch, which may hold slices of two sources.
        return image, label, weigh(serialized, label)

    return parse


def _parse_id_alone(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return (parse_id(serialized),)


def _read_in_turn(records_dir: Path, split: SplitInfo, options: PipelineOptions, parse: _Parser) -> tf.data.Dataset:
    """What `parse` makes of one record of each shard in turn; with pairs, the key before it that two partners share."""
    if not options.pairs:
        return _read(records_dir, split, parse, in_turn=True)
    placed = _read(records_dir, split, lambda each: (parse_place(each)[0], *parse(each)), in_turn=True)
    numbers = tf.data.Dataset.from_tensor_slices(_numbers_within_places(records_dir, split))

    def keyed(number: tf.Tensor, rest: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        place, *example = rest
        name = tf.strings.join([place, tf.strings.as_string(number)], "/")
        # 62 bits: two of a million keys coincide with a probability of one in ten million.
        return (tf.strings.to_hash_bucket_fast(name, 1 << 62), *example)

    return tf.data.Dataset.zip((numbers, placed)).map(keyed)


def _numbers_within_places(records_dir: Path, split: SplitInfo) -> np.ndarray:
    """Returns, for each record as it is read in turn, how many of its place and class come before it: (n,) int64.

    The first before contrast so shares its key with the first after it, and no pair is of one class, whatever order
    pictures of a patient, or several series of one class, stand in. The split is read once for it.
    """
    seen: Counter[tuple[bytes, int]] = Counter()
    numbers = []
    for place in _read(records_dir, split, parse_place, in_turn=True).as_numpy_iterator():
        numbers.append(seen[place])
        seen[place] += 1
    return np.array(numbers, np.int64)


def _read(records_dir: Path, split: SplitInfo, parse: _Parser, *, in_turn: bool) -> tf.data.Dataset:
    """What `parse` makes of the records, in their order, or one of each shard in turn: another fixed order."""
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
    examples = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    # The manifest promises this number; a data set that ends early fails here and is never trained on.
    return examples.apply(tf.data.experimental.assert_cardinality(split.records))


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


def _finish(number: tf.Tensor, image: tf.Tensor, label: tf.Tensor, weight: tf.Tensor, options: PipelineOptions):
    """Augments a batch and, where shapes must not change, pads it."""
    seeds = tf.stack([tf.fill(tf.shape(number), tf.cast(options.seed, tf.int64)), number], axis=1)
    image = augment(image, seeds, options.augmentation)
    if options.static_shapes:
        image, padded, real = _pad(image, label, options.batch_size)
        return image, padded, real * tf.pad(weight, [[0, options.batch_size - tf.shape(weight)[0]]])
    return image, label[:, tf.newaxis], weight


def _pad(image: tf.Tensor, label: tf.Tensor, batch_size: int):
    """Fills a batch with black images of label 0; returns image, label (B, 1), and weight: 1, or 0 for padding."""
    missing = batch_size - tf.shape(label)[0]
    weight = tf.pad(tf.ones_like(label), [[0, missing]])
    image = tf.pad(image, [[0, missing], [0, 0], [0, 0]])
    label = tf.pad(label, [[0, missing]])
    size = image.shape[1]
    return (
        tf.ensure_shape(image, (batch_size, size, size)),
        tf.ensure_shape(label, (batch_size,))[:, tf.newaxis],
        tf.ensure_shape(weight, (batch_size,)),
    )


def _tf_options(cache: str) -> tf.data.Options:
    """Only what was measured to pay: benchmarks/NOTES.md has the rest (threads, autotuning, fusion)."""
    options = tf.data.Options()
    options.deterministic = True  # The same seed gives the same run; the other order was no faster.
    # Reading begins with the iterator, so that the shuffle buffer fills while the first step is traced: after a
    # second of other work the first batch is there in 5 ms instead of 370. Not with a cache on disk, which TensorFlow
    # 2.15 then now and then opens twice, and refuses.
    options.experimental_warm_start = cache != "disk"
    return options
