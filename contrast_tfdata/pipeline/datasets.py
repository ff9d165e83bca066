"""The input pipelines: one function for training, one for evaluation, each to be read from top to bottom."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.pipeline.augmentation import augment
from contrast_tfdata.pipeline.mixing import Division, PhantomPart
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.pipeline.passes import Parser, read, shuffled_passes
from contrast_tfdata.pipeline.weighing import balance_batch, make_weigher
from contrast_tfdata.records.codec import parse_example, parse_id
from contrast_tfdata.records.manifest import Manifest, require_split

_PREFETCHED = 2
"""Batches made ahead. AUTOTUNE was no faster, and leaves open how much it holds."""
_PHANTOM_SEEDS = 1 << 32
"""Added to the seed for the order of synthetic slices; seeds end below it, so no real pass is shuffled alike."""
_DRAWN_EPOCHS = 1 << 31
"""Numbers among which an epoch without one is drawn."""
_PHANTOM_NUMBERS = 1 << 62
"""Where the numbers of synthetic slices begin, by which they are augmented: above those of real ones."""


def steps_per_epoch(num_examples: int, batch_size: int, phantom: PhantomPart | None = None) -> int:
    """Batches that hold every (real) example once; the last one may be smaller (or padded)."""
    return divide_epoch(num_examples, batch_size, phantom).steps


def divide_epoch(num_examples: int, batch_size: int, phantom: PhantomPart | None) -> Division:
    """Returns what the batches of an epoch hold, with or without synthetic slices."""
    if phantom:
        return phantom.divide(num_examples, batch_size)
    return Division(-(-num_examples // batch_size), min(batch_size, num_examples))


def create_train_dataset(
    *,
    records_dir: Path,
    manifest: Manifest,
    options: PipelineOptions,
    first_epoch: int,
    epochs: int | None,
    first_step: int = 0,
    phantom: PhantomPart | None = None,
) -> tf.data.Dataset:
    """Batches of the training split for the epochs from `first_epoch` (counted from 0) to `epochs` - 1.

    Without a number of epochs it is one epoch, in an order of its own each time that the data set is gone through.

    The order of an epoch follows from seed and epoch alone, whatever the cache: a run that starts at epoch 5, or at a
    later step of it (`first_step`, from 0), sees what an uninterrupted one sees there. A split of at most
    `passes.SHUFFLE_BYTES` is shuffled as a whole. A larger one is read from all its shards in turn (from 64 at a
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
    # Read, parsed, weighed, paired and cached once; shuffled for each pass.
    one_pass = shuffled_passes(
        records_dir=records_dir,
        manifest=manifest,
        options=options,
        parse=_weighing_parser(records_dir, manifest, options.class_weights),
        cache_name="train",
    )

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # A seed per epoch, and no state that is carried from one to the next. Numbered after shuffling, over all
        # epochs: each appearance of an example is transformed differently.
        numbered = one_pass(options.seed + epoch).enumerate(start=epoch * split.records)
        # After shuffling and numbering: what is left is as if the steps before had been taken.
        numbered = numbered.skip(tf.where(epoch == first_epoch, tf.constant(first_step * division.real, tf.int64), 0))
        # Batched within an epoch: each epoch shows every example once, as on the slides.
        return numbered.batch(division.real)

    batches = _epochs(first_epoch, epochs, options.seed).flat_map(one_epoch)
    if phantom:
        # Where a run starts follows from its step alone: within the pass that an uninterrupted run would be in.
        first = (first_epoch * division.steps + first_step) * division.synthetic
        weighed = _weighing_parser(phantom.records_dir, phantom.manifest, "none")
        examples = _phantom_examples(phantom, options, weighed, first, epochs * division.steps * division.synthetic)
        numbered = examples.enumerate(start=_PHANTOM_NUMBERS + first)
        beside = numbered.batch(division.synthetic, drop_remainder=True)
        batches = tf.data.Dataset.zip((batches, beside)).map(
            lambda real, synthetic: _one_behind_the_other(real, synthetic, division.real_weight)
        )
    # Vectorised after batching: one call a batch instead of 64. In parallel for the sake of augmentation; without it
    # this takes nothing worth measuring.
    batches = batches.map(
        lambda number, example: _augmented(number, *example, options), num_parallel_calls=tf.data.AUTOTUNE
    )
    if options.static_shapes:
        rows = options.rows(division.real + division.synthetic)
        batches = batches.map(lambda *example: _padded(*example, rows))
    if options.class_weights == "batch":
        batches = batches.map(balance_batch)
    batches = batches.with_options(_tf_options(options.cache))
    batches = batches.prefetch(_PREFETCHED)
    steps = (1 if epochs is None else epochs - first_epoch) * division.steps - first_step
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


def _epochs(first: int, last: int | None, seed: int) -> tf.data.Dataset:
    """The numbers of the epochs; without a last one, a number drawn anew for each pass through the data set."""
    if last is not None:
        return tf.data.Dataset.range(first, last)
    drawn = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
    return drawn.map(lambda number: number % _DRAWN_EPOCHS)


def create_eval_dataset(
    *, records_dir: Path, manifest: Manifest, split: str, options: PipelineOptions, pad: bool = True
) -> tf.data.Dataset:
    """Batches of a split in the order of its records, each example once; the last batch is padded with weight 0.

    Returns:
        A data set of (images (B, S, S) uint8, labels (B, 1) float32, weights (B,) float32), all of the same shape; B is
        `PipelineOptions.rows`. Without `pad` of (images, labels), of which the last batch may be smaller.

    Raises:
        DataError: there is no such split.
    """
    info = require_split(records_dir, manifest, split)
    records, rows = read(records_dir, info, in_turn=False), options.rows(info.records)
    examples = records.map(lambda each: parse_example(each, manifest.image_size), num_parallel_calls=tf.data.AUTOTUNE)
    batches = examples.batch(rows)
    batches = batches.map(lambda image, label: (image, label[:, tf.newaxis]))
    if pad:
        # Padded, not dropped: no example is lost, and one compiled step serves all.
        batches = batches.map(lambda image, label: _padded(image, label, None, rows))
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
    one_pass = shuffled_passes(records_dir=records_dir, manifest=manifest, options=options, parse=_parse_id_alone)
    parts = [one_pass(options.seed + epoch).skip(step * division.real).take(division.real)]
    if phantom:
        first = (epoch * division.steps + step) * division.synthetic
        parts.append(_phantom_examples(phantom, options, _parse_id_alone, first, first + division.synthetic))
    return [example_id.decode() for part in parts for (example_id,) in part.as_numpy_iterator()]


def _phantom_examples(
    phantom: PhantomPart, options: PipelineOptions, parse: Parser, first: int, last: int
) -> tf.data.Dataset:
    """The synthetic examples from `first` to `last` - 1, counted over all epochs."""
    split = require_split(phantom.records_dir, phantom.manifest, "train")
    one_pass = shuffled_passes(
        records_dir=phantom.records_dir, manifest=phantom.manifest, options=options, parse=parse, cache_name="phantom"
    )
    passes = tf.data.Dataset.range(first // split.records, -(-last // split.records))
    examples = passes.flat_map(lambda each: one_pass(options.seed + _PHANTOM_SEEDS + each))
    return examples.skip(first % split.records).take(last - first)


def _one_behind_the_other(real, synthetic, real_weight: float):
    """Joins two batches (number, (image, label, weight))."""
    number, (image, label, weight) = real
    real = number, (image, label, weight * real_weight)
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), real, synthetic)


