import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_curve

from contrast_tfdata.evaluation.operating_point import (
    OperatingPoint,
    check_criterion,
    choose,
    least_specificity,
    slides_sweep,
)

SCORED = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12).map(lambda k: k / 12)), min_size=1, max_size=30)


def merit(labels, probabilities, threshold, criterion):
    answers = probabilities > threshold
    if criterion == "accuracy":
        return np.mean(answers == labels)
    return np.mean(answers[labels == 1]) - np.mean(answers[labels == 0])


@pytest.mark.parametrize("criterion", ["accuracy", "youden"])
@given(pairs=SCORED)
def test_no_midpoint_is_better(criterion, pairs):
    labels, probabilities = (np.array(column) for column in zip(*pairs, strict=True))
    point = choose(labels, probabilities, criterion)
    scores = np.unique(probabilities)
    if len(set(labels.tolist())) < 2 or len(scores) < 2:
        assert (point.threshold, point.criterion, point.chosen_on) == (0.5, "fixed", "none")
        assert point.reason
        return
    midpoints = (scores[1:] + scores[:-1]) / 2
    best = max(merit(labels, probabilities, midpoint, criterion) for midpoint in midpoints)
    assert merit(labels, probabilities, point.threshold, criterion) == pytest.approx(best, abs=1e-12)
    assert np.abs(midpoints - point.threshold).min() < 1e-12


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4),  # one gap separates
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.9], 0.6),  # gaps 1 and 3 have 3 of 4 right: the wider one
        ([0, 1, 0, 1], [0.125, 0.25, 0.375, 0.5], 0.4375),  # as wide: nearer to 0.5
        ([0, 1, 0, 1], [0.375, 0.4375, 0.5625, 0.625], 0.40625),  # as wide and as near: the lower one
    ],
)
def test_ties(labels, probabilities, expected):
    assert choose(labels, probabilities).threshold == pytest.approx(expected, abs=1e-15)


def test_criteria_differ_where_classes_are_unequal():
    labels = np.repeat([0, 1], [90, 10])
    probabilities = np.concatenate([np.linspace(0, 0.6, 90), np.linspace(0.45, 0.9, 10)])
    accurate, balanced = choose(labels, probabilities, "accuracy"), choose(labels, probabilities, "youden")
    assert balanced.threshold < accurate.threshold
    assert merit(labels, probabilities, accurate.threshold, "accuracy") > merit(
        labels, probabilities, balanced.threshold, "accuracy"
    )


@pytest.mark.parametrize("least", [0.5, 0.9, 1.0])
@given(pairs=SCORED)
def test_no_midpoint_of_that_specificity_is_more_sensitive(least, pairs):
    labels, probabilities = (np.array(column) for column in zip(*pairs, strict=True))
    point = choose(labels, probabilities, f"specificity={least}")
    scores = np.unique(probabilities)
    if len(set(labels.tolist())) < 2 or len(scores) < 2:
        assert point == choose(labels, probabilities)
        return
    # scikit-learn's curve holds every threshold; its first point calls nothing positive and its last everything.
    false_positive, true_positive, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    good = 1 - false_positive[1:-1] >= least - 1e-12
    if not good.any():
        assert (point.threshold, point.criterion) == (0.5, "fixed")
        assert f"has specificity={least} or more" in point.reason
        return
    answers = probabilities > point.threshold
    assert np.mean(~answers[labels == 0]) >= least
    assert np.mean(answers[labels == 1]) == pytest.approx(true_positive[1:-1][good].max(), abs=1e-12)


@pytest.mark.parametrize("criterion", ["specificity=0", "specificity=1.1", "specificity=.", "specificity", "S=0.9"])
def test_specificities_that_cannot_be_are_refused(criterion):
    with pytest.raises(ValueError, match=f"above 0 and at most 1. Received: criterion='{criterion}'"):
        choose([0, 1], [0.1, 0.9], criterion)


def test_specificity_in_round_numbers_is_met_exactly():
    labels = np.repeat([0, 1], [10, 2])
    probabilities = np.append(np.arange(10) / 10, [0.85, 0.95])  # 9 of 10 negatives lie below the lower positive.
    assert choose(labels, probabilities, "specificity=0.9").threshold == pytest.approx(0.825)
    assert choose(labels, probabilities, "specificity=.91").threshold == pytest.approx(0.925)


