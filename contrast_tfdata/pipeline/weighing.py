"""What a training slice weighs in the loss."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.pipeline.folds import count_slices
from contrast_tfdata.records.codec import parse_group_and_label
from contrast_tfdata.records.manifest import SplitInfo

Weigher = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From a record, a scalar string, and its label, a float32 scalar, to the slice's weight, a float32 scalar."""


def make_weigher(records_dir: Path, split: SplitInfo, rule: str) -> Weigher:
    """Returns what gives each slice of a split its weight: by its class, by its class and patient, or 1.

    By patient, the split is read once for it; its images are skipped, not decoded.

    Args:
        records_dir: the records.
        split: of them.
        rule: `PipelineOptions.class_weights`; for `batch`, which no slice decides by itself, see `balance_batch`.
    """
    if rule == "balanced_patients":
        return _by_patient(patient_weights(count_slices(records_dir, split)))
    weights = tf.constant(class_weights(split.classes) if rule == "balanced" else (1.0, 1.0), tf.float32)
    return lambda serialized, label: tf.gather(weights, tf.cast(label, tf.int32))


def class_weights(counts: Mapping[str, int]) -> tuple[float, float]:
    """Returns the weight of each class, n / (2 n_class), scikit-learn's rule; 0 for one that has no slice.

    Args:
        counts: slices per class, class 0 first.
    """
    total = sum(counts.values())
    first, second = (total / (2 * count) if count else 0.0 for count in counts.values())
    return (first, second)


def patient_weights(counts: Mapping[tuple[bytes, int], int]) -> dict[tuple[bytes, int], float]:
    """Returns the weight of a slice by its group and label, such that no patient outweighs another.

    With N slices, C classes that have any, G(c) groups with slices of class c and n(g, c) slices of group g and class
    c, it is N / (C G(c) n(g, c)). So each class has the sum N / C, each group of a class has an equal part of that, and
    the mean of all slices is 1.

    Args:
        counts: slices, by group and label; each at least 1.
    """
    groups = Counter(label for _, label in counts)
    total = sum(counts.values())
    return {(group, label): total / (len(groups) * groups[label] * many) for (group, label), many in counts.items()}


def _by_patient(weights: Mapping[tuple[bytes, int], float]) -> Weigher:
    keys = [b"%s/%d" % key for key in weights]
    positions = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.range(len(keys), dtype=tf.int64)), default_value=-1
    )
    values = tf.constant(list(weights.values()), tf.float32)

    def weigh(serialized: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        group, stored = parse_group_and_label(serialized)
        # A group that was not counted is at position -1, which fails; a weight for it would hide other records.
        return tf.gather(values, positions.lookup(tf.strings.join([group, tf.strings.as_string(stored)], "/")))

    return weigh


def balance_batch(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Weighs a batch so that each class has half of its weight.

    A random batch has more slices now of one class, now of the other. While a network does not tell them apart yet,
    that moves all logits up or down at random; weights take this noise out of the gradient.

    Args:
        images: (B, ...), returned as they are.
        labels: (B, 1) float32, 0 or 1.
        weights: (B,) float32, >= 0; 0 for padding, which stays.

    Returns:
        images, labels, and weights with the same sum; a batch of one class alone keeps its own.
    """
    second = weights * labels[:, 0]
    first = weights - second
    sums = tf.reduce_sum(first), tf.reduce_sum(second)
    halves = [
        tf.math.divide_no_nan(each, total) * sum(sums) / 2 for each, total in zip((first, second), sums, strict=True)
    ]
    return images, labels, tf.where((sums[0] > 0) & (sums[1] > 0), sum(halves), weights)
