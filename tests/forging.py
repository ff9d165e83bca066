"""Records that are wrong in themselves, in shards and a manifest that agree with each other: as a faulty program's."""

import json

import tensorflow as tf

from contrast_tfdata.records import manifest as manifests


def change_record(directory, split, number, change):
    """Applies `change(features)` to one record of a split's first shard, and describes the shard anew."""
    records = read_serialized(directory, split)
    example = tf.train.Example.FromString(records[number])
    change(example.features.feature)
    records[number] = example.SerializeToString(deterministic=True)
    return write_serialized(directory, split, records)


def read_serialized(directory, split):
    """The bytes of each record of a split's first shard."""
    return list(tf.data.TFRecordDataset(str(_shard(directory, split))).as_numpy_iterator())


def write_serialized(directory, split, records):
    """Writes a split's first shard anew, with checksums, and makes the manifest agree; returns the shard's name."""
    path = _shard(directory, split)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in records:
            writer.write(each)
    text = directory / manifests.FILE_NAME
    fields = json.loads(text.read_text())
    fields["splits"][split]["shards"][0] |= {"bytes": path.stat().st_size, "sha256": manifests.sha256_of(path)}
    text.write_text(json.dumps(fields))
    return path.name


def _shard(directory, split):
    return directory / json.loads((directory / manifests.FILE_NAME).read_text())["splits"][split]["shards"][0]["name"]


def drop_label(features):
    del features["label"]


def label_7(features):
    features["label"].int64_list.value[0] = 7


def float_label(features):
    features["label"].CopyFrom(tf.train.Feature(float_list=tf.train.FloatList(value=[1.0])))


def short_pixels(features):
    features["image/raw"].bytes_list.value[0] = features["image/raw"].bytes_list.value[0][:-1]
