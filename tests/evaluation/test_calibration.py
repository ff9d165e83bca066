import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.evaluation.calibration import Temperature, fit_temperature, reliability, scaling
from contrast_tfdata.evaluation.metrics import calibration_error, log_loss, wilson_interval
from contrast_tfdata.evaluation.predictions import sigmoid

SCORED = st.lists(st.tuples(st.integers(0, 1), st.floats(-50, 50)), max_size=20)


def draw(count=4000, true_temperature=2.5, seed=0):
    """Returns labels and logits that claim more than they know by the factor `true_temperature`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, count)
    return (rng.random(count) < sigmoid(logits)).astype(np.int64), true_temperature * logits


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 2.5])
def test_temperature_is_what_logistic_regression_without_intercept_finds(true_temperature):
    labels, logits = draw(true_temperature=true_temperature)
    fitted = fit_temperature(labels, logits)
    regression = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10).fit(logits[:, None], labels)
    assert fitted.value == pytest.approx(1 / regression.coef_[0, 0], rel=1e-5)
    assert fitted.value == pytest.approx(true_temperature, rel=0.1)
    assert fitted.fitted_on == "validation"


def test_temperature_worked_by_hand():
    # One slice in four of logit +-4 is wrong: probabilities fit when 4 / T is the logit of 3/4, log 3.
    assert fit_temperature([1, 1, 1, 0, 0, 0, 0, 1], [4.0] * 4 + [-4.0] * 4).value == pytest.approx(4 / np.log(3))


@given(SCORED)
def test_no_other_temperature_has_a_smaller_loss(pairs):
    labels, logits = (np.array(column) for column in (zip(*pairs, strict=True) if pairs else ((), ())))
    fitted = fit_temperature(labels, logits)
    if fitted.value is None:
        assert fitted.reason
        return
    assert 0.01 <= fitted.value <= 100
    best = log_loss(labels, logits / fitted.value)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert best <= log_loss(labels, logits / (fitted.value * factor)) + 1e-12


@pytest.mark.parametrize(
    ("labels", "logits", "reason"),
    [
        ([], [], "validation has 0 of 2 classes"),
        ([1, 1], [0.0, 1.0], "validation has 1 of 2 classes"),
        ([0, 1], [-1.0, 1.0], "wrong enough"),
        ([0, 1], [1.0, -1.0], "tell nothing"),
        ([0, 1], [0.0, 0.0], "wrong enough"),
    ],
    ids=["nothing", "one class", "separated", "the wrong way round", "no score"],
)
def test_reasons_where_there_is_no_temperature(labels, logits, reason):
    fitted = fit_temperature(labels, logits)
    assert fitted.value is None
    assert reason in fitted.reason
    assert Temperature.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


def test_scaling_mends_other_data_of_the_same_kind():
    temperature = fit_temperature(*draw(seed=0))
    labels, logits = draw(seed=1)
    names = tuple(map(str, range(len(labels))))
    split = Predictions(names, np.zeros(len(labels), np.int64), names, names, labels, logits)
    figures = scaling(split, temperature)
    assert figures["after"]["ece"] < 0.03 < 0.1 < figures["before"]["ece"]
    assert figures["after"]["log_loss"] == log_loss(labels, logits / temperature.value) < figures["before"]["log_loss"]
    assert scaling(split, Temperature.unknown("none"))["after"] is None


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_temperatures_that_cannot_be_are_refused(value):
    with pytest.raises(ValueError, match="above 0 and finite. Received: value="):
        Temperature(value, "validation")


def test_reliability_is_scikit_learns_curve():
    labels, logits = draw()
    points = reliability(labels, sigmoid(logits))
    shares, means = calibration_curve(labels, sigmoid(logits), n_bins=10)
    np.testing.assert_allclose([point["share_with_gad"] for point in points], shares)
    np.testing.assert_allclose([point["mean_probability"] for point in points], means)


@given(SCORED)
def test_reliability_loses_no_slice_and_gives_the_calibration_error(pairs):
    labels, logits = (np.array(column, float) for column in (zip(*pairs, strict=True) if pairs else ((), ())))
    probabilities = sigmoid(logits)
    points = reliability(labels.astype(int), probabilities)
    if not pairs:
        assert points is None
        return
    assert sum(point["count"] for point in points) == len(pairs)
    assert all(point["low"] <= point["mean_probability"] + 1e-12 for point in points)
    assert all(point["mean_probability"] <= point["high"] + 1e-12 for point in points)
    gaps = [point["count"] * abs(point["share_with_gad"] - point["mean_probability"]) for point in points]
    assert sum(gaps) / len(pairs) == pytest.approx(calibration_error(labels, probabilities), abs=1e-12)


def test_reliability_by_hand():
    # 0.1 belongs to the second bin of ten, and 1 to the last one, which is closed.
    points = reliability([1, 0, 1, 1], [0.1, 0.15, 1.0, 0.9])
    assert points == [
        {"low": 0.1, "high": 0.2, "count": 2, "mean_probability": 0.125, "share_with_gad": 0.5,
         "share_with_gad_ci95": wilson_interval(1, 2)},
        {"low": 0.9, "high": 1.0, "count": 2, "mean_probability": 0.95, "share_with_gad": 1.0,
         "share_with_gad_ci95": wilson_interval(2, 2)},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("temperature", "reason"), [(0.00995, "wrong enough"), (0.01005, ""), (99.5, ""), (100.5, "tell nothing")]
)
def test_temperatures_from_a_hundredth_to_a_hundred_are_found(temperature, reason):
    """As above: one slice in four of a logit of log 3 times the temperature is wrong."""
    logit = temperature * np.log(3)
    fitted = fit_temperature([1, 1, 1, 0, 0, 0, 0, 1], [logit] * 4 + [-logit] * 4, "tuning")
    assert reason in fitted.reason
    assert fitted.value == (None if reason else pytest.approx(temperature))
    assert fitted.fitted_on == ("none" if reason else "tuning")


def test_what_is_written_of_a_temperature():
    assert Temperature(1.5, "validation").to_dict() == {"value": 1.5, "fitted_on": "validation"}
    assert Temperature.unknown("why").to_dict() == {"value": None, "fitted_on": "none", "reason": "why"}
    assert Temperature.from_dict({"value": 1.5, "fitted_on": "validation"}) == Temperature(1.5, "validation", "")
