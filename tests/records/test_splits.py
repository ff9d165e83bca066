"""Who goes where."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contrast_tfdata.errors import UsageError
from contrast_tfdata.records.identity import example_id, group_key
from contrast_tfdata.records.splits import SplitOptions, assign_groups, keras_split

GROUPS = st.dictionaries(
    st.text("abcdef0123456789", min_size=1, max_size=8), st.sets(st.sampled_from([0, 1]), min_size=1)
)
FRACTIONS = st.floats(0, 0.9)


@settings(max_examples=200, deadline=None)
@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 10))
def test_fault_23_each_group_is_in_one_split(groups, validation, test, seed):
    split_of = assign_groups(groups, SplitOptions("group", validation, test, seed))
    assert split_of.keys() == groups.keys()
    assert set(split_of.values()) <= {"train", "validation", "test"}


@settings(max_examples=100, deadline=None)
@given(groups=GROUPS, order=st.randoms(use_true_random=False))
def test_order_of_listing_does_not_matter(groups, order):
    shuffled = list(groups.items())
    order.shuffle(shuffled)
    assert assign_groups(groups, SplitOptions()) == assign_groups(dict(shuffled), SplitOptions())


@settings(max_examples=100, deadline=None)
@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 10))
def test_training_holds_every_class_that_there_is(groups, validation, test, seed):
    split_of = assign_groups(groups, SplitOptions("group", validation, test, seed))
    in_training = {label for group, each in groups.items() for label in each if split_of[group] == "train"}
    assert in_training == {label for each in groups.values() for label in each}


def test_old_groups_stay_when_others_are_added():
    groups = {f"patient {number}": {number % 2} for number in range(200)}
    more = groups | {f"new {number}": {number % 2} for number in range(300)}
    before, after = assign_groups(groups, SplitOptions()), assign_groups(more, SplitOptions())
    assert all(after[group] == split for group, split in before.items())


def test_fractions_are_met_on_average():
    groups = {f"patient {number}": {0, 1} for number in range(20_000)}
    counts = Counter(assign_groups(groups, SplitOptions("group", 0.2, 0.25)).values())
    # Binomial: three standard deviations of 20,000 draws are below 0.01.
    assert counts["test"] / 20_000 == pytest.approx(0.25, abs=0.01)
    assert counts["validation"] / 15_000 == pytest.approx(0.2, abs=0.011)


@pytest.mark.parametrize("seed", range(20))
def test_four_patients_fill_all_splits(seed):
    split_of = assign_groups({name: {0, 1} for name in "abcd"}, SplitOptions("group", 0.2, 0.25, seed))
    assert set(split_of.values()) == {"train", "validation", "test"}


def test_no_split_is_filled_that_is_not_wanted():
    split_of = assign_groups({name: {0, 1} for name in "abcd"}, SplitOptions("group", 0.0, 0.0))
    assert set(split_of.values()) == {"train"}


def test_another_seed_divides_otherwise():
    groups = {f"patient {number}": {0} for number in range(100)}
    assert assign_groups(groups, SplitOptions(seed=1)) != assign_groups(groups, SplitOptions(seed=2))


@pytest.mark.parametrize("change", [{"rule": "file"}, {"validation_fraction": 1.0}, {"test_fraction": -0.1}])
def test_bad_options_are_named(change):
    with pytest.raises(UsageError, match="Received"):
        SplitOptions(**change)


def test_keras_split_of_the_slides():
    splits = keras_split([0] * 694 + [1] * 207)
    assert Counter(splits) == {"train": 722, "validation": 179}
    assert splits[:138] == ["validation"] * 138
    assert splits[694 : 694 + 41] == ["validation"] * 41


@pytest.mark.parametrize("counts", [(1, 1), (4, 5), (5, 4), (13, 7)])
def test_keras_split_is_that_of_image_data_generator(png_tree, counts):
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    root = png_tree(counts)
    generator = ImageDataGenerator(validation_split=0.2)
    splits = keras_split([0] * counts[0] + [1] * counts[1])
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    for keras_name, own_name in (("training", "train"), ("validation", "validation")):
        flow = generator.flow_from_directory(root, subset=keras_name, shuffle=False)
        assert flow.filenames == [name for name, split in zip(names, splits, strict=True) if split == own_name]


def test_group_key_is_keyed():
    assert group_key("Doe^Jane") == group_key("Doe^Jane")
    assert group_key("Doe^Jane") != group_key("Doe^John")
    assert group_key("Doe^Jane", b"secret") != group_key("Doe^Jane")
    assert len(group_key("\udcff")) == 16


def test_example_ids_do_not_collide():
    ids = {example_id(f"{file:064x}", index) for file in range(50) for index in range(50)}
    assert len(ids) == 2500
