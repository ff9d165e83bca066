import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics as sklearn_metrics

from contrast_tfdata.evaluation.auc import (
    Z_95,
    auc_components,
    auc_interval,
    cluster_sums,
    fewest_clusters,
    roc_curve,
    student_quantile,
)

SCORED = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=30)
"""Labels with scores from few values, so that most examples tie."""


def delong_by_definition(labels, scores):
    """Returns the AUC and its variance by the double sums of DeLong et al. (1988), without ranks."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    kernel = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in negative] for x in positive])
    variance = kernel.mean(1).var(ddof=1) / len(positive) + kernel.mean(0).var(ddof=1) / len(negative)
    return kernel.mean(), variance


def draw(seed, num_negative=40, num_positive=15, shift=1.0, decimals=8):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [num_negative, num_positive])
    return labels, np.round(rng.normal(shift * labels), decimals)


@pytest.mark.parametrize("decimals", [8, 0])
@pytest.mark.parametrize("seed", range(5))
def test_interval_is_delongs_on_the_logit_scale(seed, decimals):
    labels, scores = draw(seed, decimals=decimals)
    area, variance = delong_by_definition(labels, scores)
    half_width = Z_95 * np.sqrt(variance) / (area * (1 - area))
    expected = [1 / (1 + np.exp(-(np.log(area / (1 - area)) + sign * half_width))) for sign in (-1, 1)]
    assert auc_components(labels, scores).auc == pytest.approx(area, abs=1e-12)
    np.testing.assert_allclose(auc_interval(labels, scores), expected, atol=1e-12)


@given(SCORED)
def test_auc_and_curve_equal_scikit_learns(pairs):
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    if len(set(labels.tolist())) < 2:
        assert auc_components(labels, scores) is None
        assert auc_interval(labels, scores) is None
        return
    assert auc_components(labels, scores).auc == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)
    false_positive, true_positive, _ = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    ours = roc_curve(labels, scores)
    np.testing.assert_allclose(ours[0], false_positive)
    np.testing.assert_allclose(ours[1], true_positive)


@given(SCORED)
def test_interval_holds_the_auc_and_stays_inside(pairs):
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    interval = auc_interval(labels, scores)
    if interval is not None:
        assert 0 < interval[0] < auc_components(labels, scores).auc < interval[1] < 1


def test_only_the_order_of_scores_matters():
    labels, scores = draw(1)
    assert auc_interval(labels, scores) == auc_interval(labels, np.exp(3 * scores))


def test_logits_that_round_to_one_as_probabilities_stay_apart():
    assert auc_components(np.array([0, 1]), np.array([50.0, 60.0])).auc == 1.0


@pytest.mark.parametrize("copies", [2, 5])
def test_copies_of_a_slice_in_its_group_tell_nothing_new(copies):
    labels, scores = draw(2)
    groups = np.arange(len(labels))
    repeated = [np.repeat(column, copies) for column in (labels, scores, groups)]
    np.testing.assert_allclose(auc_interval(*repeated), auc_interval(labels, scores, groups), atol=1e-12)
    naive = auc_interval(*repeated[:2])
    assert naive[1] - naive[0] < 0.8 * np.subtract(*auc_interval(labels, scores)[::-1])


def test_groups_of_both_classes_by_simulation():
    """The estimated variance agrees with the spread of the AUC over many draws of 30 patients, pre and post paired."""
    rng = np.random.default_rng(3)
    labels, groups = np.tile([0, 1], 30), np.repeat(np.arange(30), 2)
    areas, half_widths = [], []
    for _ in range(400):
        scores = np.repeat(rng.normal(0, 1.5, 30), 2) + rng.normal(0.8 * labels)
        area = auc_components(labels, scores).auc
        low, high = auc_interval(labels, scores, groups)
        areas.append(area)
        half_widths.append(np.log(high / (1 - high)) - np.log(area / (1 - area)))
    logits = np.log(np.array(areas) / (1 - np.array(areas)))
    assert np.mean(half_widths) / stats.t.ppf(0.975, 29) == pytest.approx(logits.std(), rel=0.1)


def test_few_groups_are_trusted_less():
    """With one slice a group the standard error is DeLong's, and the quantile that of the smaller class's t."""
    labels, scores = draw(2)
    groups = np.arange(len(labels))
    (low, high), (near, far) = auc_interval(labels, scores), auc_interval(labels, scores, groups)
    fewest = min(int(labels.sum()), int((1 - labels).sum()))
    wider = (special.logit(far) - special.logit(near)) / (special.logit(high) - special.logit(low))
    assert wider == pytest.approx(stats.t.ppf(0.975, fewest - 1) / Z_95, rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([0, 1], [0.0, 1.0]), ([0, 0, 1, 1], [0.0, 1.0, 2.0, 3.0]), ([0, 0, 1], [0.0, 2.0, 1.0]), ([1, 1], [0.0, 1.0])],
)
def test_no_interval_where_the_variance_says_nothing(labels, scores):
    assert auc_interval(np.array(labels), np.array(scores)) is None


def test_no_interval_from_a_single_group():
    labels, scores = draw(4)
    assert auc_interval(labels, scores, np.zeros(len(labels), np.int64)) is None


def test_curve_needs_both_classes():
    with pytest.raises(ValueError, match=r"both classes. Received labels: \[1\]"):
        roc_curve(np.array([1, 1]), np.array([0.0, 1.0]))


def test_a_hundred_thousand_slices_take_no_quadratic_time():
    labels, scores = draw(5, 80_000, 20_000)
    start = time.perf_counter()
    auc_interval(labels, scores)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_curve_needs_either_class(labels):
    with pytest.raises(ValueError, match="needs both classes"):
        roc_curve(np.array(labels), np.arange(len(labels)))


@pytest.mark.parametrize(("number", "expected"), [(2, 12.7062), (5, 2.7764), (11, 2.2281)])
def test_students_quantiles_as_tables_have_them(number, expected):
    """Of 1, 4 and 10 degrees of freedom, at 97.5 %."""
    assert student_quantile(number) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("labels", "clusters", "expected"),
    [
        ([0, 0, 1], ["a", "b", "c"], 1),
        ([0, 0, 1, 1, 1], ["a", "b", "a", "b", "c"], 2),
        ([1, 1], ["a", "b"], 0),
        ([], [], 0),
    ],
)
def test_fewest_clusters(labels, clusters, expected):
    assert fewest_clusters(labels, clusters) == expected


def test_obuchowskis_variance_by_hand():
    """Patient a has a slice of each class, b a negative, c a positive; of the four pairs one ties and one is wrong."""
    labels, scores, patients = np.array([0, 1, 0, 1]), np.array([1.0, 1.0, 3.0, 2.0]), np.array(["a", "a", "b", "c"])
    components = auc_components(labels, scores)
    np.testing.assert_array_equal(components.positive, [0.25, 0.5])  # A half of a tie, of two; one of two.
    np.testing.assert_array_equal(components.negative, [0.75, 0.0])
    assert components.auc == 3 / 8
    # Sums of their differences from 3/8 over the two of each class, for a, b and c.
    by_positive, by_negative = cluster_sums(components, np.array([0, 0, 1, 2]), labels == 1)
    np.testing.assert_allclose(by_positive, [-1 / 16, 0, 1 / 16])
    np.testing.assert_allclose(by_negative, [3 / 16, -3 / 16, 0])
    # 2 / (2 - 1) times the sums of their squares, and 2 times 3 / (3 - 1) times that of their products.
    variance = 2 * (2 / 256 + 18 / 256) + 3 * (-3 / 256)
    width = student_quantile(2) * np.sqrt(variance) / (3 / 8 * 5 / 8)
    expected = special.expit([special.logit(3 / 8) - width, special.logit(3 / 8) + width])
    np.testing.assert_allclose(auc_interval(labels, scores, patients), expected)


@pytest.mark.parametrize("clusters", [None, np.arange(6)])
def test_no_interval_where_all_scores_tie(clusters):
    labels = np.array([0, 1, 0, 1, 0, 1])
    assert auc_components(labels, np.ones(6)).auc == 0.5
    assert auc_interval(labels, np.ones(6), clusters) is None
