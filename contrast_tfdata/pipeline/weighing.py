"""What a training slice weighs in the loss."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.pipeline.folds import count_slices
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records.codec import parse_group_and_label
from contrast_tfdata.records.manifest import SplitInfo

Weigher = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From a record, a scalar string, and its label, a float32 scalar, to the slice's weight, a float32 scalar."""


def make_weigher(records_dir: Path, split: SplitInfo, options: PipelineOptions) -> Weigher:
    """Returns what gives each training slice its weight: by its class, or by its class and patient.

    By patient, the split is read once for it; its images are skipped, not decoded.
    """
    if options.balance_patients:
        return _by_patient(patient_weights(count_slices(records_dir, split)))
    weights = tf.constant(options.class_weights, tf.float32)
    return lambda serialized, label: tf.gather(weights, tf.cast(label, tf.int32))


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
