"""Replicas together get the batches of one worker: every example once an epoch, in the same places."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_records import write_numbered

from contrast_tfdata.errors import UsageError
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions
from contrast_tfdata.pipeline.sharing import Share, take_share


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 16))
def test_rows_of_all_workers_are_the_batch(workers, local, rows):
    replicas = workers * local
    batch = list(range(replicas * rows))
    shares = [Share(replicas, worker * local, local) for worker in range(workers)]
    assert [row for share in shares for row in batch[share.rows(len(batch))]] == batch


@given(st.integers(1, 64), st.integers(1, 300))
def test_batches_that_cannot_be_divided_are_refused_with_one_that_can(replicas, batch_size):
    share = Share(replicas, 0, replicas)
    if batch_size % replicas == 0:
        assert share.rows_of_each(batch_size) * replicas == batch_size
        return
    with pytest.raises(UsageError, match=f"--batch_size={batch_size} ") as error:
        share.rows_of_each(batch_size)
    advised = int(str(error.value).rpartition("--batch_size=")[2].split()[0])
    assert share.rows_of_each(advised) * replicas == advised


@pytest.mark.parametrize("share", [(1, 1, 1), (2, 0, 3), (2, -1, 1), (2, 0, 0)])
def test_a_share_lies_within_the_replicas(share):
    with pytest.raises(ValueError, match="within the replicas"):
        Share(*share)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Makes records of a number of slices, once each."""
    made = {}

    def make(count):
        if count not in made:
            directory = tmp_path_factory.mktemp("sharing") / "records"
            made[count] = directory, write_numbered(directory, [("g", 0, number % 2) for number in range(1, count + 1)])
        return made[count]

    return make


def batches_of(records, options, first_epoch, epochs):
    directory, manifest = records
    return create_train_dataset(
        records_dir=directory, manifest=manifest, options=options, first_epoch=first_epoch, epochs=epochs
    )


def steps_of(batches, batch_size, share):
    """Returns, step by step, what the share's replicas get: (weights, pixels) of theirs one after the other."""
    parts = [(weight.numpy(), image.numpy()) for image, _, weight in take_share(batches, batch_size, share)]
    assert {len(weight) for weight, _ in parts} == {batch_size // share.replicas}
    return [
        [np.concatenate(column) for column in zip(*parts[start : start + share.count], strict=True)]
        for start in range(0, len(parts), share.count)
    ]


@pytest.mark.slow
@settings(max_examples=max(6, settings.default.max_examples // 8))  # Some data sets each.
@given(st.data())
def test_workers_together_see_every_example_once_an_epoch(records, data):
    workers, local = data.draw(st.integers(1, 4), "workers"), data.draw(st.integers(1, 3), "replicas of each")
    batch_size = workers * local * data.draw(st.integers(1, 3), "rows")
    count, seed = data.draw(st.integers(1, 40), "examples"), data.draw(st.integers(0, 99), "seed")
    first_epoch = data.draw(st.integers(0, 2), "first epoch")
    options = PipelineOptions(batch_size=batch_size, seed=seed, static_shapes=True)
    batches = batches_of(records(count), options, first_epoch, first_epoch + 2)
    shares = [Share(workers * local, worker * local, local) for worker in range(workers)]
    of_workers = [steps_of(batches, batch_size, share) for share in shares]
    steps = -(-count // batch_size)
    assert {len(each) for each in of_workers} == {2 * steps}  # Nobody waits for whoever has a step more.
    for epoch in range(2):
        seen = [
            pixels[weights > 0][:, 0, 0]
            for each in of_workers
            for weights, pixels in each[epoch * steps : (epoch + 1) * steps]
        ]
        assert sorted(np.concatenate(seen)) == list(range(count))


@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
def test_a_batch_far_larger_than_the_records_is_not_filled_up(records, replicas):
    """And every replica has equally many of the rows that are left."""
    directory, manifest = records(21)
    options = PipelineOptions(batch_size=replicas * 100_000, static_shapes=True, replicas=replicas)
    trained = batches_of((directory, manifest), options, 0, 2)
    scored = create_eval_dataset(records_dir=directory, manifest=manifest, split="train", options=options)
    for batches, epochs in ((trained, 2), (scored, 1)):
        (rows,) = {len(weight) for *_, weight in batches}
        assert rows <= 64 * replicas
        of_replicas = [steps_of(batches, rows, Share(replicas, replica, 1)) for replica in range(replicas)]
        seen = [pixels[weights > 0][:, 0, 0] for each in of_replicas for weights, pixels in each]
        assert sorted(np.concatenate(seen)) == sorted([*range(21)] * epochs)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(
    "change", [{}, {"pairs": True}, {"augmentation": Augmentation(rotation=30)}, {"cache": "none"}]
)
def test_batches_are_those_of_one_worker(records, workers, change):
    options = dataclasses.replace(PipelineOptions(batch_size=8, seed=5, static_shapes=True), **change)
    batches = batches_of(records(21), options, 0, 2)
    alone = [(weight.numpy(), image.numpy()) for image, _, weight in batches]
    of_workers = [steps_of(batches, 8, Share(workers, worker, 1)) for worker in range(workers)]
    for one, *together in zip(alone, *of_workers, strict=True):
        for column, whole in enumerate(one):
            np.testing.assert_array_equal(np.concatenate([part[column] for part in together]), whole)


def test_validation_is_divided_with_its_padding(records):
    directory, manifest = records(21)
    validation = create_eval_dataset(
        records_dir=directory, manifest=manifest, split="train", options=PipelineOptions(batch_size=8)
    )
    parts = [steps_of(validation, 8, Share(2, worker, 1)) for worker in range(2)]
    seen = [pixels[weights > 0][:, 0, 0] for each in parts for weights, pixels in each]
    assert sorted(np.concatenate(seen)) == list(range(21))
