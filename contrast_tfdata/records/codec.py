"""The byte format of one record, both directions side by side: a slice as a `tf.train.Example`.

Pixels are stored decoded and resized, as raw uint8: about as small as the PNG they came from, and free to decode.
"""

import dataclasses
import json

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class SliceRecord:
    """One record.

    Attributes:
        pixels: (height, width) uint8.
        label: 0 or 1.
        example_id: 16 hex digits derived from the source's content and the slice's position in it.
        group: hashed patient key, 16 hex digits.
        source: relative path of the source, undecodable bytes kept as surrogates.
        slice_index: position in the volume or series, 0 for a picture.
        source_bytes: size of the source's file; 0 where there is none.
        source_shape: (height, width) of the slice in its source, before it was resized; (0, 0) where that is not known.
        subgroups: (what is told apart, its word) pairs by which figures may be given, as (("vendor", "GE"),).
    """

    pixels: np.ndarray
    label: int
    example_id: str
    group: str
    source: str
    slice_index: int
    source_bytes: int = 0
    source_shape: tuple[int, int] = (0, 0)
    subgroups: tuple[tuple[str, str], ...] = ()


# No `default_value` anywhere: a record that lacks a key must fail, not pass as zeros.
FEATURES = {
    "image/raw": tf.io.FixedLenFeature([], tf.string),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "example_id": tf.io.FixedLenFeature([], tf.string),
    "group": tf.io.FixedLenFeature([], tf.string),
    "source": tf.io.FixedLenFeature([], tf.string),
    "slice_index": tf.io.FixedLenFeature([], tf.int64),
    "source/bytes": tf.io.FixedLenFeature([], tf.int64),
    "source/height": tf.io.FixedLenFeature([], tf.int64),
    "source/width": tf.io.FixedLenFeature([], tf.int64),
    "subgroups": tf.io.FixedLenFeature([], tf.string),
}
PARSING = "parse_record"
"""Scope of the operations that read a record in a graph: an error of theirs is the records' fault."""
DESCRIPTIONS = {
    "image/raw": "pixels row by row, one byte each, 0 black",
    "image/height": "rows of pixels",
    "image/width": "columns of pixels",
    "label": "0 no_gad (before contrast), 1 with_gad (after contrast)",
    "example_id": "16 hex digits that follow from the source's content and the slice's position in it",
    "group": "16 hex digits, the hash of the patient, or of the study or file where no patient is known",
    "source": "relative path of the source, a known patient in it hashed; any bytes that a file system takes",
    "slice_index": "position in the volume or series, 0 for a picture",
    "source/bytes": "size of the source's file in bytes, 0 for synthetic slices",
    "source/height": "rows of pixels of the slice in its source, before it was resized",
    "source/width": "columns of pixels of the slice in its source, before it was resized",
    "subgroups": "a JSON object of texts by which figures may be given, such as vendor and field strength",
}
"""What each key holds, for the files that describe the records to other programs."""


