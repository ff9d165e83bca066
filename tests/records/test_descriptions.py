"""What other programs read beside the records: TensorFlow Datasets opens them, catalogues find them described."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from png_files import write_png
from test_conversion import SMALL, contents, make

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.records import codec, descriptions
from contrast_tfdata.records.manifest import sha256_of
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.shards import SplitWriter
from contrast_tfdata.records.verification import read_split, verify

NAMES = ("dataset_info.json", "features.json", "label.labels.txt", "croissant.json")


@pytest.fixture(scope="module")
def tfds():
    # Here: it takes a second, which most tests do not need; and there is none for newer versions of TensorFlow.
    return pytest.importorskip("tensorflow_datasets")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A folder of records, which tests only read, and its manifest."""
    root = tmp_path_factory.mktemp("pictures")
    for label, name in enumerate(CLASS_NAMES):
        for number in range(48):
            write_png(root / name / f"p{label}{number // 4}_{number}.png", seed=1000 * label + number)
    directory = tmp_path_factory.mktemp("made") / "records"
    manifest = make(root, directory, options=ConversionOptions(preprocessing=SMALL, num_shards=3))
    assert len(manifest.splits) == 3
    # TensorFlow Datasets takes 16 records of each shard in turn, unless it is told to keep their order.
    assert all(shard.records > 16 for shard in manifest.splits["train"].shards)
    return directory, manifest


@pytest.fixture
def croissant(records):
    return json.loads((records[0] / "croissant.json").read_text())


def record_sets(croissant):
    return {each["name"]: each for each in croissant["recordSet"]}


def test_tfds_reads_every_split_as_we_do(tfds, records):
    directory, manifest = records
    builder = tfds.builder_from_directory(directory)
    assert list(builder.info.splits) == list(manifest.splits)
    for name, info in manifest.splits.items():
        ours = list(read_split(directory, info))
        theirs = list(builder.as_dataset(split=name).as_numpy_iterator())
        assert len(ours) == len(theirs) > 0
        for record, example in zip(ours, theirs, strict=True):
            assert example["image/raw"].dtype == np.uint8
            np.testing.assert_array_equal(example["image/raw"], record.pixels)
            assert (example["image/height"], example["image/width"]) == record.pixels.shape
            assert example["label"] == record.label
            assert example["slice_index"] == record.slice_index
            for key in ("example_id", "group", "source"):
                assert example[key].decode() == getattr(record, key)


def test_tfds_gives_pairs_of_image_and_label(tfds, records):
    directory, manifest = records
    pairs = tfds.builder_from_directory(directory).as_dataset(split="test", as_supervised=True).as_numpy_iterator()
    for (image, label), record in zip(pairs, read_split(directory, manifest.splits["test"]), strict=True):
        np.testing.assert_array_equal(image, record.pixels)
        assert label == record.label


def test_tfds_knows_counts_sizes_files_and_classes(tfds, records):
    directory, manifest = records
    info = tfds.builder_from_directory(directory).info
    assert info.name == "contrast"
    assert info.features["label"].names == list(CLASS_NAMES)
    assert info.features.keys() == codec.FEATURES.keys()
    assert "24 x 24" in info.description
    for name, split in manifest.splits.items():
        assert info.splits[name].num_examples == split.records
        assert info.splits[name].num_bytes == sum(shard.bytes for shard in split.shards)
        assert sorted(info.splits[name].filenames) == [shard.name for shard in split.shards]
        assert info.splits[name].shard_lengths == [shard.records for shard in split.shards]


def test_tfds_writes_the_same_features(tfds, records, tmp_path):
    """The files are what TensorFlow Datasets itself would have written, but for how JSON is laid out."""
    directory, _ = records
    (tmp_path / "theirs").mkdir()
    tfds.builder_from_directory(directory).info.features.save_config(str(tmp_path / "theirs"))
    theirs, ours = (json.loads((folder / "features.json").read_text()) for folder in (tmp_path / "theirs", directory))
    assert theirs == ours
    assert (tmp_path / "theirs" / "label.labels.txt").read_text() == (directory / "label.labels.txt").read_text()