def _weighing_parser(records_dir: Path, manifest: Manifest, rule: str) -> Parser:
    """Returns what makes (image, label, weight) of a record."""
    weigh = make_weigher(records_dir, require_split(records_dir, manifest, "train"), rule)

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image, label = parse_example(serialized, manifest.image_size)
        # Weighed here, where the group is known, and not in the batch, which may hold slices of two sources.
        return image, label, weigh(serialized, label)

    return parse


def _parse_id_alone(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return (parse_id(serialized),)


def _augmented(number: tf.Tensor, image: tf.Tensor, label: tf.Tensor, weight: tf.Tensor, options: PipelineOptions):
    """Transforms each slice of a batch as its number says; returns image, label (B, 1), and weight."""
    seeds = tf.stack([tf.fill(tf.shape(number), tf.cast(options.seed, tf.int64)), number], axis=1)
    return augment(image, seeds, options.augmentation), label[:, tf.newaxis], weight


def _padded(image: tf.Tensor, label: tf.Tensor, weight: tf.Tensor | None, rows: int):
    """Fills a batch to some rows with black images of label 0 and weight 0; without weights, each slice has 1."""
    missing = rows - tf.shape(label)[0]
    weight = tf.pad(tf.ones_like(label[:, 0]) if weight is None else weight, [[0, missing]])
    image = tf.pad(image, [[0, missing], [0, 0], [0, 0]])
    label = tf.pad(label, [[0, missing], [0, 0]])
    size = image.shape[1]
    return (
        tf.ensure_shape(image, (rows, size, size)),
        tf.ensure_shape(label, (rows, 1)),
        tf.ensure_shape(weight, (rows,)),
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
