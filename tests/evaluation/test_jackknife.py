"""The interval from leaving patients out, against leaving them out one by one and against many studies drawn anew."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics import roc_auc_score

from contrast_tfdata.evaluation.auc import auc_components, auc_interval
from contrast_tfdata.evaluation.jackknife import areas_without, auc_interval_by_group

EXAMPLES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 5)), min_size=2, max_size=40)


def draw(seed, patients=20, slices=6, both=True, shift=1.2):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), slices)
    labels = np.tile([0, 1], patients * slices // 2) if both else patient % 2
    return labels, rng.normal(0, 1, patients)[patient] + rng.normal(shift * labels), patient


def by_definition(labels, scores, clusters):
    """Scikit-learn's AUC without each cluster, and Miller's variance of their logits."""
    names = np.unique(clusters)
    logits = special.logit([roc_auc_score(labels[clusters != name], scores[clusters != name]) for name in names])
    error = np.sqrt((len(names) - 1) * np.var(logits))
    fewest = min(len(set(clusters[labels == value])) for value in (0, 1))
    centre, width = special.logit(roc_auc_score(labels, scores)), stats.t.ppf(0.975, fewest - 1) * error
    return special.expit([centre - width, centre + width])


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("decimals", [8, 0])
def test_it_is_what_leaving_out_one_by_one_gives(both, decimals):
    labels, scores, clusters = draw(1, both=both)
    scores = np.round(scores, decimals)
    names = np.char.add("patient ", clusters.astype(str))
    ours = auc_interval_by_group(labels, scores, names)
    np.testing.assert_allclose(ours, by_definition(labels, scores, clusters), atol=1e-12)


@given(EXAMPLES)
def test_areas_are_those_of_the_examples_that_are_left(examples):
    labels, scores, clusters = (np.array(column) for column in zip(*examples, strict=True))
    _, cluster = np.unique(clusters, return_inverse=True)
    if any(len(set(cluster[labels == value])) < 2 for value in (0, 1)):
        assert auc_interval_by_group(labels, scores, cluster) is None
        return
    expected = [roc_auc_score(labels[cluster != name], scores[cluster != name]) for name in range(cluster.max() + 1)]
    np.testing.assert_allclose(areas_without(labels, scores, cluster), expected, atol=1e-12)


@given(EXAMPLES)
def test_it_holds_the_auc_and_stays_inside(examples):
    labels, scores, clusters = (np.array(column) for column in zip(*examples, strict=True))
    interval = auc_interval_by_group(labels, scores, clusters)
    assert (interval is None) == (auc_interval(labels, scores, clusters) is None)
    if interval is not None:
        assert 0 <= interval[0] <= auc_components(labels, scores).auc <= interval[1] <= 1


def test_copies_of_a_slice_in_its_group_tell_nothing_new():
    labels, scores, clusters = draw(2)
    repeated = [np.repeat(column, 3) for column in (labels, scores, clusters)]
    expected = auc_interval_by_group(labels, scores, clusters)
    np.testing.assert_allclose(auc_interval_by_group(*repeated), expected, atol=1e-12)


def test_where_one_patient_makes_all_the_errors_obuchowskis_is_taken():
    """Without that patient the classes are separated, and a logit of 1 is infinite."""
    labels, clusters = np.tile([0, 1], 10), np.repeat(np.arange(10), 2)
    scores = np.where(clusters == 3, 1.0 - labels, labels) + clusters / 100
    assert areas_without(labels, scores, clusters)[3] == 1.0
    assert auc_interval_by_group(labels, scores, clusters) == auc_interval(labels, scores, clusters)


def test_rounding_does_not_hide_that_the_classes_are_separated():
    labels, clusters = np.arange(900) % 2, np.arange(900) // 3
    scores = np.where(clusters == 7, 1.0 - labels, labels) + clusters / 1e4
    assert areas_without(labels, scores, clusters)[7] == 1.0


def test_it_is_wider_than_obuchowskis_where_the_auc_is_high():
    labels, scores, clusters = draw(3, patients=30, both=False, shift=3.0)
    wide, narrow = auc_interval_by_group(labels, scores, clusters), auc_interval(labels, scores, clusters)
    assert wide[1] - wide[0] > 1.02 * (narrow[1] - narrow[0])


def test_the_standard_error_is_that_of_many_studies():
    logits, errors = [], []
    for seed in range(300):
        labels, scores, clusters = draw(seed, patients=40)
        low, high = special.logit(auc_interval_by_group(labels, scores, clusters))
        errors.append((high - low) / 2 / stats.t.ppf(0.975, 39))
        logits.append((high + low) / 2)
    assert np.mean(errors) == pytest.approx(np.std(logits), rel=0.1)


def test_a_hundred_thousand_slices_take_no_quadratic_time():
    labels, scores, clusters = draw(5, patients=10_000, slices=10)
    start = time.perf_counter()
    auc_interval_by_group(labels, scores, clusters)
    assert time.perf_counter() - start < 5
