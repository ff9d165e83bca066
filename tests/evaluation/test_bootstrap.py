import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from contrast_tfdata.evaluation import bootstrap
from contrast_tfdata.evaluation.auc import auc_interval
from contrast_tfdata.evaluation.bootstrap import Ranked, auc_bootstrap_interval

CLUSTERED = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 5)), min_size=1, max_size=30)
"""Labels, scores that mostly tie, and the cluster of each."""


def draw(seed=0, patients=60, slices=10, shift=2.0):
    """Returns labels, scores and patients: each patient is before or after contrast, and has a score of its own."""
    rng = np.random.default_rng(seed)
    labels, clusters = np.repeat(np.arange(patients) % 2, slices), np.repeat(np.arange(patients), slices)
    return labels, rng.normal(size=patients)[clusters] + rng.normal(shift * labels), clusters


@given(CLUSTERED, st.integers(0, 2**32 - 1))
def test_each_resample_has_the_auc_that_scikit_learn_gives_it_written_out(rows, seed):
    labels, scores, cluster = (np.array(column) for column in zip(*rows, strict=True))
    draws = np.random.default_rng(seed).integers(0, 3, (4, 6))
    for area, counts in zip(Ranked.of(labels, scores, cluster).aucs(draws), draws, strict=True):
        drawn = np.repeat(np.arange(len(labels)), counts[cluster])
        if len(set(labels[drawn].tolist())) < 2:
            assert np.isnan(area)
        else:
            assert area == pytest.approx(roc_auc_score(labels[drawn], scores[drawn]), abs=1e-12)


@given(CLUSTERED)
def test_fault_50_any_set_has_an_interval_inside_or_none(rows):
    labels, scores, clusters = (np.array(column) for column in zip(*rows, strict=True))
    interval = auc_bootstrap_interval(labels, scores, clusters, resamples=50)
    fewest = min(len(set(clusters[labels == value].tolist())) for value in (0, 1))
    if fewest < 2:
        assert interval is None
    if interval is not None:
        assert 0 <= interval[0] <= interval[1] <= 1


def test_it_is_the_percentiles_of_draws_of_whole_patients():
    labels, scores, clusters = draw()
    rng, areas = np.random.default_rng(bootstrap.SEED), []
    for _ in range(400):
        rows = np.concatenate([np.flatnonzero(clusters == patient) for patient in rng.integers(60, size=60)])
        areas.append(roc_auc_score(labels[rows], scores[rows]))
    expected = np.quantile(areas, [0.025, 0.975])
    np.testing.assert_allclose(auc_bootstrap_interval(labels, scores, clusters, resamples=400), expected, atol=1e-12)


def test_same_input_same_interval_whatever_patients_are_called_and_however_much_is_held_at_once(monkeypatch):
    labels, scores, clusters = draw()
    first = auc_bootstrap_interval(labels, scores, clusters, resamples=300)
    names = np.char.add("patient", np.char.zfill(clusters.astype(str), 3))
    assert auc_bootstrap_interval(labels, scores, names, resamples=300) == first
    monkeypatch.setattr(bootstrap, "_CELLS", 7 * len(labels))
    assert auc_bootstrap_interval(labels, scores, clusters, resamples=300) == first
    assert auc_bootstrap_interval(labels, scores, clusters, resamples=300, seed=1) != first


def test_it_agrees_with_obuchowski_and_not_with_delong_of_single_slices():
    labels, scores, clusters = draw(shift=1.0, patients=200)
    widths = {
        "bootstrap": np.subtract(*auc_bootstrap_interval(labels, scores, clusters)[::-1]),
        "by group": np.subtract(*auc_interval(labels, scores, clusters)[::-1]),
        "by slice": np.subtract(*auc_interval(labels, scores)[::-1]),
    }
    assert widths["bootstrap"] == pytest.approx(widths["by group"], rel=0.1)
    assert widths["by slice"] < 0.7 * widths["bootstrap"]


@pytest.mark.parametrize(
    ("labels", "scores", "clusters"),
    [
        ([], [], []),
        ([1, 1, 1], [0.0, 1.0, 2.0], [0, 1, 2]),
        ([0, 0, 1, 1], [0.0, 2.0, 1.0, 3.0], [0, 0, 1, 1]),
        ([0, 0, 1, 1], [0.0, 1.0, 2.0, 3.0], [0, 1, 2, 3]),
        ([1, 1, 0, 0], [0.0, 1.0, 2.0, 3.0], [0, 1, 2, 3]),
    ],
    ids=["nothing", "one class", "one patient a class", "separated", "separated the wrong way"],
)
def test_fault_50_no_interval_where_patients_say_nothing(labels, scores, clusters):
    assert auc_bootstrap_interval(np.array(labels), np.array(scores), np.array(clusters)) is None


def test_two_thousand_resamples_of_six_hundred_slices_take_less_than_two_seconds():
    start = time.perf_counter()
    assert auc_bootstrap_interval(*draw(patients=60, slices=10)) is not None
    assert time.perf_counter() - start < 2
