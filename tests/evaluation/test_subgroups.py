import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.evaluation import Predictions, metrics_at
from contrast_tfdata.evaluation import subgroups as module
from contrast_tfdata.evaluation.subgroups import LATERAL, MIDDLE, PLACE, UNKNOWN, places, subgroups


def split_of(count=40, seed=0, paths=None):
    rng = np.random.default_rng(seed)
    labels, names = np.arange(count) % 2, tuple(map(str, range(count)))
    return Predictions(paths or names, np.zeros(count, int), names, names, labels, rng.normal(2 * labels - 1, 1))


def volume(indices, path="v.nii"):
    names = tuple(map(str, indices))
    return Predictions(
        (path,) * len(names),
        np.array(indices),
        names,
        ("g",) * len(names),
        np.ones(len(names), int),
        np.zeros(len(names)),
    )


def test_figures_of_a_part_are_those_of_its_slices():
    split = split_of()
    told = [{"vendor": "GE" if number % 4 < 2 else "Siemens"} for number in range(len(split))]
    first, second = subgroups(split, told, 0.4)
    part = metrics_at(split.select(np.arange(len(split)) % 4 < 2), 0.4)
    assert (first["name"], first["value"], second["value"]) == ("vendor", "GE", "Siemens")
    assert {key: first[key] for key in module.KEYS} == {key: part[key] for key in module.KEYS}


def test_larger_parts_come_first_and_what_is_not_said_is_unknown():
    told = [{"vendor": "GE"}] * 10 + [{"vendor": "Siemens"}] * 20 + [{}] * 10
    assert [(row["value"], row["num_examples"]) for row in subgroups(split_of(), told, 0.5)] == [
        ("Siemens", 20), ("GE", 10), (UNKNOWN, 10)
    ]  # fmt: skip


def test_kinds_in_which_all_are_alike_are_left_out():
    told = [{"vendor": "GE", "field strength": "3 T" if number % 2 else "1.5 T"} for number in range(40)]
    assert {row["name"] for row in subgroups(split_of(), told, 0.5)} == {"field strength"}
    assert subgroups(split_of(), [{}] * 40, 0.5) == []


def test_a_part_of_one_class_has_no_auc():
    told = [{"site": str(label)} for label in split_of().label]
    assert [row["auc"] for row in subgroups(split_of(), told, 0.5)] == [None, None]


def test_parts_without_a_known_class_are_left_out():
    split = Predictions(tuple("abc"), np.zeros(3, int), tuple("abc"), tuple("abc"), np.array([0, 1, -1]), np.zeros(3))
    assert [row["value"] for row in subgroups(split, [{"site": "a"}, {"site": "a"}, {"site": "b"}], 0.5)] == ["a"]


def test_only_the_largest_parts_are_kept(monkeypatch):
    monkeypatch.setattr(module, "MAX_PARTS", 2)
    told = [{"site": str(min(number // 10, 2))} for number in range(40)]
    assert [row["value"] for row in subgroups(split_of(), told, 0.5)] == ["2", "0"]


def test_one_mapping_a_slice_is_needed():
    with pytest.raises(ValueError, match="Received: 3 for 40 slices"):
        subgroups(split_of(), [{}] * 3, 0.5)


def test_the_middle_half_of_a_volume():
    assert places(volume(range(60, 69))) == [LATERAL] * 2 + [MIDDLE] * 5 + [LATERAL] * 2


def test_short_series_and_pictures_have_no_middle():
    assert places(volume([1, 2, 3])) == [UNKNOWN] * 3
    assert set(places(split_of())) == {UNKNOWN}


def test_places_of_volumes_are_told_apart_in_the_figures():
    split = volume(range(8))
    assert [(row["name"], row["value"], row["num_examples"]) for row in subgroups(split, [{}] * 8, 0.5)] == [
        (PLACE, LATERAL, 4), (PLACE, MIDDLE, 4)
    ]  # fmt: skip


@given(st.integers(4, 60), st.integers(0, 100))
def test_places_are_the_same_from_both_sides(count, start):
    found = places(volume(range(start, start + count)))
    assert found == found[::-1]
    assert abs(found.count(MIDDLE) - count / 2) <= 1.5


def test_no_more_than_twenty_parts_of_a_kind():
    told = [{"site": f"{number // 2:02d}"} for number in range(42)]
    assert [row["value"] for row in subgroups(split_of(42), told, 0.5)] == [f"{site:02d}" for site in range(20)]


def test_four_slices_have_a_middle_half():
    # From the middle at 1.5 the outer ones lie 1.5 away, more than a quarter of 3, and the inner ones 0.5.
    assert places(volume([7, 8, 9, 10])) == [LATERAL, MIDDLE, MIDDLE, LATERAL]
    # A quarter of the way exactly, of 0 to 8, is within.
    assert places(volume([0, 2, 6, 8])) == [LATERAL, MIDDLE, MIDDLE, LATERAL]
    assert places(volume([0, 1, 7, 8])) == [LATERAL] * 4
    assert places(volume([5, 5, 5, 5])) == [UNKNOWN] * 4


def test_the_words_that_files_and_tables_hold():
    assert (PLACE, MIDDLE, LATERAL, UNKNOWN) == ("place in the volume", "middle half", "lateral half", "unknown")
    keys = "name value num_examples num_groups auc auc_ci95 accuracy accuracy_ci95 sensitivity specificity"
    assert list(subgroups(volume(range(8)), [{}] * 8, 0.5)[0]) == keys.split()