def test_neighbouring_floats_are_still_separated():
    low = 0.75
    high = np.nextafter(low, 1)
    point = choose([0, 1], [low, high])
    np.testing.assert_array_equal(np.array([low, high]) > point.threshold, [False, True])


def test_reasons_name_the_cause():
    assert choose([1, 1], [0.2, 0.3]).reason == "validation has 1 of 2 classes"
    assert choose([], []).reason == "validation has 0 of 2 classes"
    assert choose([0, 1], [0.2, 0.2], chosen_on="tuning").reason == "all examples of tuning have the same score"


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_bad_thresholds_are_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold must lie in .* Received: threshold={threshold}"):
        OperatingPoint.fixed(threshold)


def test_bad_criteria_are_refused():
    with pytest.raises(ValueError, match="Received: criterion='auc'"):
        choose([0, 1], [0.1, 0.9], "auc")
    with pytest.raises(ValueError, match="Received: criterion='auc'"):
        OperatingPoint(0.5, "auc", "validation")


@pytest.mark.parametrize("point", [OperatingPoint(0.25, "youden", "validation"), OperatingPoint.fixed(0.5, "because")])
def test_points_survive_json(point):
    assert OperatingPoint.from_dict(json.loads(json.dumps(point.to_dict()))) == point


def test_a_chosen_point_has_the_three_keys_of_the_file():
    assert set(OperatingPoint(0.25, "youden", "validation").to_dict()) == {"threshold", "criterion", "chosen_on"}


@settings(max_examples=15)  # A hundred calls of scikit-learn each.
@given(SCORED)
def test_sweep_equals_the_slides_loop(pairs):
    labels, probabilities = (np.array(column) for column in zip(*pairs, strict=True))
    thresholds_by_loop, accuracies_by_loop = [], []
    for step in range(100):
        thresholds_by_loop.append(step / 100.0)
        accuracies_by_loop.append(accuracy_score(labels, probabilities > step / 100.0))
    thresholds, accuracies, best = slides_sweep(labels, probabilities)
    assert thresholds.tolist() == thresholds_by_loop
    np.testing.assert_allclose(accuracies, accuracies_by_loop, atol=1e-15)
    assert best == thresholds_by_loop[accuracies_by_loop.index(max(accuracies_by_loop))]


def test_sweep_of_nothing_is_refused():
    with pytest.raises(ValueError, match="Received: 0"):
        slides_sweep([], [])


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_at_the_ends_are_taken(threshold):
    assert OperatingPoint.fixed(threshold).threshold == threshold
    for outside in (np.nextafter(0, -1), np.nextafter(1, 2)):
        with pytest.raises(ValueError, match="threshold must lie in"):
            OperatingPoint(outside, "accuracy", "validation")


def test_what_is_written_of_a_point():
    chosen = {"threshold": 0.25, "criterion": "youden", "chosen_on": "validation"}
    assert OperatingPoint(0.25, "youden", "validation").to_dict() == chosen
    assert OperatingPoint.from_dict(chosen) == OperatingPoint(0.25, "youden", "validation", "")
    fixed = {"threshold": 0.5, "criterion": "fixed", "chosen_on": "none"}
    assert OperatingPoint.fixed().to_dict() == fixed
    assert OperatingPoint.fixed(reason="why").to_dict() == fixed | {"reason": "why"}


@pytest.mark.parametrize("criterion", ["specificity=0.0", "specificity=00.5", "specificity=1.01", "accuracy ", "x=0.9"])
def test_criteria_that_only_look_like_one_are_refused(criterion):
    with pytest.raises(ValueError, match="Received: criterion="):
        OperatingPoint(0.5, criterion, "validation")


@pytest.mark.parametrize(
    ("criterion", "least"),
    [("specificity=1", 1.0), ("specificity=1.0", 1.0), ("specificity=.25", 0.25), ("accuracy", None), ("youden", None)],
)
def test_the_specificity_that_a_criterion_names(criterion, least):
    assert least_specificity(criterion) == least
    check_criterion(criterion)


def test_youden_weighs_both_classes_alike():
    # Of 4 negatives and 2 positives: at 0.25 all negatives but two and all positives are right, at 0.65 all and one.
    labels, probabilities = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.55, 0.6, 0.3, 0.7]
    assert choose(labels, probabilities, "accuracy").threshold == pytest.approx(0.65)
    assert choose(labels, [0.1, 0.2, 0.21, 0.6, 0.3, 0.7], "youden").threshold == pytest.approx(0.255)
