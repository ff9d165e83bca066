"""Batches: every example once an epoch, in an order that seed and epoch decide, with the augmentation asked for."""

import dataclasses
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numbered_records import write_numbered

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.pipeline import passes
from contrast_tfdata.pipeline.datasets import (
    create_eval_dataset,
    create_train_dataset,
    example_ids_of_step,
    steps_per_epoch,
)
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions
from contrast_tfdata.records import codec
from contrast_tfdata.records import manifest as manifests

SIZE = 6


def write_records(directory, num_train, num_shards=2, num_validation=3, by_class=False):
    """Writes records whose pixels all hold the example's number, and describes them.

    Classes take turns and so do shards; `by_class`, one class follows the other, and each shard is a run of both.
    """
    directory.mkdir(parents=True, exist_ok=True)
    splits = {}
    for split, count in (("train", num_train), ("validation", num_validation)):
        shards = []
        for shard in range(num_shards):
            path = directory / f"contrast-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"
            run = range(shard * count // num_shards, (shard + 1) * count // num_shards)
            numbers = run if by_class else range(shard, count, num_shards)
            with tf.io.TFRecordWriter(str(path)) as writer:
                for number in numbers:
                    pixels = np.full((SIZE, SIZE), number % 256, np.uint8)
                    label = int(number >= count // 2) if by_class else number % 2
                    writer.write(codec.encode(codec.SliceRecord(pixels, label, f"{number}", "g", "s", 0)))
            shards.append(manifests.Shard(path.name, path.stat().st_size, len(numbers), manifests.sha256_of(path)))
        classes = {"no_gad": (count + 1) // 2, "with_gad": count // 2}
        splits[split] = manifests.SplitInfo(tuple(shards), classes, 1)
    rule = {"rule": "group", "allow_leakage": False}
    manifest = manifests.Manifest({"image_size": SIZE}, rule, splits, True, {})
    (directory / "manifest.json").write_text(manifest.to_text())
    return manifest


def write_pairs(directory, places, num_shards=1):
    """Writes slices before and after contrast of `places` in two groups, and then one without a partner.

    The first half of a group's records is before contrast, as the phantom's are; pixels hold the record's number.
    """
    directory.mkdir(parents=True, exist_ok=True)
    keys = [(group, place, label) for group in "ab" for label in (0, 1) for place in range(places)] + [("c", 0, 1)]
    shards = []
    for shard in range(num_shards):
        path = directory / f"contrast-train.tfrecord-{shard:05d}-of-{num_shards:05d}"
        numbers = range(shard * len(keys) // num_shards, (shard + 1) * len(keys) // num_shards)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in numbers:
                group, place, label = keys[number]
                pixels = np.full((SIZE, SIZE), number, np.uint8)
                writer.write(codec.encode(codec.SliceRecord(pixels, label, f"{number}", group, "s", place)))
        shards.append(manifests.Shard(path.name, path.stat().st_size, len(numbers), manifests.sha256_of(path)))
    split = manifests.SplitInfo(tuple(shards), {"no_gad": 2 * places, "with_gad": 2 * places + 1}, 3)
    return manifests.Manifest({"image_size": SIZE}, {"rule": "group"}, {"train": split}, True, {}), keys


def train_epochs(directory, manifest, options, first_epoch=0, epochs=2):
    """Returns, per epoch, the batches as (numbers, labels, weights)."""
    dataset = create_train_dataset(
        records_dir=directory, manifest=manifest, options=options, first_epoch=first_epoch, epochs=epochs
    )
    batches = [(image[:, 0, 0].numpy(), label.numpy(), weight.numpy()) for image, label, weight in dataset]
    steps = steps_per_epoch(manifest.splits["train"].records, options.batch_size)
    return [batches[start : start + steps] for start in range(0, len(batches), steps)]


def run_python(code, *arguments):
    """Returns the last line that a program writes, run in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def numbers_of(epoch):
    return [int(number) for batch in epoch for number, weight in zip(batch[0], batch[2], strict=True) if weight]


@pytest.mark.parametrize("static_shapes", [False, True])
@pytest.mark.parametrize("batch_size", range(1, 9))
def test_every_example_once_an_epoch_for_every_remainder(tmp_path, batch_size, static_shapes):
    manifest = write_records(tmp_path, 7)
    options = PipelineOptions(batch_size=batch_size, static_shapes=static_shapes)
    for epoch in train_epochs(tmp_path, manifest, options):
        assert sorted(numbers_of(epoch)) == list(range(7))
        if static_shapes:
            assert {len(batch[0]) for batch in epoch} == {batch_size}


@pytest.fixture
def small_buffer(monkeypatch):
    """Only 24 examples are shuffled together."""
    monkeypatch.setattr(passes, "SHUFFLE_BYTES", 24 * SIZE**2)


@pytest.mark.parametrize("num_shards", [1, 3, 70])  # 70 are more than are open at a time
def test_every_example_once_where_the_buffer_does_not_hold_all(tmp_path, small_buffer, num_shards):
    manifest = write_records(tmp_path, 240, num_shards)
    first, second = map(numbers_of, train_epochs(tmp_path, manifest, PipelineOptions(batch_size=16)))
    assert sorted(first) == sorted(second) == list(range(240))
    assert first != second


@pytest.mark.parametrize("num_shards", [2, 8, 70])
def test_batches_mix_the_classes_of_records_that_stand_class_by_class(tmp_path, small_buffer, num_shards):
    manifest = write_records(tmp_path, 240, num_shards, by_class=True)
    for epoch in train_epochs(tmp_path, manifest, PipelineOptions(batch_size=24)):
        shares = [labels.mean() for _, labels, _ in epoch]
        assert min(shares) > 0.1
        assert max(shares) < 0.9


@pytest.mark.parametrize("num_shards", [1, 3])
@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_pairs_come_in_one_batch(tmp_path, cache, num_shards):
    manifest, keys = write_pairs(tmp_path, places=6, num_shards=num_shards)
    options = PipelineOptions(batch_size=2, pairs=True, cache=cache, cache_dir=tmp_path / "cache")
    epochs = [numbers_of(epoch) for epoch in train_epochs(tmp_path, manifest, options)]
    for numbers in epochs:
        assert sorted(numbers) == list(range(25))
        alone = numbers.index(24)
        paired = numbers[:alone] + numbers[alone + 1 :]
        for first, second in zip(paired[::2], paired[1::2], strict=True):
            assert keys[first][:2] == keys[second][:2]
            assert {keys[first][2], keys[second][2]} == {0, 1}
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_pictures_of_a_patient_are_paired_across_classes(tmp_path, cache):
    # Every picture is slice 0 of its file. In this order, which is that of folders, neighbours are of one class.
    slices = [("a", 0, 0)] * 3 + [("a", 0, 1)] * 5 + [("b", 0, 0)] * 4 + [("b", 0, 1)] * 4
    manifest = write_numbered(tmp_path / "records", slices)
    options = PipelineOptions(batch_size=2, pairs=True, cache=cache)
    (epoch,) = train_epochs(tmp_path / "records", manifest, options, epochs=1)
    numbers = numbers_of(epoch)
    assert sorted(numbers) == list(range(16))
    alone = [number for number in numbers if number in (6, 7)]  # More after contrast than before it.
    partners = [number for number in numbers if number not in alone]
    for first, second in zip(partners[::2], partners[1::2], strict=True):
        assert slices[first][0] == slices[second][0]
        assert {slices[first][2], slices[second][2]} == {0, 1}


def test_slices_without_a_partner_are_shuffled_as_a_whole_too(tmp_path):
    slices = [(f"group-{number}", 0, number % 2) for number in range(40)]
    manifest = write_numbered(tmp_path / "records", slices)
    options = PipelineOptions(batch_size=8, pairs=True)
    epochs = [numbers_of(epoch) for epoch in train_epochs(tmp_path / "records", manifest, options, epochs=16)]
    # Within half a buffer, what is read last would never be among the first 20.
    assert max(min(numbers.index(each) for numbers in epochs) for each in range(40)) < 20


def test_pairs_of_an_epoch_are_the_same_for_a_run_that_starts_there(tmp_path):
    manifest, _ = write_pairs(tmp_path, places=5)
    options = PipelineOptions(batch_size=4, pairs=True)
    whole = train_epochs(tmp_path, manifest, options)
    (resumed,) = train_epochs(tmp_path, manifest, options, first_epoch=1)
    assert numbers_of(whole[1]) == numbers_of(resumed)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("augmentation", ["", "horizontal_flip", "rotation=10,zoom=0.1"])
@pytest.mark.parametrize(("static_shapes", "batch"), [(False, None), (True, 4)])
def test_the_network_is_told_the_size_of_images(tmp_path, pairs, augmentation, static_shapes, batch):
    manifest, _ = write_pairs(tmp_path, places=2)
    options = PipelineOptions(
        batch_size=4, pairs=pairs, static_shapes=static_shapes, augmentation=Augmentation.parse(augmentation)
    )
    dataset = create_train_dataset(records_dir=tmp_path, manifest=manifest, options=options, first_epoch=0, epochs=1)
    assert [spec.shape.as_list() for spec in dataset.element_spec] == [[batch, SIZE, SIZE], [batch, 1], [batch]]


def test_without_pairs_partners_are_apart(tmp_path):
    manifest, keys = write_pairs(tmp_path, places=6)
    (numbers,) = map(numbers_of, train_epochs(tmp_path, manifest, PipelineOptions(batch_size=2), epochs=1))
    together = [keys[a][:2] == keys[b][:2] for a, b in zip(numbers[:-1:2], numbers[1::2], strict=True)]
    assert sum(together) < len(together) / 2


PEAK = """
import dataclasses, os, sys
from pathlib import Path
from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import codec, manifest as manifests
import numpy as np, tensorflow as tf

folder, cache, copies = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
folder.mkdir()
with tf.io.TFRecordWriter(str(folder / "shard")) as writer:
    for number in range(100):
        pixels = np.full((331, 331), number, np.uint8)
        writer.write(codec.encode(codec.SliceRecord(pixels, number % 2, f"{number}", "g", "s", 0)))
# The same file under many names: quick to write, and read as so many files.
for number in range(copies):
    os.link(folder / "shard", folder / f"shard-{number}")
shards = tuple(manifests.Shard(f"shard-{number}", 0, 100, "") for number in range(copies))
train = manifests.SplitInfo(shards, {"no_gad": 50 * copies, "with_gad": 50 * copies}, 1)
manifest = manifests.Manifest({"image_size": 331}, {}, {"train": train}, True, {})
options = PipelineOptions(cache=cache, cache_dir=folder / "cache")
for _ in create_train_dataset(records_dir=folder, manifest=manifest, options=options, first_epoch=0, epochs=2):
    pass
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_data(tmp_path):
    """Without a cache; benchmarks/test_growth.py measures every cache."""
    small, large = (int(run_python(PEAK, tmp_path / f"{copies}", "none", copies)) for copies in (24, 48))
    more_data = (48 - 24) * 100 * 331**2
    # Within half, because the allocator's share swings; what held the data would grow by all of it. Below 24 shards the
    # buffers are not yet full.
    assert 1024 * (large - small) < 0.5 * more_data


def test_reading_begins_before_the_first_batch_is_asked_for(tmp_path):
    waiting = []
    for cache in ("memory", "none"):
        source = {"records_dir": tmp_path / cache, "manifest": write_records(tmp_path / cache, 8)}
        options = PipelineOptions(batch_size=4, cache=cache)
        waiting.append(iter(create_train_dataset(**source, options=options, first_epoch=0, epochs=1)))
    time.sleep(2)
    for shard in tmp_path.glob("*/*.tfrecord*"):
        shard.unlink()  # What was not read by now never will be.
    for batches in waiting:
        assert sum(len(labels) for _, labels, _ in batches) == 8


def test_epochs_differ_and_repeat_with_the_seed_whatever_the_cache(tmp_path):
    manifest = write_records(tmp_path, 40)
    first, second = map(numbers_of, train_epochs(tmp_path, manifest, PipelineOptions(batch_size=8)))
    assert first != second
    for cache in ("memory", "disk", "none"):
        for _ in range(2 if cache == "disk" else 1):  # the second time from what the first has left, if anything
            options = PipelineOptions(batch_size=8, cache=cache, cache_dir=tmp_path / "cache")
            assert [first, second] == list(map(numbers_of, train_epochs(tmp_path, manifest, options)))
        other = train_epochs(tmp_path, manifest, dataclasses.replace(options, seed=7), epochs=1)
        assert first != numbers_of(other[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("augmentation", "starts"),
    [(Augmentation(), [(2, 0), (2, 1), (0, 2), (3, 2)]), (Augmentation(rotation=20, zoom=0.3), [(2, 1)])],
)
@pytest.mark.parametrize("pairs", [False, True])
def test_starting_later_shows_what_an_uninterrupted_run_sees(tmp_path, augmentation, starts, pairs):
    manifest = write_records(tmp_path, 20)
    options = PipelineOptions(batch_size=8, augmentation=augmentation, pairs=pairs)

    def images(first_epoch, first_step=0):
        dataset = create_train_dataset(
            records_dir=tmp_path,
            manifest=manifest,
            options=options,
            first_epoch=first_epoch,
            first_step=first_step,
            epochs=4,
        )
        return [image.numpy() for image, _, _ in dataset]

    whole = images(0)
    for epoch, step in starts:
        rest = images(epoch, step)
        assert len(rest) == 12 - 3 * epoch - step
        for expected, received in zip(whole[3 * epoch + step :], rest, strict=True):
            np.testing.assert_array_equal(expected, received)


@pytest.mark.parametrize("pairs", [False, True])
def test_ids_of_a_step_are_those_of_its_examples(tmp_path, pairs):
    manifest = write_records(tmp_path, 20)
    options = PipelineOptions(batch_size=8, pairs=pairs, class_weights="balanced")
    source = {"records_dir": tmp_path, "manifest": manifest, "options": options}
    epochs = train_epochs(tmp_path, manifest, options)
    for epoch, step in [(0, 0), (0, 2), (1, 1)]:
        numbers, _, _ = epochs[epoch][step]
        assert example_ids_of_step(**source, epoch=epoch, step=step) == [str(number) for number in numbers]


def test_labels_and_weights_belong_to_their_images(tmp_path):
    manifest = write_records(tmp_path, 9)
    options = PipelineOptions(batch_size=4, class_weights="balanced", static_shapes=True)
    for epoch in train_epochs(tmp_path, manifest, options):
        for numbers, labels, weights in epoch:
            assert labels.shape == (4, 1)
            assert weights.shape == (4,)
            real = weights > 0
            np.testing.assert_array_equal(labels[real, 0], numbers[real] % 2)
            # Five slices are of class 0, four of class 1.
            np.testing.assert_allclose(weights[real], np.where(numbers[real] % 2, 9 / 8, 9 / 10))


@pytest.mark.parametrize("batch_size", range(1, 9))
def test_evaluation_keeps_order_and_loses_nothing(tmp_path, batch_size):
    manifest = write_records(tmp_path, 4, num_validation=7)
    dataset = create_eval_dataset(
        records_dir=tmp_path, manifest=manifest, split="validation", options=PipelineOptions(batch_size=batch_size)
    )
    expected = [number for shard in range(2) for number in range(shard, 7, 2)]
    for _ in range(2):  # from the records, then from the cache
        batches = [(image[:, 0, 0].numpy(), weight.numpy()) for image, _, weight in dataset]
        assert {len(numbers) for numbers, _ in batches} == {batch_size}
        seen = [int(n) for numbers, weights in batches for n, w in zip(numbers, weights, strict=True) if w]
        assert seen == expected


@given(st.integers(1, 300), st.integers(1, 10_000), st.integers(1, 12))
def test_rows_of_a_batch_hold_its_examples_and_little_more(num_examples, per_replica, replicas):
    batch_size = per_replica * replicas
    rows = PipelineOptions(batch_size=batch_size, replicas=replicas).rows(num_examples)
    assert rows % replicas == 0
    assert min(batch_size, num_examples) <= rows <= batch_size
    assert rows - num_examples < 64 * replicas or rows <= 64
    if batch_size <= 64:
        assert rows == batch_size  # As ever: other shapes are rounded in another way.


@pytest.mark.parametrize("static_shapes", [False, True])
def test_a_batch_far_larger_than_the_records_is_not_filled_up(tmp_path, static_shapes):
    manifest = write_records(tmp_path, 70, num_validation=3)
    options = PipelineOptions(batch_size=100_000, static_shapes=static_shapes)
    for ((numbers, _, weights),) in train_epochs(tmp_path, manifest, options):
        assert len(weights) == (128 if static_shapes else 70)
        assert sorted(numbers[weights > 0]) == list(range(70))
    (batch,) = create_eval_dataset(records_dir=tmp_path, manifest=manifest, split="validation", options=options)
    assert [len(each) for each in batch] == [64] * 3


def test_records_that_end_early_are_never_trained_on(tmp_path):
    manifest = write_records(tmp_path, 8)
    info = manifest.splits["train"].shards[0]
    promised = dataclasses.replace(info, records=info.records + 1)
    split = dataclasses.replace(manifest.splits["train"], shards=(promised, manifest.splits["train"].shards[1]))
    forged = dataclasses.replace(manifest, splits={"train": split})
    with pytest.raises(tf.errors.FailedPreconditionError, match="expected to contain 9 elements but contained only 8"):
        train_epochs(tmp_path, forged, PipelineOptions(batch_size=4))


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from contrast_tfdata.pipeline import datasets, passes
from contrast_tfdata.pipeline.options import PipelineOptions

folder = Path(sys.argv[1])
passes.SHUFFLE_BYTES = 24 * 6**2  # so that the first batch does not wait for all examples
options = PipelineOptions(batch_size=4, cache="disk", cache_dir=folder / "cache")
manifest = pickle.loads((folder / "manifest.pickle").read_bytes())
dataset = datasets.create_train_dataset(
    records_dir=folder, manifest=manifest, options=options, first_epoch=0, epochs=2)
iterator = iter(dataset)  # kept: one that ends in order takes its files with it
next(iterator)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_disk_cache_of_a_killed_run_is_rebuilt(tmp_path):
    manifest = write_records(tmp_path, 400)
    (tmp_path / "manifest.pickle").write_bytes(pickle.dumps(manifest))
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list((tmp_path / "cache").rglob("*.lockfile"))
    options = PipelineOptions(batch_size=4, cache="disk", cache_dir=tmp_path / "cache")
    for epoch in train_epochs(tmp_path, manifest, options):
        assert sorted(numbers_of(epoch)) == sorted(number % 256 for number in range(400))


def test_changed_records_get_another_disk_cache(tmp_path):
    options = PipelineOptions(batch_size=4, cache="disk", cache_dir=tmp_path / "cache")
    before = write_records(tmp_path, 8)
    train_epochs(tmp_path, before, options)
    after = write_records(tmp_path, 12)
    assert sorted(numbers_of(train_epochs(tmp_path, after, options)[0])) == list(range(12))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_missing_split_is_named(tmp_path):
    manifest = write_records(tmp_path, 8)
    with pytest.raises(DataError, match="no test split; it has train, validation"):
        create_eval_dataset(records_dir=tmp_path, manifest=manifest, split="test", options=PipelineOptions())


@pytest.mark.parametrize(
    "change", [{"batch_size": 0}, {"cache": "tape"}, {"cache": "disk"}, {"class_weights": "heavy"}]
)
def test_bad_options_are_named(change):
    with pytest.raises(UsageError):
        PipelineOptions(**change)


@pytest.mark.parametrize(("examples", "batch", "steps"), [(722, 64, 12), (64, 64, 1), (65, 64, 2), (1, 64, 1)])
def test_steps_per_epoch(examples, batch, steps):
    assert steps_per_epoch(examples, batch) == steps
