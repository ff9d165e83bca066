"""The byte format of a record, in both directions."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contrast_tfdata.records import codec

RECORD = codec.SliceRecord(
    pixels=np.arange(12, dtype=np.uint8).reshape(3, 4),
    label=1,
    example_id="0123456789abcdef",
    group="fedcba9876543210",
    source="with_gad/ü a\nb,c\udcff.png",
    slice_index=7,
    source_bytes=4321,
    source_shape=(480, 512),
    subgroups=(("field strength", "3 T"), ("vendor", "GE")),
)


def test_round_trip():
    decoded = codec.decode(codec.encode(RECORD))
    np.testing.assert_array_equal(decoded.pixels, RECORD.pixels)
    assert dataclasses.asdict(decoded) | {"pixels": 0} == dataclasses.asdict(RECORD) | {"pixels": 0}


@given(
    pixels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)),
    label=st.sampled_from([0, 1]),
    source=st.text(max_size=20).filter(lambda text: not any(0xD800 <= ord(each) <= 0xDFFF for each in text)),
    slice_index=st.integers(0, 2**40),
)
def test_any_record_survives(pixels, label, source, slice_index):
    record = codec.SliceRecord(pixels, label, "id", "group", source, slice_index)
    decoded = codec.decode(codec.encode(record))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert (decoded.label, decoded.source, decoded.slice_index) == (label, source, slice_index)


def test_same_record_same_bytes():
    assert codec.encode(RECORD) == codec.encode(dataclasses.replace(RECORD, pixels=RECORD.pixels.copy()))


def test_keys_are_those_of_the_contract():
    example = tf.train.Example.FromString(codec.encode(RECORD))
    assert set(example.features.feature) == {
        "image/raw", "image/height", "image/width", "label", "example_id", "group", "source", "slice_index",
        "source/bytes", "source/height", "source/width", "subgroups",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"pixels": np.zeros((2, 2), np.float32)}, {"pixels": np.zeros((2, 2, 3), np.uint8)}, {"label": 2}, {"label": -1}],
)
def test_encode_refuses_what_is_no_slice(change):
    with pytest.raises(ValueError, match="Received"):
        codec.encode(dataclasses.replace(RECORD, **change))


@pytest.mark.parametrize("key", sorted(codec.FEATURES))
def test_missing_key_is_named(key):
    example = tf.train.Example.FromString(codec.encode(RECORD))
    del example.features.feature[key]
    with pytest.raises(ValueError, match=key):
        codec.decode(example.SerializeToString())


@pytest.mark.parametrize("key", sorted(codec.FEATURES))
def test_wrong_type_is_named(key):
    example = tf.train.Example.FromString(codec.encode(RECORD))
    example.features.feature[key].CopyFrom(tf.train.Feature(float_list=tf.train.FloatList(value=[1.0])))
    with pytest.raises(ValueError, match=key):
        codec.decode(example.SerializeToString())


def test_label_must_be_0_or_1():
    example = tf.train.Example.FromString(codec.encode(RECORD))
    example.features.feature["label"].int64_list.value[0] = 2
    with pytest.raises(ValueError, match="label must be 0 or 1"):
        codec.decode(example.SerializeToString())


def test_size_must_fit_the_pixels():
    example = tf.train.Example.FromString(codec.encode(RECORD))
    example.features.feature["image/height"].int64_list.value[0] = 4
    with pytest.raises(ValueError, match="12 bytes, but height and width say 4 x 4"):
        codec.decode(example.SerializeToString())


def test_bytes_that_are_no_example():
    with pytest.raises(ValueError, match="not a tf.train.Example"):
        codec.decode(b"\xff\xff\xff")


@pytest.mark.parametrize("in_graph", [False, True])
def test_parse_example_equals_decode(in_graph):
    record = dataclasses.replace(RECORD, pixels=np.arange(16, dtype=np.uint8).reshape(4, 4))
    serialized = codec.encode(record)
    if in_graph:
        dataset = tf.data.Dataset.from_tensors(serialized).map(lambda each: codec.parse_example(each, 4))
        image, label = next(iter(dataset))
    else:
        image, label = codec.parse_example(tf.constant(serialized), 4)
    np.testing.assert_array_equal(image.numpy(), record.pixels)
    assert label.numpy() == 1.0
    assert label.dtype == tf.float32


def test_parse_example_fails_on_another_size():
    with pytest.raises(tf.errors.InvalidArgumentError):
        codec.parse_example(tf.constant(codec.encode(RECORD)), 4)
