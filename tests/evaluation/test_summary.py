import json
import subprocess
import sys

import numpy as np
import pytest

from contrast_tfdata.evaluation import OperatingPoint, Predictions, choose, metrics_at, summarize

KEYS = ["operating_point", "validation", "validation_at_half", "test", "test_best_threshold"]


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
    assert summary["validation"] == {**metrics_at(validation, point.threshold), "confounders": None}
    assert summary["test"] == {**metrics_at(test, point.threshold), "confounders": None}


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
    assert summarize(draw(100, 0), None, point)["operating_point"] == point.to_dict()


def test_criterion_is_used_and_checked():
    assert summarize(draw(100, 0), None, criterion="youden")["operating_point"]["criterion"] == "youden"
    with pytest.raises(ValueError, match="Received: criterion='best'"):
        summarize(draw(100, 0), None, criterion="best")


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
def test_fault_49_50_small_or_absent_splits_give_the_same_keys_and_plain_json(validation, test):
    summary = summarize(validation, test)
    assert list(summary) == KEYS
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    if validation is None or len(validation.labelled()) < 10:
        assert summary["operating_point"]["threshold"] == 0.5
        assert summary["operating_point"]["reason"]
    if test is None or not len(test.labelled()):
        assert summary["test"] is summary["test_best_threshold"] is None


def test_package_starts_without_heavy_libraries():
    code = (
        "import sys, contrast_tfdata.evaluation; print(*sorted({'tensorflow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
