"""The files with which `tfds.builder_from_directory` opens the records; writing them needs no TensorFlow Datasets.

dataset_info.json and features.json are its protocol buffers DatasetInfo and Feature as JSON, where 64-bit integers are
strings; class names stand in a file of their own. tensorflow.org/datasets/external_tfrecord says what must be there.
"""

import json

import tensorflow as tf

from contrast_tfdata.records import codec
from contrast_tfdata.records.manifest import FORMAT_VERSION, Manifest, SplitInfo
from contrast_tfdata.records.shards import DATASET_NAME

_FILEPATH_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_FEATURES = "tensorflow_datasets.core.features"


def texts(manifest: Manifest, about: str) -> dict[str, str]:
    """Returns the text of each file by its name.

    Examples are dictionaries by `codec.FEATURES`: image/raw (image_size, image_size) uint8, label int64, other numbers
    int64, text as bytes; with `as_supervised` pairs of image/raw and label.

    Args:
        manifest: of the records.
        about: a sentence or two for people.
    """
    return {
        "dataset_info.json": _json(_dataset_info(manifest, about)),
        "features.json": _json(_features(manifest.image_size)),
        "label.labels.txt": "".join(f"{name}\n" for name in manifest.class_names),
    }


def _dataset_info(manifest: Manifest, about: str) -> dict:
    return {
        "name": DATASET_NAME,
        "version": f"{FORMAT_VERSION}.0.0",
        "description": about,
        "fileFormat": "tfrecord",
        # The records are in the order of their sources, not shuffled: read one shard after the other.
        "disableShuffling": True,
        "supervisedKeys": {"tuple": {"items": [{"featureKey": "image/raw"}, {"featureKey": "label"}]}},
        "splits": [_split(name, info) for name, info in manifest.splits.items()],
    }


def _split(name: str, info: SplitInfo) -> dict:
    return {
        "name": name,
        "filepathTemplate": _FILEPATH_TEMPLATE,
        "shardLengths": [str(shard.records) for shard in info.shards],
        "numBytes": str(sum(shard.bytes for shard in info.shards)),
    }


def _features(image_size: int) -> dict:
    features = {key: _feature(key, image_size) for key in codec.FEATURES}
    return {
        "pythonClassName": f"{_FEATURES}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def _feature(key: str, image_size: int) -> dict:
    if key == "image/raw":
        kind, content = "tensor_feature.Tensor", {"tensor": _tensor("uint8", [image_size, image_size], "bytes")}
    elif key == "label":
        kind, content = "class_label_feature.ClassLabel", {"classLabel": {"numClasses": "2"}}
    elif codec.FEATURES[key].dtype == tf.string:
        kind, content = "text_feature.Text", {"text": {}}
    else:
        kind, content = "tensor_feature.Tensor", {"tensor": _tensor("int64", [], "none")}
    return {"pythonClassName": f"{_FEATURES}.{kind}", "description": codec.DESCRIPTIONS[key], **content}


def _tensor(dtype: str, shape: list[int], encoding: str) -> dict:
    dimensions = {"dimensions": [str(side) for side in shape]} if shape else {}
    return {"dtype": dtype, "shape": dimensions, "encoding": encoding}


def _json(value: dict) -> str:
    return json.dumps(value, indent=2) + "\n"
