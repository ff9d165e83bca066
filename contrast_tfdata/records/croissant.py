"""croissant.json: the records in the vocabulary that catalogues of data sets read, Croissant 1.0 of MLCommons.

docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html. The licence, creator, address and date that it also asks for
are left out: whoever publishes records knows them, this program does not.
"""

import json

import tensorflow as tf

from contrast_tfdata.records import codec
from contrast_tfdata.records.manifest import FILE_NAME as MANIFEST_NAME
from contrast_tfdata.records.manifest import FORMAT_VERSION, Manifest, Shard
from contrast_tfdata.records.shards import DATASET_NAME

FILE_NAME = "croissant.json"

# No media type is registered for it; the standard then asks for the address of an explanation.
_TFRECORD = "https://www.tensorflow.org/tutorials/load_data/tfrecord"
_SPLIT_TYPES = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_TERMS = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset"
    " jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source"
    " subField transform"
)
"""The standard's own words, each meaning `cr:` and itself."""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}


def text(manifest: Manifest, about: str) -> str:
    """Returns the file's text.

    Args:
        manifest: of the records.
        about: a sentence or two for people.
    """
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    body = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": DATASET_NAME,
        "description": about,
        "version": f"{FORMAT_VERSION}.0.0",
        "distribution": [_manifest_file(manifest), *map(_shard_file, shards), _all_shards()],
        "recordSet": [_splits(manifest), _labels(manifest), _slices(manifest)],
    }
    return json.dumps(body, indent=2) + "\n"


def _manifest_file(manifest: Manifest) -> dict:
    size = len(manifest.to_text().encode())
    return _file(MANIFEST_NAME, "application/json", size, manifest.fingerprint)


def _shard_file(shard: Shard) -> dict:
    return _file(shard.name, _TFRECORD, shard.bytes, shard.sha256)


def _file(name: str, encoding_format: str, size: int, sha256: str) -> dict:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": encoding_format,
        "sha256": sha256,
    }


def _all_shards() -> dict:
    return {
        "@type": "cr:FileSet",
        "@id": "shards",
        "name": "shards",
        "description": "Each record is a tf.train.Example; columns are the keys of its features.",
        "encodingFormat": _TFRECORD,
        "includes": f"{DATASET_NAME}-*.tfrecord-*",
    }


def _splits(manifest: Manifest) -> dict:
    fields = [_field("splits/name", "sc:Text"), _field("splits/url", "sc:URL")]
    data = [{"splits/name": name, "splits/url": _SPLIT_TYPES[name]} for name in manifest.splits]
    return _record_set("splits", fields, dataType="cr:Split", key={"@id": "splits/name"}, data=data)


def _labels(manifest: Manifest) -> dict:
    fields = [_field("labels/label", "sc:Integer"), _field("labels/name", "sc:Text")]
    data = [{"labels/label": label, "labels/name": name} for label, name in enumerate(manifest.class_names)]
    return _record_set("labels", fields, dataType="sc:Enumeration", key={"@id": "labels/label"}, data=data)


def _slices(manifest: Manifest) -> dict:
    from_name = {
        "fileSet": {"@id": "shards"},
        "extract": {"fileProperty": "filename"},
        "transform": {"regex": rf"^{DATASET_NAME}-({'|'.join(manifest.splits)})\.tfrecord-.*$"},
    }
    split = _field("slices/split", "sc:Text", references={"field": {"@id": "splits/name"}}, source=from_name)
    return _record_set("slices", [*map(_slice_field, codec.FEATURES), split])


def _slice_field(key: str) -> dict:
    more = {"references": {"field": {"@id": "labels/label"}}} if key == "label" else {}
    source = {"fileSet": {"@id": "shards"}, "extract": {"column": key}}
    return _field(f"slices/{key}", _data_type(key), description=codec.DESCRIPTIONS[key], source=source, **more)


def _data_type(key: str) -> str | list[str]:
    if key == "image/raw":
        return "sc:ImageObject"
    if key == "label":
        return ["sc:Integer", "cr:Label"]
    return "sc:Text" if codec.FEATURES[key].dtype == tf.string else "sc:Integer"


def _record_set(name: str, fields: list[dict], **more) -> dict:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, **more, "field": fields}


def _field(identifier: str, data_type: str | list[str], **more) -> dict:
    name = identifier.partition("/")[2]
    return {"@type": "cr:Field", "@id": identifier, "name": name, "dataType": data_type, **more}
