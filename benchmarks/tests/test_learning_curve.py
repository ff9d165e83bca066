"""The folds and the table of the learning curve, on patients and answers that are counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.transfer import folds
from benchmarks.transfer.figures import Scored
from benchmarks.transfer.learning_curve import epochs_for

BOTH = {name: {0, 1} for name in "abcd"}


def test_a_patient_with_both_classes_is_a_unit():
    assert sorted(folds.units(BOTH, seed=1)) == [("a",), ("b",), ("c",), ("d",)]
    assert folds.units(BOTH, seed=1) == folds.units(dict(reversed(BOTH.items())), seed=1)
    assert any(folds.units(BOTH, seed=1) != folds.units(BOTH, seed=seed) for seed in range(2, 9))


def test_patients_with_one_class_are_taken_together():
    classes = {"n1": {0}, "n2": {0}, "p1": {1}, "p2": {1}, "p3": {1}, "x": {0, 1}}
    found = folds.units(classes, seed=3)
    assert len(found) == 3
    assert ("x",) in found
    for unit in (each for each in found if len(each) == 2):
        assert [classes[name] for name in unit] == [{0}, {1}]
    assert len({name for unit in found for name in unit}) == 5  # one with class 1 is left over


@pytest.mark.parametrize(("patients", "expected"), [(0, 1), (1, 4), (2, 4), (3, 4), (4, 1), (5, 0)])
def test_four_patients_in_four_folds(patients, expected):
    sets = folds.training_sets(folds.units(BOTH, seed=1), patients, most=4)
    assert len(sets) == expected
    assert all(len(names) == patients for names in sets)
    often = [sum(name in names for names in sets) for name in "abcd"]
    assert len(set(often)) == 1


@given(st.integers(1, 40), st.integers(0, 45), st.integers(1, 8))
def test_folds_are_different_and_share_nobody_where_there_are_enough(count, patients, most):
    sets = folds.training_sets([(str(number),) for number in range(count)], patients, most)
    assert len(sets) <= most
    assert len(set(sets)) == len(sets)
    assert all(len(names) == patients for names in sets)
    if 0 < patients <= count // most:
        assert len(sets) == most
        assert len(frozenset().union(*sets)) == most * patients


def scored(patients, labels):
    values = np.arange(len(labels), dtype=float)
    return Scored(np.array(labels), np.char.add(patients, "s"), np.array(patients), values, -values)


def test_nobody_is_tested_on_who_was_trained_on():
    rest = folds.left_out(scored(["a", "a", "b", "b"], [0, 1, 0, 1]), frozenset("a"))
    assert rest.patients.tolist() == ["b", "b"]
    assert rest.logits.tolist() == [2.0, 3.0]
    assert rest.matched_logits.tolist() == [-2.0, -3.0]
    assert folds.left_out(scored(["a", "b"], [0, 1]), frozenset("a")) is None
    assert folds.left_out(scored(["a", "b"], [0, 1]), frozenset("ab")) is None


def figures_of(auc):
    return {"auc": auc, "auc_matched": auc - 0.1, "series_balanced_accuracy": 0.5}


def test_table_shows_mean_spread_and_gain_on_the_same_patients():
    outcomes = [
        folds.Outcome("nifti", 0, "nifti", figures_of(0.8), figures_of(0.8)),
        folds.Outcome("nifti", 1, "nifti", figures_of(0.9), figures_of(0.7)),
        folds.Outcome("nifti", 1, "nifti", figures_of(0.8), figures_of(0.8)),
        folds.Outcome("nifti", 1, "jpeg", figures_of(0.6), figures_of(0.7)),
    ]
    lines = list(folds.table(outcomes))
    assert len(lines) == 2 + 3
    assert {line.count("|") for line in lines} == {11}
    assert lines[2].startswith("| nifti | 0 | nifti | 1 | 0.800 |  | 0.700 |")
    assert lines[3].startswith("| nifti | 1 | nifti | 2 | 0.850 ± 0.071 | +0.100 ± 0.141 | 0.750 ± 0.071 |")
    assert lines[4].startswith("| nifti | 1 | jpeg | 1 | 0.600 | -0.100 |")


@pytest.mark.parametrize(("slices", "epochs"), [(2, 160), (32, 160), (33, 80), (480, 11), (100_000, 1)])
def test_few_patients_get_as_many_updates_as_more_of_them(slices, epochs):
    assert epochs_for(160, slices, batch_size=64) == epochs
