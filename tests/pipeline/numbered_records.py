"""Tiny records whose pixels all hold the slice's number, so that a test sees which slices a batch has."""

import numpy as np
import tensorflow as tf

from contrast_tfdata.records import codec
from contrast_tfdata.records import manifest as manifests

SIZE = 6


def write_numbered(directory, slices, *, first=0, preprocessing=None):
    """Writes a training split of (group, place, label), numbered from `first`; returns its manifest."""
    directory.mkdir(parents=True)
    path = directory / "contrast-train.tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, (group, place, label) in enumerate(slices, start=first):
            pixels = np.full((SIZE, SIZE), number, np.uint8)
            writer.write(codec.encode(codec.SliceRecord(pixels, label, f"{number}", group, "s", place)))
    shard = manifests.Shard(path.name, path.stat().st_size, len(slices), manifests.sha256_of(path))
    positive = sum(label for _, _, label in slices)
    classes = {"no_gad": len(slices) - positive, "with_gad": positive}
    split = manifests.SplitInfo((shard,), classes, len({group for group, _, _ in slices}))
    return manifests.Manifest(preprocessing or {"image_size": SIZE}, {"rule": "group"}, {"train": split}, True, {})
