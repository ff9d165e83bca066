"""Folds are views of the records: who is in which, and that the pipeline reads those and no others."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numbered_records import SIZE

from contrast_tfdata.errors import DataError
from contrast_tfdata.patients.splits import assign_folds
from contrast_tfdata.pipeline import folds
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import codec
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.verification import read_split

GROUPS = st.dictionaries(st.text("abcdef", min_size=1), st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


@given(GROUPS, st.integers(2, 6), st.integers(0, 99))
def test_every_group_is_in_one_fold_and_classes_are_shared_out(sizes, number, seed):
    fold_of = assign_folds(sizes, number, seed)
    assert fold_of.keys() == sizes.keys()
    assert set(fold_of.values()) <= set(range(1, number + 1))
    assert assign_folds(dict(reversed(sizes.items())), number, seed) == fold_of
    for label in (0, 1):
        only_this_class = all(not size[1 - label] for size in sizes.values())
        held = Counter()
        for group, fold in fold_of.items():
            held[fold] += sizes[group][label]
        if only_this_class and sizes:
            largest = max(size[label] for size in sizes.values())
            assert max(held.values()) - min(held[fold] for fold in range(1, number + 1)) <= 2 * largest


def test_other_seeds_give_other_folds():
    sizes = {f"g{number}": (1, 1) for number in range(40)}
    assert assign_folds(sizes, 5, 1) != assign_folds(sizes, 5, 2)
    assert sorted(Counter(assign_folds(sizes, 5, 1).values()).values()) == [8] * 5


@pytest.fixture
def records(tmp_path):
    """24 patients with a slice of each class and place, in training, validation and test, in two shards each."""
    splits, number = {}, 0
    for split, patients in (("train", range(16)), ("validation", range(16, 20)), ("test", range(20, 24))):
        slices = [(f"p{patient}", place, label) for patient in patients for place in (0, 1) for label in (0, 1)]
        shards = []
        for part in (slices[::2], slices[1::2]):
            path = tmp_path / f"contrast-{split}.tfrecord-{len(shards):05d}-of-00002"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for group, place, label in part:
                    pixels = np.full((SIZE, SIZE), number, np.uint8)
                    writer.write(codec.encode(codec.SliceRecord(pixels, label, f"{number}", group, "s", place)))
                    number += 1
            shards.append(manifests.Shard(path.name, path.stat().st_size, len(part), manifests.sha256_of(path)))
        half = len(slices) // 2
        splits[split] = manifests.SplitInfo(tuple(shards), {"no_gad": half, "with_gad": half}, len(patients))
    rule = {"rule": "group", "allow_leakage": False}
    return tmp_path, manifests.Manifest({"image_size": SIZE}, rule, splits, True, {})


def numbers(dataset):
    """Returns the numbers of the slices of a data set; padding has weight 0."""
    return [
        int(image) for images, _, weights in dataset for image in images[:, 0, 0].numpy()[weights.numpy().ravel() > 0]
    ]


def groups_of(directory, split):
    return {record.group for record in read_split(directory, split)}


@pytest.mark.slow
@pytest.mark.parametrize(("cache", "number"), [("memory", 2), ("none", 4), ("disk", 2)])
def test_each_slice_is_validated_on_once_and_trained_on_in_the_other_folds(records, cache, number):
    directory, manifest = records
    options = PipelineOptions(
        batch_size=7, cache=cache, cache_dir=directory / "cache", class_weights="balanced_patients"
    )
    validated = []
    for fold in range(1, number + 1):
        view = folds.view(directory, manifest, fold=fold, folds=number, seed=3)
        source = {"records_dir": directory, "manifest": view, "options": options}
        held_out = numbers(create_eval_dataset(**source, split="validation"))
        trained = numbers(create_train_dataset(**source, first_epoch=0, epochs=2))
        assert Counter(trained) == dict.fromkeys(set(range(80)) - set(held_out), 2)
        assert not groups_of(directory, view.splits["train"]) & groups_of(directory, view.splits["validation"])
        assert [view.splits[name].records for name in ("train", "validation")] == [80 - 80 // number, 80 // number]
        assert view.splits["validation"].classes == {"no_gad": 40 // number, "with_gad": 40 // number}
        assert view.splits["test"] == manifest.splits["test"]
        validated += held_out
    assert sorted(validated) == list(range(80))


def test_a_view_counts_and_reads_the_same_slices(records):
    directory, manifest = records
    split = folds.view(directory, manifest, fold=2, folds=4, seed=1).splits["validation"]
    read = Counter((record.group.encode(), record.label) for record in read_split(directory, split))
    assert folds.count_slices(directory, split) == read
    assert {group.decode() for group, _ in read} == split.only
    assert len(split.only) == split.groups == 5


def test_the_same_seed_gives_the_same_folds_and_each_its_own_fingerprint(records):
    directory, manifest = records

    def views(seed):
        return [folds.view(directory, manifest, fold=fold, folds=4, seed=seed) for fold in (1, 2, 3, 4)]

    assert views(7) == views(7)
    assert views(7) != views(8)
    assert len({view.fingerprint for view in (manifest, *views(7), *views(8))}) == 9
    assert "p0" not in views(7)[0].to_text()


def test_without_a_validation_split_training_alone_is_divided(records):
    directory, manifest = records
    train_only = dataclasses.replace(manifest, splits={"train": manifest.splits["train"]})
    view = folds.view(directory, train_only, fold=1, folds=4, seed=0)
    assert list(view.splits) == ["train", "validation"]
    assert view.splits["train"].records + view.splits["validation"].records == 64


def test_the_manifests_text_is_as_it_was(records):
    _, manifest = records
    assert "only" not in manifest.to_text()


def test_too_few_patients_are_refused_by_class(records):
    directory, manifest = records
    with pytest.raises(DataError) as error:
        folds.view(directory, manifest, fold=1, folds=21, seed=0)
    assert "too few groups (patients) for --folds=21" in str(error.value)
    assert "no_gad: 20 groups have it, 1 of 21 folds would not" in str(error.value)


def test_a_view_says_which_fold_of_how_many_it_is(records):
    directory, manifest = records
    rule = folds.view(directory, manifest, fold=2, folds=4, seed=7).split_rule
    assert rule == {"rule": "group", "allow_leakage": False, "folds": 4, "fold": 2, "folds_seed": 7}
    assert [each.split_rule["fold"] for each in folds.views(directory, manifest, folds=3, seed=7)] == [1, 2, 3]
