"""Real and synthetic slices in one batch: their shares, which of them come when, and what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numbered_records import write_numbered

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.pipeline import datasets, mixing, passes
from contrast_tfdata.pipeline.datasets import create_train_dataset, steps_per_epoch
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions

FIRST_PHANTOM = 100


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Makes folders of so many real and synthetic slices, in pairs of a place; a half of both is of class 1."""

    def make(real, synthetic=8):
        root = tmp_path_factory.mktemp("sources")
        folders = {}
        for name, count, first in (("real", real, 0), ("phantom", synthetic, FIRST_PHANTOM)):
            slices = [(f"{name}{number // 4}", number // 2, number % 2) for number in range(count)]
            folders[name] = root / name, write_numbered(root / name, slices, first=first)
        return folders["real"], mixing.PhantomPart(*folders["phantom"], 0.4)

    return make


def batches_of(real, phantom, options, first_epoch=0, epochs=3, first_step=0):
    """Returns the batches as (images, labels, weights)."""
    directory, manifest = real
    dataset = create_train_dataset(
        records_dir=directory,
        manifest=manifest,
        options=options,
        first_epoch=first_epoch,
        first_step=first_step,
        epochs=epochs,
        phantom=phantom,
    )
    return [tuple(part.numpy() for part in batch) for batch in dataset]


def numbers_of(batches):
    """Returns, for each batch, the numbers of its slices without padding."""
    return [[int(image[0, 0]) for image, weight in zip(*batch[::2], strict=True) if weight] for batch in batches]


def parted(batches):
    """Returns the numbers of all real and of all synthetic slices, in the order in which they come."""
    seen = [number for numbers in numbers_of(batches) for number in numbers]
    return [n for n in seen if n < FIRST_PHANTOM], [n for n in seen if n >= FIRST_PHANTOM]


@pytest.mark.parametrize(("real", "spread"), [(2, [2]), (4, [2, 2]), (6, [3, 3]), (7, [3, 3, 1]), (8, [3, 3, 2])])
def test_shares_of_a_batch_and_passes_for_every_remainder(sources, real, spread):
    """5 slices a batch, at most 3 of them real, spread over the batches of an epoch; 8 synthetic ones go round."""
    records, phantom = sources(real)
    for static_shapes in (False, True):
        batches = batches_of(records, phantom, PipelineOptions(batch_size=5, static_shapes=static_shapes))
        steps = steps_per_epoch(real, 5, phantom)
        assert (steps, len(batches)) == (len(spread), 3 * steps)
        for step, numbers in enumerate(numbers_of(batches)):
            expected = spread[step % steps]
            assert [number >= FIRST_PHANTOM for number in numbers] == [False] * expected + [True] * 2
        if static_shapes:
            assert {len(images) for images, _, _ in batches} == {5}
        seen, synthetic = parted(batches)
        for epoch in range(3):
            assert sorted(seen[epoch * real : (epoch + 1) * real]) == list(range(real))
        passes = [synthetic[start : start + 8] for start in range(0, len(synthetic) - 7, 8)]
        assert all(sorted(each) == list(range(FIRST_PHANTOM, FIRST_PHANTOM + 8)) for each in passes)
        assert len(set(map(tuple, passes))) == len(passes)


def test_all_synthetic_slices_come_though_the_buffer_holds_few(sources, monkeypatch):
    """An epoch takes 4 of 24, and 6 are shuffled together: begun anew in each epoch, the last ones would never come."""
    monkeypatch.setattr(passes, "SHUFFLE_BYTES", 6 * 6**2)
    records, phantom = sources(6, synthetic=24)
    _, synthetic = parted(batches_of(records, phantom, PipelineOptions(batch_size=5), epochs=6))
    assert sorted(synthetic) == list(range(FIRST_PHANTOM, FIRST_PHANTOM + 24))


@pytest.mark.slow
def test_starting_later_shows_what_an_uninterrupted_run_sees_whatever_the_cache(sources, tmp_path):
    records, phantom = sources(7)
    runs = []
    for cache in ("memory", "disk", "none"):
        augmentation = Augmentation(rotation=30, zoom=0.3)
        options = PipelineOptions(batch_size=5, cache=cache, cache_dir=tmp_path / "cache", augmentation=augmentation)
        runs += [batches_of(records, phantom, options)[6:]]
        if cache == "memory":
            runs += [batches_of(records, phantom, options, first_epoch=2)]
        runs += [runs[0][:1] + batches_of(records, phantom, options, first_epoch=2, first_step=1)]
    for other in runs[1:]:
        assert len(other) == 3
        for expected, received in zip(runs[0], other, strict=True):
            for one, two in zip(expected, received, strict=True):
                np.testing.assert_array_equal(one, two)


def test_ids_of_a_step_are_those_of_its_examples_real_ones_first(sources):
    records, phantom = sources(7)
    options = PipelineOptions(batch_size=5)
    source = {"records_dir": records[0], "manifest": records[1], "options": options, "phantom": phantom}
    steps = numbers_of(batches_of(records, phantom, options))
    for epoch, step in [(0, 0), (1, 2), (2, 1)]:
        found = datasets.example_ids_of_step(**source, epoch=epoch, step=step)
        assert found == [str(each) for each in steps[3 * epoch + step]]


def test_another_seed_gives_another_order_of_both(sources):
    records, phantom = sources(8)
    one, two = (parted(batches_of(records, phantom, PipelineOptions(batch_size=5, seed=seed))) for seed in (1, 2))
    assert one[0] != two[0]
    assert one[1] != two[1]


def test_each_source_is_paired_within_itself(sources):
    records, phantom = sources(8)
    phantom = dataclasses.replace(phantom, fraction=0.5)
    for numbers in numbers_of(batches_of(records, phantom, PipelineOptions(batch_size=4, pairs=True))):
        assert len(numbers) == 4
        for first, second in (numbers[:2], numbers[2:]):
            assert first // 2 == second // 2
            assert first != second


def test_weights_are_for_real_slices_and_labels_stay_with_their_images(sources):
    records, phantom = sources(7)
    options = PipelineOptions(batch_size=5, class_weights="balanced", static_shapes=True)
    for images, labels, weights in batches_of(records, phantom, options):
        numbers, kept = images[:, 0, 0].astype(int), weights > 0
        np.testing.assert_array_equal(labels[kept, 0], numbers[kept] % 2)
        # 7, four of class 0, stand for the 9 for which 3 batches have room.
        expected = np.where(numbers >= FIRST_PHANTOM, 1.0, np.where(numbers % 2, 7 / 6, 7 / 8) * 9 / 7)
        np.testing.assert_allclose(weights[kept], expected[kept], rtol=1e-6)


@given(st.integers(1, 5000), st.integers(2, 200), st.sampled_from([0.25, 0.5, 0.75]))
def test_over_an_epoch_each_source_has_the_weight_of_its_share(num_real, batch_size, fraction):
    assume(min(fraction, 1 - fraction) * batch_size > 0.5)
    steps, real, synthetic, weight = mixing.PhantomPart(None, None, fraction).divide(num_real, batch_size)
    most, rest = mixing.shares(batch_size, fraction)
    assert weight >= 1
    assert (num_real * weight) / (steps * synthetic) == pytest.approx(most / rest)
    assert real <= most
    assert (steps - 1) * real < num_real <= steps * real  # so many batches hold them all, and none is empty


def test_shares_for_every_batch_size():
    for batch_size in range(2, 200):
        for fraction in (0.25, 0.5, 0.75):
            if min(batch_size * fraction, batch_size * (1 - fraction)) > 0.5:
                real, synthetic = mixing.shares(batch_size, fraction)
                assert real + synthetic == batch_size
                assert abs(synthetic - fraction * batch_size) <= 0.5
    assert mixing.shares(5, 0.5) == (3, 2)  # a half goes to the real ones


@pytest.mark.parametrize(("batch_size", "fraction"), [(64, 0.0), (64, 1.0), (64, -0.5), (8, 0.01), (8, 0.99), (1, 0.5)])
def test_a_share_of_nothing_is_refused(batch_size, fraction):
    with pytest.raises(UsageError, match=f"phantom_fraction={fraction}, batch_size={batch_size}"):
        mixing.shares(batch_size, fraction)


def test_other_preprocessing_is_refused_with_the_difference(tmp_path):
    slices = [("g", 0, 0), ("g", 0, 1)]
    found = {"image_size": 6, "intensity": "stored"}
    other = {"image_size": 6, "intensity": "foreground_p99"}
    real, synthetic = (
        write_numbered(tmp_path / name, slices, preprocessing=preprocessing)
        for name, preprocessing in (("real", found), ("phantom", other))
    )
    part = mixing.PhantomPart(tmp_path / "phantom", synthetic, 0.5)
    with pytest.raises(DataError, match="another way") as error:
        mixing.refuse_unlike_records(part, real)
    assert "intensity: real 'stored', synthetic 'foreground_p99'" in str(error.value)
    assert "image_size" not in str(error.value)
    mixing.refuse_unlike_records(part, synthetic)
