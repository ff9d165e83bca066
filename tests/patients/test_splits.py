"""Who goes where."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import UsageError
from contrast_tfdata.intake.units import DEVELOPMENT
from contrast_tfdata.patients.assignment import (
    Member,
    compatible,
    contradictions,
    effective_options,
    for_training,
    split_by_group,
    split_by_position,
)
from contrast_tfdata.patients.identity import example_id, group_key
from contrast_tfdata.patients.splits import SplitOptions, assign_folds, assign_groups, keras_split

NAMES = st.text("abcdef0123456789", min_size=1, max_size=8)
COUNT = st.integers(0, 30)
GROUPS = st.dictionaries(NAMES, st.tuples(COUNT, COUNT).filter(any), max_size=40)
SINGLE = st.one_of(st.tuples(COUNT, st.just(0)), st.tuples(st.just(0), COUNT)).filter(any)
ONE_CLASS = st.dictionaries(NAMES, SINGLE, min_size=10, max_size=60)
FRACTIONS = st.floats(0, 0.9)
SPLITS = ("train", "validation", "test")


def shares_of(options):
    validation = options.validation_fraction * (1 - options.test_fraction)
    return {"train": 1 - validation - options.test_fraction, "validation": validation, "test": options.test_fraction}


def held(sizes, split_of, split, label):
    return sum(each[label] for group, each in sizes.items() if split_of[group] == split)


@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 10))
def test_each_group_is_in_one_split(groups, validation, test, seed):
    split_of = assign_groups(groups, SplitOptions("group", validation, test, seed))
    assert split_of.keys() == groups.keys()
    assert set(split_of.values()) <= set(SPLITS)


@given(groups=GROUPS, order=st.randoms(use_true_random=False))
def test_order_of_listing_does_not_matter(groups, order):
    shuffled = list(groups.items())
    order.shuffle(shuffled)
    assert assign_groups(groups, SplitOptions()) == assign_groups(dict(shuffled), SplitOptions())


@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 10))
def test_training_holds_every_class_that_there_is(groups, validation, test, seed):
    split_of = assign_groups(groups, SplitOptions("group", validation, test, seed))
    for label in (0, 1):
        assert held(groups, split_of, "train", label) or not any(each[label] for each in groups.values())


@given(groups=GROUPS, seed=st.integers(0, 10))
def test_every_class_is_in_every_split_where_there_are_enough_groups(groups, seed):
    split_of = assign_groups(groups, SplitOptions(seed=seed))
    for label in (0, 1):
        if sum(1 for each in groups.values() if each[label]) >= 6:
            assert all(held(groups, split_of, split, label) for split in SPLITS)


@given(groups=ONE_CLASS, validation=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4), seed=st.integers(0, 10))
def test_each_class_has_its_share_within_one_group(groups, validation, test, seed):
    options = SplitOptions("group", validation, test, seed)
    split_of = assign_groups(groups, options)
    for label in (0, 1):
        sizes = [each[label] for each in groups.values() if each[label]]
        if sum(sizes) * min(shares_of(options).values()) < max(sizes, default=1):
            continue  # A split whose share is less than a group: that it holds the class at all comes first.
        for split, share in shares_of(options).items():
            assert abs(held(groups, split_of, split, label) - share * sum(sizes)) <= max(sizes) + 1e-6


@given(groups=st.dictionaries(NAMES, st.tuples(COUNT, COUNT).filter(any), min_size=12), seed=st.integers(0, 10))
def test_classes_that_share_patients_have_their_shares_within_two_groups(groups, seed):
    options = SplitOptions(seed=seed)
    split_of = assign_groups(groups, options)
    for label in (0, 1):
        sizes = [each[label] for each in groups.values()]
        for split, share in shares_of(options).items():
            assert abs(held(groups, split_of, split, label) - share * sum(sizes)) <= 2 * max(sizes) + 1e-6


@given(groups=GROUPS, more=GROUPS, seed=st.integers(0, 10))
def test_old_groups_stay_when_others_are_added(groups, more, seed):
    options = SplitOptions(seed=seed)
    before = assign_groups(groups, options)
    after = assign_groups(groups | more, options, fixed=before)
    assert all(after[group] == split for group, split in before.items())
    assert after.keys() == (groups | more).keys()


def test_new_groups_fill_up_what_the_old_ones_lack():
    old = {f"old {number}": (1, 0) for number in range(10)}
    new = {f"new {number}": (1, 0) for number in range(10)}
    split_of = assign_groups(old | new, SplitOptions("group", 0.0, 0.5), fixed=dict.fromkeys(old, "train"))
    assert {split_of[group] for group in new} == {"test"}


def test_what_is_fixed_to_an_unwanted_split_does_not_count():
    """A test folder beside the training folder: validation has its share of the latter."""
    groups = {f"{number}": (1, 1) for number in range(10)} | {f"test {number}": (50, 50) for number in range(9)}
    fixed = {group: "test" for group in groups if group.startswith("test")}
    split_of = assign_groups(groups, SplitOptions("group", 0.2, 0.0), fixed)
    assert Counter(split_of.values()) == {"train": 8, "validation": 2, "test": 9}


@pytest.mark.parametrize("seed", range(20))
def test_small_classes_are_divided_too(seed):
    """29 patients of the small class: hashes compared with thresholds once gave it 2 for validation."""
    groups = {f"a{number}": (3, 0) for number in range(200)} | {f"b{number}": (0, 1) for number in range(29)}
    split_of = assign_groups(groups, SplitOptions(seed=seed))
    assert [held(groups, split_of, split, 1) for split in SPLITS] == [18, 5, 6]


@pytest.mark.parametrize("seed", range(20))
def test_four_patients_fill_all_splits(seed):
    split_of = assign_groups(dict.fromkeys("abcd", (2, 2)), SplitOptions("group", 0.2, 0.25, seed))
    assert set(split_of.values()) == set(SPLITS)


def test_no_split_is_filled_that_is_not_wanted():
    split_of = assign_groups(dict.fromkeys("abcd", (1, 1)), SplitOptions("group", 0.0, 0.0))
    assert set(split_of.values()) == {"train"}


def test_another_seed_divides_otherwise():
    groups = {f"patient {number}": (1, 0) for number in range(100)}
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
    ids = {example_id(bytes.fromhex(f"{file:064x}"), index) for file in range(50) for index in range(50)}
    assert len(ids) == 2500


POOLS = ("train", "validation", "test", DEVELOPMENT)


def test_which_pools_can_all_go_to_one_split():
    together = [set(pools) for size in range(5) for pools in itertools.combinations(POOLS, size) if compatible(pools)]
    one, two = (
        [{"train"}, {"validation"}, {"test"}, {DEVELOPMENT}],
        [{"train", DEVELOPMENT}, {"validation", DEVELOPMENT}],
    )
    assert together == [set(), *one, *two]


@pytest.mark.parametrize(
    ("pools", "validation", "test"),
    [
        ([], 0.3, 0.1),
        ([None], 0.3, 0.1),
        (["train"], 0.3, 0.1),
        ([None, DEVELOPMENT], 0.3, 0.0),
        (["test", None], 0.3, 0.0),
        (["validation"], 0.0, 0.0),
        (["test"], 0.0, 0.0),
        (["validation", "test"], 0.0, 0.0),
        (["train", "test"], 0.3, 0.0),
    ],
)
def test_no_share_is_taken_for_a_split_that_the_user_has_made_up(pools, validation, test):
    found = effective_options(pools, SplitOptions("group", 0.3, 0.1, 7))
    assert found == SplitOptions("group", validation, test, 7)


@pytest.mark.parametrize(
    ("pools", "test", "expected"),
    [
        ([], 0.2, True), ([None], 0.2, True), (["train"], 0.2, True), ([DEVELOPMENT, "test"], 0.0, True),
        (["test", None], 0.2, True), (["train"], 1.0, True), (["train", None], 1.0, True),
        (["test"], 0.2, False), (["validation"], 0.2, False), (["validation", "test"], 0.2, False),
        ([None], 1.0, False), (["validation", None], 1.0, False),
    ],
)  # fmt: skip
def test_a_training_split_is_wanted_unless_every_file_is_for_another(pools, test, expected):
    applied = effective_options(pools, SplitOptions(test_fraction=test))
    assert for_training(pools, applied) is expected
    if not expected:
        assert applied.validation_fraction == 0


def test_all_can_become_test():
    sizes = {f"{number}": (number % 2, 3) for number in range(9)}
    assert set(assign_groups(sizes, SplitOptions(test_fraction=1.0)).values()) == {"test"}
    fixed = assign_groups(sizes, SplitOptions(test_fraction=1.0), {"3": "train"})
    assert fixed == {**dict.fromkeys(sizes, "test"), "3": "train"}


def test_members_go_where_they_or_their_groups_are_fixed_to():
    members = [
        Member("a", (0, 1), "validation", "1"), Member("a", (0,), DEVELOPMENT, "2"), Member("a", (1,), None, "3"),
        Member("b", (0, 1), "test", "4"), Member("b", (0,), "validation", "5"), Member("b", (1,), None, "6"),
        Member("c", (0, 1), DEVELOPMENT, "7"), Member("d", (0, 1), "train", "8"),
    ]  # fmt: skip
    expected = ["validation"] * 3 + ["test", "validation", "train"] + ["train"] * 2
    assert split_by_group(members, SplitOptions("group", 0.0, 0.0)) == expected
    assert contradictions(members) == ["test 4, validation 5"]
    more = [*members, Member("b", (0,), "test", "0"), Member("d", (1,), "test", "9"), Member("e", (1,), "test", "10")]
    assert contradictions(more) == ["test 0, validation 5", "test 9, train 8"]


def test_the_slides_split_counts_all_but_the_test_folder():
    members = [Member("g", (0,), "test", f"t{number}") for number in range(3)]
    members += [Member("g", (number // 5,), DEVELOPMENT, str(number)) for number in range(10)]
    validation = {path for path, split in split_by_position(members).items() if split == "validation"}
    assert validation == {"0", "5"}
    assert len(split_by_position(members)) == 10


@pytest.mark.parametrize("change", [{"rule": "keras"}, {"validation_fraction": 0.0}, {"test_fraction": 1.0}])
def test_options_at_their_bounds(change):
    ((name, value),) = change.items()
    assert getattr(SplitOptions(**change), name) == value


@pytest.mark.parametrize("change", [{"validation_fraction": 1.0}, {"test_fraction": 1.001}, {"rule": ""}])
def test_options_just_outside_are_named(change):
    ((name, value),) = change.items()
    name = {"rule": "split"}.get(name, name)
    with pytest.raises(UsageError, match=f"{name}.*Received: .*{value}"):
        SplitOptions(**change)


def test_folds_have_numbers_from_one_and_equal_shares():
    fold_of = assign_folds({f"{number}": (2, 3) for number in range(20)}, 5, 3)
    assert Counter(fold_of.values()) == dict.fromkeys(range(1, 6), 4)


def test_a_class_that_a_split_lacks_comes_from_the_smallest_group_that_can_be_spared():
    """Two groups of class 1: the large one needs a place where most is missing, the small one goes where none is."""
    sizes = {"a": (0, 9), "b": (0, 1), **{f"{number}": (5, 0) for number in range(8)}}
    for seed in range(20):
        split_of = assign_groups(sizes, SplitOptions("group", 0.0, 0.25, seed))
        assert (split_of["a"], split_of["b"]) == ("train", "test")