def test_tfds_reads_past_shards_without_records(tfds, tmp_path, records):
    """Images that turn out to be broken when the shards are planned leave some of them empty."""
    kept = list(read_split(records[0], records[1].splits["test"]))[:2]
    with SplitWriter(tmp_path, "train", num_records=4, num_shards=4) as writer:
        for record in kept:
            writer.write(record)
    info = writer.finish()
    assert [shard.records for shard in info.shards] == [1, 1, 0, 0]
    descriptions.write(tmp_path, dataclasses.replace(records[1], splits={"train": info}))
    examples = tfds.builder_from_directory(tmp_path).as_dataset(split="train").as_numpy_iterator()
    assert [each["example_id"].decode() for each in examples] == [record.example_id for record in kept]


def test_croissant_lists_every_file_with_its_hash(records, croissant):
    directory, manifest = records
    files = {each["name"]: each for each in croissant["distribution"] if each["@type"] == "cr:FileObject"}
    shards = {shard.name for info in manifest.splits.values() for shard in info.shards}
    assert files.keys() == {"manifest.json", *shards}
    for file in files.values():
        path = directory / file["contentUrl"]
        assert file["sha256"] == sha256_of(path)
        assert file["contentSize"] == f"{path.stat().st_size} B"
    file_set = next(each for each in croissant["distribution"] if each["@type"] == "cr:FileSet")
    assert {path.name for path in directory.glob(file_set["includes"])} == shards


def test_croissant_has_a_field_for_every_key_of_a_record(croissant):
    fields = {each["name"]: each for each in record_sets(croissant)["slices"]["field"]}
    assert fields.keys() == {*codec.FEATURES, "split"}
    for key in codec.FEATURES:
        assert fields[key]["source"]["extract"] == {"column": key}
        assert fields[key]["description"] == codec.DESCRIPTIONS[key]
    types = {key: fields[key]["dataType"] for key in ("image/raw", "image/height", "label", "group")}
    assert types == {
        "image/raw": "sc:ImageObject",
        "image/height": "sc:Integer",
        "label": ["sc:Integer", "cr:Label"],
        "group": "sc:Text",
    }


def test_croissant_refers_only_to_what_it_defines(croissant):
    sets = croissant["recordSet"]
    defined = {each["@id"] for each in [*croissant["distribution"], *sets]}
    defined |= {field["@id"] for each in sets for field in each["field"]}
    referred = set()

    def collect(value):
        if isinstance(value, dict):
            if value.keys() == {"@id"}:
                referred.add(value["@id"])
            value = value.values()
        if not isinstance(value, str | int):
            for each in value:
                collect(each)

    collect([croissant["distribution"], sets])
    assert referred == {"shards", "splits/name", "labels/label"}
    assert referred <= defined


def test_croissant_names_splits_and_classes(records, croissant):
    sets = record_sets(croissant)
    assert [each["splits/name"] for each in sets["splits"]["data"]] == list(records[1].splits)
    assert [(each["labels/label"], each["labels/name"]) for each in sets["labels"]["data"]] == [*enumerate(CLASS_NAMES)]
    split = next(each for each in sets["slices"]["field"] if each["name"] == "split")
    regex = split["source"]["transform"]["regex"]
    for name, info in records[1].splits.items():
        assert {re.match(regex, shard.name).group(1) for shard in info.shards} == {name}


def test_croissant_claims_nothing_that_nobody_said(croissant):
    assert not {"license", "creator", "url", "datePublished", "citeAs"} & croissant.keys()


def test_nothing_is_told_that_the_manifest_does_not_hold(records):
    """No path, no patient: the texts follow from the manifest alone, which names neither."""
    directory, manifest = records
    written = contents(directory)
    assert {name: written[name].decode() for name in NAMES} == descriptions.texts(manifest)
    told = "".join(descriptions.texts(manifest).values())
    for info in manifest.splits.values():
        for record in read_split(directory, info):
            assert record.source not in told
            assert record.group not in told


def test_warnings_are_told_as_limits(records):
    warned = dataclasses.replace(records[1], warnings=("patient independence unverified", "LEAKAGE: 2"))
    for name in ("dataset_info.json", "croissant.json"):
        text = descriptions.texts(warned)[name]
        assert "Known limits: patient independence unverified; LEAKAGE: 2." in json.loads(text)["description"]
        assert "Known limits" not in descriptions.texts(dataclasses.replace(warned, warnings=()))[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_verification_finds_a_missing_or_changed_description(records, tmp_path, name):
    directory = shutil.copytree(records[0], tmp_path / "records")
    verify(directory, records[1])
    path = directory / name
    path.write_text(path.read_text().replace("no_gad", "with_gad"))
    with pytest.raises(DataError, match=f"{name}: differs from what follows from the manifest"):
        verify(directory, records[1])
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: missing"):
        verify(directory, records[1])
