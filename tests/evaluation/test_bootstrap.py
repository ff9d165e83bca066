import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from contrast_tfdata.evaluation import bootstrap
from contrast_tfdata.evaluation.auc import auc_components, auc_interval
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
def test_any_set_has_an_interval_inside_or_none(rows):
    labels, scores, clusters = (np.array(column) for column in zip(*rows, strict=True))
    interval = auc_bootstrap_interval(labels, scores, clusters, resamples=50)
    fewest = min(len(set(clusters[labels == value].tolist())) for value in (0, 1))
    if fewest < 2:
        assert interval is None
    if interval is not None:
        assert 0 <= interval[0] <= interval[1] <= 1


@pytest.mark.parametrize("patients", [24, 60])
def test_it_is_scipys_bca_interval_over_patients_at_the_widened_level(patients):
    labels, scores, clusters = draw(patients=patients, shift=1.5)
    rows = [np.flatnonzero(clusters == patient) for patient in range(patients)]

    def area(drawn):
        chosen = np.concatenate([rows[patient] for patient in drawn])
        return auc_components(labels[chosen], scores[chosen]).auc

    each = patients // 2  # of a class
    widened = np.sqrt(each / (each - 1)) * stats.t.ppf(0.975, each - 1)
    expected = stats.bootstrap(
        (np.arange(patients),), area, n_resamples=3000, vectorized=False, method="BCa",
        confidence_level=2 * stats.norm.cdf(widened) - 1, random_state=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    # Both draw patients at random: their ends agree as well as far percentiles of a few thousand draws do.
    tolerance = 0.1 * (expected.high - expected.low)
    ours = auc_bootstrap_interval(labels, scores, clusters)
    np.testing.assert_allclose(ours, [expected.low, expected.high], atol=tolerance)


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
def test_no_interval_where_patients_say_nothing(labels, scores, clusters):
    assert auc_bootstrap_interval(np.array(labels), np.array(scores), np.array(clusters)) is None


def test_two_thousand_resamples_of_six_hundred_slices_take_less_than_two_seconds():
    start = time.perf_counter()
    assert auc_bootstrap_interval(*draw(patients=60, slices=10)) is not None
    assert time.perf_counter() - start < 2


def test_levels_of_the_percentiles_by_hand():
    # Of ten areas three lie below the AUC and one equals it: 3.5 of 10. The cubes of 2, -1 and -1 add up to 6, and so
    # do their squares; five patients of the smaller class have four degrees of freedom.
    areas = np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.9])
    bias, skew = stats.norm.ppf(0.35), 6 / (6 * 6**1.5)
    wide = np.sqrt(5 / 4) * stats.t.ppf(0.975, 4)
    ends = [bias + end for end in (-wide, wide)]
    expected = [stats.norm.cdf(bias + end / (1 - skew * end)) for end in ends]
    assert bootstrap._levels(areas, 0.5, np.array([2.0, -1, -1]), 5) == pytest.approx(expected, abs=1e-12)
    unskewed = [stats.norm.cdf(bias + end) for end in ends]
    assert bootstrap._levels(areas, 0.5, np.zeros(3), 5) == pytest.approx(unskewed, abs=1e-12)


@pytest.mark.parametrize(("area", "below"), [(0.0, 0.05), (1.0, 0.95)])
def test_an_auc_beyond_all_resamples_stands_half_a_resample_from_the_end(area, below):
    areas = np.linspace(0.1, 0.9, 10)
    wide = np.sqrt(20 / 19) * stats.t.ppf(0.975, 19)
    expected = [stats.norm.cdf(2 * stats.norm.ppf(below) + end) for end in (-wide, wide)]
    assert bootstrap._levels(areas, area, np.array([1.0, -1]), 20) == pytest.approx(expected, rel=1e-9)


def test_where_the_correction_for_skewness_breaks_down_the_end_is_the_last_area():
    # 1 - skew * quantile: 0.5, then 0, then below it.
    assert bootstrap._corrected(1.0, 0.5) == 2.0
    assert bootstrap._corrected(-1.0, 0.5) == pytest.approx(-2 / 3)
    assert [bootstrap._corrected(*each) for each in ((2.0, 0.5), (4.0, 0.5), (-4.0, -0.5))] == [np.inf, np.inf, -np.inf]


@pytest.mark.parametrize(("resamples", "at_once", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 5, [2])])
def test_each_draw_has_as_many_patients_as_there_are(resamples, at_once, sizes):
    draws = list(bootstrap._draws(4, resamples, 1, at_once))
    assert [each.shape for each in draws] == [(size, 4) for size in sizes]
    assert all((each.sum(axis=1) == 4).all() for each in draws)
    many = np.concatenate(list(bootstrap._draws(4, 4000, 1, 1000)))
    np.testing.assert_allclose(many.mean(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(many.var(axis=0), 3 / 4, atol=0.05)  # Of a binomial of 4 trials of a quarter.


def test_the_ends_are_percentiles_of_the_aucs_of_resampled_patients():
    labels, scores, clusters = draw(patients=8, slices=3, shift=0.5)
    areas = []
    for counts in np.concatenate(list(bootstrap._draws(8, 200, 7, 200))):
        drawn = np.repeat(np.arange(24), counts[clusters])
        if len(set(labels[drawn].tolist())) == 2:
            areas.append(roc_auc_score(labels[drawn], scores[drawn]))
    assert 100 < len(areas) < 200  # Some lack a class.
    # What each patient adds to the AUC: by its slices' shares of the other class, less the AUC, over its class.
    components = auc_components(labels, scores)
    share = np.empty(24)
    share[labels == 1], share[labels == 0] = components.positive, components.negative
    influence = [(share[clusters == patient] - components.auc).sum() / 12 for patient in range(8)]
    levels = bootstrap._levels(np.array(areas), components.auc, np.array(influence), 4)
    expected = np.quantile(areas, levels)
    found = auc_bootstrap_interval(labels, scores, clusters, resamples=200, seed=7)
    np.testing.assert_allclose(found, expected, atol=1e-12)
