import dataclasses
import json
import subprocess
import sys
from typing import get_type_hints

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import Choices, OperatingPoint, Predictions, choose, contents, metrics_at
from contrast_tfdata.evaluation.abstention import abstention, choose_band
from contrast_tfdata.evaluation.bootstrap import auc_bootstrap_interval
from contrast_tfdata.evaluation.calibration import fit_temperature, reliability, scaling
from contrast_tfdata.evaluation.series import per_series

CHOICES = ["operating_point", "indeterminate_band", "temperature"]
KEYS = [*CHOICES, "validation", "validation_at_half", "test", "test_best_threshold"]


def draw(count, seed, labels=None):
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.3).astype(np.int64) if labels is None else np.asarray(labels)
    names = tuple(map(str, range(count)))
    return Predictions(names, np.zeros(count, np.int64), names, names, labels, rng.normal(3 * labels - 2, 2))


def test_threshold_comes_from_validation_and_goes_to_both():
    validation, test = draw(100, 0), draw(300, 1)
    summary = summarize(validation, test)
    point = choose(validation.label, validation.probability)
    assert list(summary) == KEYS
    assert summary["operating_point"] == point.to_dict()
    for name, split in (("validation", validation), ("test", test)):
        assert metrics_at(split, point.threshold).items() <= summary[name].items()
        assert summary[name]["confounders"] is None


def test_band_and_temperature_come_from_validation_and_go_to_both():
    validation, test = draw(100, 0), draw(300, 1)
    summary = summarize(validation, test, max_error=0.05)
    choices = Choices.from_dict(json.loads(json.dumps(summary)))
    assert choices.to_dict() == {key: summary[key] for key in CHOICES}
    assert choices.band == choose_band(validation.label, validation.probability, choices.operating_point, 0.05)
    assert choices.temperature == fit_temperature(validation.label, validation.logit)
    assert summary["test"]["abstention"] == abstention(test, choices.operating_point.threshold, choices.band)
    assert summary["test"]["temperature_scaling"] == scaling(test, choices.temperature)
    assert summarize(None, test, choices)["test"] == summary["test"]
    assert {key: summarize(validation, draw(9, 2), max_error=0.05)[key] for key in CHOICES} == choices.to_dict()


def test_series_are_beside_slices():
    test = draw(300, 1)
    volumes = dataclasses.replace(
        test, path=tuple(f"{i // 10}.nii" for i in range(300)), label=np.arange(300) // 10 % 2
    )
    summary = summarize(None, volumes)["test"]
    series = per_series(volumes)
    threshold = summary["threshold"]
    assert metrics_at(series, threshold).items() <= summary["series"].items()
    assert (summary["num_examples"], summary["series"]["num_examples"]) == (300, 30)


def test_bootstrap_draws_groups_and_is_absent_where_they_are_not_known():
    test = draw(100, 1)
    groups = np.arange(100) // 3
    named = dataclasses.replace(test, group=tuple(map(str, groups)))
    expected = auc_bootstrap_interval(test.label, test.logit, np.array(named.group))
    assert summarize(None, named)["test"]["auc_ci95_bootstrap"] == list(expected)
    assert summarize(None, dataclasses.replace(test, group=("",) * 100))["test"]["auc_ci95_bootstrap"] is None


def test_optimism_is_what_the_slides_procedure_gains_on_test():
    summary = summarize(draw(100, 0), draw(300, 1))
    best = summary["test_best_threshold"]
    assert best["optimism"] == best["accuracy"] - summary["test"]["accuracy"]


def test_the_operating_point_does_not_depend_on_test():
    validation = draw(100, 0)
    assert (
        summarize(validation, draw(300, 1))["operating_point"] == summarize(validation, draw(9, 2))["operating_point"]
    )


def test_slides_procedures():
    validation, test = draw(100, 0), draw(300, 1)
    summary = summarize(validation, test)
    assert summary["validation_at_half"]["threshold"] == 0.5
    assert summary["validation_at_half"]["confusion_matrix"] == metrics_at(validation, 0.5)["confusion_matrix"]
    best = summary["test_best_threshold"]
    assert "ptimistic" in best["procedure"]
    for threshold in np.arange(100) / 100:
        assert metrics_at(test, threshold)["accuracy"] <= best["accuracy"]
    assert metrics_at(test, best["threshold"])["confusion_matrix"] == best["confusion_matrix"]


def test_a_given_point_is_kept():
    point = OperatingPoint(0.123, "youden", "validation")
    summary = summarize(draw(100, 0), None, point)
    assert summary["operating_point"] == point.to_dict()
    assert summary["indeterminate_band"] is summary["temperature"] is None  # Nothing else is chosen behind its back.
    assert summary["validation"]["abstention"] is summary["validation"]["temperature_scaling"] is None


def test_criterion_is_used_and_checked():
    assert summarize(draw(100, 0), None, criterion="youden")["operating_point"]["criterion"] == "youden"
    with pytest.raises(ValueError, match="Received: criterion='best'"):
        summarize(draw(100, 0), None, criterion="best")
    with pytest.raises(ValueError, match="Received: max_error=1.5"):
        summarize(None, None, max_error=1.5)


@pytest.mark.parametrize(
    ("validation", "test"),
    [
        (None, None),
        (draw(0, 0), draw(0, 0)),
        (draw(1, 0), draw(1, 1)),
        (draw(9, 0, [1] * 9), draw(9, 1, [0] * 9)),
        (draw(9, 0, [-1] * 9), draw(9, 1, [-1] * 9)),
        (None, draw(50, 1)),
        (draw(50, 1), None),
    ],
    ids=["none", "empty", "single", "one class", "no labels", "test only", "validation only"],
)
def test_small_or_absent_splits_give_the_same_keys_and_plain_json(validation, test):
    summary = summarize(validation, test)
    assert list(summary) == KEYS
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    if validation is None or len(validation.labelled()) < 10:
        assert summary["operating_point"]["threshold"] == 0.5
        assert all(summary[key]["reason"] for key in CHOICES)
        assert summary["indeterminate_band"]["low"] == summary["indeterminate_band"]["high"] == 0.5
    if test is None or not len(test.labelled()):
        assert summary["test"] is summary["test_best_threshold"] is None


def test_package_starts_without_heavy_libraries():
    code = (
        "import sys, contrast_tfdata.evaluation; print(*sorted({'tensorflow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_what_is_written_of_a_split():
    summary, test = summarize(draw(100, 0), draw(300, 1)), draw(300, 1)
    more = "auc_ci95_bootstrap series reliability abstention temperature_scaling confounders robustness subgroups"
    assert list(summary["test"]) == [*metrics_at(test, 0.5), *more.split()]
    assert list(summary["test"]["series"]) == [*metrics_at(test, 0.5), "auc_ci95_bootstrap"]
    assert summary["test"]["reliability"] == reliability(test.label, test.probability)
    assert list(summary["validation_at_half"]) == ["threshold", "accuracy", "confusion_matrix"]
    assert list(summary["test_best_threshold"]) == [*summary["validation_at_half"], "optimism", "procedure"]


def test_every_key_is_a_declared_one():
    written = summarize(draw(100, 0), draw(300, 1))
    assert written.keys() == get_type_hints(contents.Metrics).keys()
    for split in ("validation", "test"):
        assert written[split].keys() == get_type_hints(contents.SplitMetrics).keys()
        assert written[split]["series"].keys() == get_type_hints(contents.BootstrappedFigures).keys()
    assert written["validation_at_half"].keys() == get_type_hints(contents.AtThreshold).keys()
    assert written["test_best_threshold"].keys() == get_type_hints(contents.BestOnTest).keys()
