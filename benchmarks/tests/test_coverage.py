import dataclasses

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.coverage import DESIGNS, Design, measure, table
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.evaluation.series import per_series


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_the_truth_is_that_of_a_very_large_study(design):
    study = dataclasses.replace(design, patients=4000, slices=10).draw(np.random.default_rng(0))
    assert auc_components(study.label, study.logit).auc == pytest.approx(design.auc, abs=0.02)
    assert np.mean(study.logit[study.label == 1] > 0) == pytest.approx(design.sensitivity, abs=0.02)
    series = per_series(study)
    assert len(series) == 4000 * (1 + design.both_series)
    assert np.mean(series.logit[series.label == 1] > 0) == pytest.approx(design.series_sensitivity, abs=0.02)


def test_slices_taken_as_independent_fall_short_and_whole_patients_do_not():
    rows = {row.interval: row for row in measure(DESIGNS[0], 150)}
    for name in (
        "AUC, groups left out in turn (jackknife)",
        "AUC, groups drawn anew (bootstrap)",
        "Sensitivity of series (Wilson)",
    ):
        assert rows[name].share > 0.9, name  # 95 % and three standard errors of 150 studies less
    for name in ("AUC, slices as independent (DeLong)", "Sensitivity of slices (Wilson)"):
        assert rows[name].share < 0.8, name


def test_shares_are_counted_as_they_should(monkeypatch):
    found = iter([(0.8, 0.95), (0.91, 0.95), (0.2, 0.3), (0.85, 0.9), None])
    monkeypatch.setitem(coverage.INTERVALS, "next", (lambda study: next(found), lambda design: design.auc))
    (row,) = measure(Design("small", 2, slices=1), 5, intervals=["next"])
    assert (row.share, row.too_low, row.too_high, row.undefined) == (0.5, 0.25, 0.25, 1)
    assert row.width == pytest.approx((0.15 + 0.04 + 0.1 + 0.05) / 4)
    assert table(Design("small", 2), [row], 5)[-1] == "| next | 50.0% | 25.0% | 25.0% | 0.085 | 1 |"
