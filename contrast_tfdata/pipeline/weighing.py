"""What a training slice weighs in the loss."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records.manifest import SplitInfo


def make_weigher(
    records_dir: Path, split: SplitInfo, options: PipelineOptions
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a function from a record and its label, scalars in a graph, to the slice's weight, a float32 scalar."""
    return lambda serialized, label: tf.gather(tf.constant(options.class_weights, tf.float32), tf.cast(label, tf.int32))
