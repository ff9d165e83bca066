"""Records that a network learns in a few steps: a bright spot means contrast."""

import numpy as np
import tensorflow as tf

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.records import codec
from contrast_tfdata.records import manifest as manifests

SIZE = 190
"""The smallest image that the network's six blocks leave something of."""


def is_flipped(number):
    """Tells whether `write_records` can be asked to give this slice of a split the wrong label: one in twenty."""
    return number % 40 in (3, 22)  # One of each class, so that the counts stay.


def write_records(directory, counts=(("train", 32), ("validation", 16), ("test", 16)), seed=0, *, flip=False):
    """Writes slices of noise, with a bright square where the label is 1, but for flipped ones; returns the manifest."""
    directory.mkdir()
    rng = np.random.default_rng(seed)
    splits = {}
    for split, count in counts:
        path = directory / f"contrast-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in range(count):
                writer.write(codec.encode(_record(rng, split, number, flip and is_flipped(number))))
        shard = manifests.Shard(path.name, path.stat().st_size, count, manifests.sha256_of(path))
        classes = {"no_gad": (count + 1) // 2, "with_gad": count // 2}
        splits[split] = manifests.SplitInfo((shard,), classes, count)
    files = {"found": 64, "used": 64, "duplicates": 0, "rejected": {}, "skipped": {}}
    rule = {"rule": "group", "allow_leakage": False, "validation_fraction": 0.2, "test_fraction": 0.2, "seed": seed}
    preprocessing = Preprocessing(image_size=SIZE).to_json()
    manifest = manifests.Manifest(preprocessing, rule, splits, True, files)
    (directory / "manifest.json").write_text(manifest.to_text())
    return manifest


def _record(rng, split, number, flipped):
    pixels = rng.integers(0, 80, (SIZE, SIZE)).astype(np.uint8)
    label = number % 2
    if label:
        row, column = rng.integers(20, SIZE - 60, 2)
        pixels[row : row + 40, column : column + 40] += 150
    return codec.SliceRecord(
        pixels, label ^ flipped, f"{split}{number:04d}", f"{split}{number}", f"{split}/{number}.png", 0
    )