def encode(record: SliceRecord) -> bytes:
    """Serialises a record; the same record always gives the same bytes.

    Raises:
        ValueError: pixels are not (height, width) uint8, or the label is not 0 or 1.
    """
    if record.pixels.dtype != np.uint8 or record.pixels.ndim != 2:
        raise ValueError(f"Pixels must be (height, width) uint8. Received: {record.pixels.dtype} {record.pixels.shape}")
    if record.label not in (0, 1):
        raise ValueError(f"A label must be 0 or 1. Received: label={record.label}")
    height, width = record.pixels.shape
    features = {
        "image/raw": _bytes(record.pixels.tobytes()),
        "image/height": _int64(height),
        "image/width": _int64(width),
        "label": _int64(record.label),
        "example_id": _bytes(record.example_id.encode()),
        "group": _bytes(record.group.encode()),
        "source": _bytes(record.source.encode("utf-8", "surrogateescape")),
        "slice_index": _int64(record.slice_index),
        "source/bytes": _int64(record.source_bytes),
        "source/height": _int64(record.source_shape[0]),
        "source/width": _int64(record.source_shape[1]),
        "subgroups": _bytes(json.dumps(dict(record.subgroups), sort_keys=True).encode()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def decode(serialized: bytes) -> SliceRecord:
    """Reads what `encode` wrote.

    Raises:
        ValueError: the bytes are no such record; says what is wrong with them.
    """
    try:
        feature = tf.train.Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise ValueError("not a tf.train.Example") from error
    missing = sorted(FEATURES.keys() - feature.keys())
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    values = {key: _single_value(key, feature[key]) for key in FEATURES}
    height, width, raw = values["image/height"], values["image/width"], values["image/raw"]
    if height <= 0 or width <= 0 or height * width != len(raw):
        raise ValueError(f"image/raw has {len(raw)} bytes, but height and width say {height} x {width}")
    if values["label"] not in (0, 1):
        raise ValueError(f"label must be 0 or 1. Received: {values['label']}")
    return SliceRecord(
        pixels=np.frombuffer(raw, np.uint8).reshape(height, width),
        label=values["label"],
        example_id=values["example_id"].decode(),
        group=values["group"].decode(),
        source=values["source"].decode("utf-8", "surrogateescape"),
        slice_index=values["slice_index"],
        source_bytes=values["source/bytes"],
        source_shape=(values["source/height"], values["source/width"]),
        subgroups=_subgroups(values["subgroups"]),
    )


def _subgroups(text: bytes) -> tuple[tuple[str, str], ...]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("subgroups is not JSON") from error
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("subgroups must be a JSON object of texts")
    return tuple(found.items())


def parse_example(serialized: tf.Tensor, image_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The same in a TensorFlow graph, only what training needs.

    Args:
        serialized: scalar string.
        image_size: side that the manifest promises; another one fails.

    Returns:
        image (image_size, image_size) uint8; label scalar float32, 0.0 or 1.0.

    Raises:
        tf.errors.InvalidArgumentError: the record is not so; the failing operation's name has PARSING in it.
    """
    wanted = ("image/raw", "label")
    with tf.name_scope(PARSING):
        features = tf.io.parse_single_example(serialized, {key: FEATURES[key] for key in wanted})
        image = tf.reshape(tf.io.decode_raw(features["image/raw"], tf.uint8), (image_size, image_size))
        # Looked up, not cast, so that another label fails; tf.data runs this on the CPU, where indices are checked.
        return image, tf.gather(tf.constant([0.0, 1.0]), features["label"])


def parse_id(serialized: tf.Tensor) -> tf.Tensor:
    """Returns `example_id` alone, in a TensorFlow graph: scalar string."""
    with tf.name_scope(PARSING):
        return tf.io.parse_single_example(serialized, {"example_id": FEATURES["example_id"]})["example_id"]


def parse_place(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what names a slice's group and place, scalar string, and its label, scalar int64, in a TensorFlow graph.

    Of a volume, the slice before contrast and the one of the same place after it share the name. Every picture is slice
    0 of its file, so that all pictures of a group do.
    """
    wanted = ("group", "slice_index", "label")
    with tf.name_scope(PARSING):
        features = tf.io.parse_single_example(serialized, {key: FEATURES[key] for key in wanted})
        name = tf.strings.join([features["group"], tf.strings.as_string(features["slice_index"])], "/")
        return name, features["label"]


def parse_group_and_label(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns group (string) and label (int64) of one record or of many, in a TensorFlow graph; pixels are passed over.

    Args:
        serialized: string, a scalar or (N,).
    """
    parse = tf.io.parse_example if serialized.shape.rank else tf.io.parse_single_example
    with tf.name_scope(PARSING):
        features = parse(serialized, {key: FEATURES[key] for key in ("group", "label")})
        return features["group"], features["label"]


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int64(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _single_value(key: str, feature: tf.train.Feature) -> bytes | int:
    values = (feature.bytes_list if FEATURES[key].dtype == tf.string else feature.int64_list).value
    if len(values) != 1:
        raise ValueError(f"{key} must hold one {FEATURES[key].dtype.name}")
    return values[0]
