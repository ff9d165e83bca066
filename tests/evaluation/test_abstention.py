import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contrast_tfdata.evaluation import IndeterminateBand, OperatingPoint, Predictions
from contrast_tfdata.evaluation.abstention import abstention, choose_band, risk_coverage
from contrast_tfdata.evaluation.metrics import wilson_interval

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12).map(lambda k: k / 12)), min_size=1, max_size=30)
POINT = OperatingPoint(0.5, "accuracy", "validation")


def draw(count=400, seed=0):
    rng = np.random.default_rng(seed)
    labels, names = np.arange(count) % 2, tuple(map(str, range(count)))
    return Predictions(names, np.zeros(count, np.int64), names, names, labels, rng.normal(3 * labels - 1.5, 2))


def curve_by_definition(labels, probabilities, threshold):
    """Returns coverage and risk of answering down to each distance from the threshold, one after the other."""
    distances = [abs(np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))) for p in probabilities]
    points = []
    for least in sorted(set(distances), reverse=True):
        answered = [i for i, distance in enumerate(distances) if distance >= least]
        wrong = sum((probabilities[i] > threshold) != labels[i] for i in answered)
        points.append((len(answered) / len(labels), wrong / len(answered)))
    return np.array(points).T


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_curve_by_definition(threshold):
    split = draw(60)
    expected = curve_by_definition(split.label, split.probability, threshold)
    np.testing.assert_allclose(risk_coverage(split.label, split.probability, threshold), expected)


def test_curve_by_hand():
    # Distances from 0.5: 0.9 and 0.1 the same, then 0.8, then 0.6 and 0.4 the same.
    coverage, risk = risk_coverage([1, 1, 1, 0, 0], [0.9, 0.1, 0.8, 0.6, 0.4], 0.5)
    np.testing.assert_allclose(coverage, [0.4, 0.6, 1.0])
    np.testing.assert_allclose(risk, [1 / 2, 1 / 3, 2 / 5])


@given(PAIRS, st.sampled_from([0.0, 0.05, 0.2, 0.5]), st.sampled_from([1 / 24, 0.25, 0.5, 0.52]))
@example([(0, 1.0), (1, 1.0), (1, 0.0)], 0.2, 0.5)
@example([(0, 0.5), (1, 0.75)], 0.0, 0.5)
def test_the_band_answers_as_many_as_the_error_rate_allows(pairs, max_error, threshold):
    labels, probabilities = (np.array(column) for column in zip(*pairs, strict=True))
    point = OperatingPoint(threshold, "accuracy", "validation")
    band = choose_band(labels, probabilities, point, max_error)
    coverage, risk = risk_coverage(labels, probabilities, threshold)
    answered = ~band.is_indeterminate(probabilities)
    assert band.low <= threshold <= band.high
    if band.reason:
        assert (risk > max_error).all() or len(set(labels.tolist())) < 2
        assert answered.all()
        return
    wrong = (probabilities > threshold)[answered] != labels[answered]
    assert answered.mean() == coverage[risk <= max_error].max()
    assert wrong.mean() <= max_error
    # Below the band the answer is no_gad and above it with_gad, so the two ends say as much as the threshold.
    np.testing.assert_array_equal(probabilities[answered] > band.high, probabilities[answered] > threshold)


def test_a_band_lies_evenly_around_the_threshold_where_no_example_is_in_the_way():
    split = draw(4000)
    band = choose_band(split.label, split.probability, POINT, 0.05)
    assert 0 < band.low < 0.5 < band.high < 1
    assert band.low == pytest.approx(1 - band.high, abs=1e-3)
    assert abstention(split, 0.5, band)["error_rate"] == pytest.approx(0.05, abs=2e-3)


def test_what_a_band_buys_on_other_data():
    band = choose_band(draw(4000).label, draw(4000).probability, POINT, 0.05)
    figures = abstention(draw(4000, 1), 0.5, band)
    assert figures["num_answered"] + figures["num_indeterminate"] == 4000
    assert figures["coverage"] == figures["num_answered"] / 4000 < 0.9
    assert figures["error_rate"] == pytest.approx(0.05, abs=0.02)
    assert figures["error_rate_of_all"] > 2 * figures["error_rate"]
    low, high = figures["error_rate_ci95"]
    assert low < figures["error_rate"] < high


def test_nothing_to_answer_or_nothing_answered_is_none():
    nothing = draw().select(np.array([], np.int64))
    assert abstention(nothing, 0.5, choose_band([], [], POINT, 0.1)) == {
        "num_answered": 0, "num_indeterminate": 0, "coverage": None, "error_rate": None, "error_rate_ci95": None,
        "error_rate_of_all": None,
    }  # fmt: skip
    everything = IndeterminateBand(0.0, 1.0, 0.1, "validation")
    figures = abstention(draw(), 0.5, everything)
    assert (figures["num_answered"], figures["coverage"], figures["error_rate"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("labels", "threshold", "reason"),
    [([], 0.5, "validation has 0 of 2 classes"), ([0, 1], 1.0, "the threshold is 1"), ([1, 0], 0.5, "even the surest")],
)
def test_reasons_name_the_cause(labels, threshold, reason):
    point = OperatingPoint(threshold, "accuracy", "validation")
    band = choose_band(labels, [0.1, 0.9][: len(labels)], point, 0.25)
    assert reason in band.reason
    assert (band.low, band.high, band.chosen_on) == (threshold, threshold, "none")


@pytest.mark.parametrize(
    "band", [IndeterminateBand(0.2, 0.7, 0.02, "validation"), IndeterminateBand.empty(POINT, 0, "x")]
)
def test_bands_survive_json(band):
    assert IndeterminateBand.from_dict(json.loads(json.dumps(band.to_dict()))) == band


@pytest.mark.parametrize(
    ("values", "received"),
    [((0.7, 0.2, 0.02), "low=0.7, high=0.2"), ((-0.1, 0.2, 0.02), "low=-0.1"), ((0.2, 0.7, 2.0), "max_error=2.0"),
     ((float("nan"), 0.7, 0.02), "low=nan")],
)  # fmt: skip
def test_bands_that_cannot_be_are_refused(values, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        IndeterminateBand(*values, "validation")


def sigmoids(*logits):
    return 1 / (1 + np.exp(-np.array(logits)))


def chosen(labels, logits, max_error, threshold=0.5):
    """Returns the ends of the band as logits."""
    point = OperatingPoint(threshold, "accuracy", "validation")
    band = choose_band(labels, sigmoids(*logits), point, max_error)
    assert (band.max_error, band.chosen_on, band.reason) == (max_error, "validation", "")
    return np.log([band.low / (1 - band.low), band.high / (1 - band.high)])


def test_what_lies_on_the_ends_of_a_band():
    """Strictly above `low` and not above `high` is indeterminate."""
    band = IndeterminateBand(0.25, 0.75, 0.02, "validation")
    probabilities = np.array([0, 0.25, np.nextafter(0.25, 1), 0.5, 0.75, np.nextafter(0.75, 1), 1])
    expected = [False, False, True, True, True, False, False]
    assert band.is_indeterminate(probabilities).tolist() == expected
    assert [bool(band.is_indeterminate(each)) for each in probabilities] == expected


@pytest.mark.parametrize("values", [(0, 1, 0), (0, 0, 1), (1, 1, 0.5), (0.5, 0.5, 0.5)])
def test_the_least_and_the_most_that_a_band_may_be(values):
    band = IndeterminateBand(*values, "validation")
    assert (band.low, band.high, band.max_error) == values
    assert band.is_indeterminate(np.array([0.0, 0.5, 1.0])).sum() == (2 if values[:2] == (0, 1) else 0)


@pytest.mark.parametrize("max_error", [-1e-9, 1 + 1e-9, float("nan")])
def test_error_rates_just_outside_are_refused(max_error):
    message = f"max_error must lie in \\[0, 1\\]. Received: max_error={max_error}"
    with pytest.raises(ValueError, match=message):
        IndeterminateBand(0.2, 0.7, max_error, "validation")
    with pytest.raises(ValueError, match=message):
        choose_band([0, 1], [0.1, 0.9], POINT, max_error)


def test_what_is_written_of_a_band():
    written = {"low": 0.25, "high": 0.75, "max_error": 0.02, "chosen_on": "validation"}
    assert IndeterminateBand(0.25, 0.75, 0.02, "validation").to_dict() == written
    reason = {"reason": "one class"}
    assert IndeterminateBand(0.25, 0.75, 0.02, "validation", "one class").to_dict() == written | reason
    assert IndeterminateBand.from_dict(written) == IndeterminateBand(0.25, 0.75, 0.02, "validation", "")


def test_a_band_by_hand():
    # Distances 4 and 3 are answered right; of 1.5 and 1 each is wrong. Halfway between 1.5 and 3 the band ends.
    labels, logits = [0, 1, 0, 1], [-4, -1, 1.5, 3]
    np.testing.assert_allclose(chosen(labels, logits, 0.0), [-2.25, 2.25])
    # One of three wrong is one third, and that is allowed here: up to 1.25, halfway between 1 and 1.5.
    np.testing.assert_allclose(chosen(labels, logits, 1 / 3), [-1.25, 1.25])
    # Two of four, that is all: nothing is left out.
    np.testing.assert_array_equal(chosen(labels, logits, 0.5), [0, 0])


def test_a_band_around_another_threshold_by_hand():
    """The distances are those from the threshold's logit of -2, and so are the ends."""
    labels, logits = [0, 1, 0, 1], [-6, -3, -0.5, 1]
    ends = chosen(labels, logits, 0.0, float(sigmoids(-2.0)[0]))
    np.testing.assert_allclose(ends, [-2 - 2.25, -2 + 2.25])


def test_a_band_reaches_no_further_than_one_beyond_the_last_that_it_holds():
    labels, logits = [0, 1, 0, 1], [-9, -1, 1.5, 8]
    np.testing.assert_allclose(chosen(labels, logits, 0.0), [-2.5, 2.5])
    np.testing.assert_allclose(chosen(labels, [-9, -1, 1.5, 3.4], 0.0), [-2.45, 2.45])


def test_a_band_holds_an_example_at_the_threshold_itself():
    """It is called no_gad and is not; the band ends halfway between it and the next, on both sides."""
    np.testing.assert_allclose(chosen([0, 1, 1], [-1, 0, 1], 0.0), [-0.5, 0.5])


def test_what_is_wrong_further_out_is_answered_where_the_rest_makes_up_for_it():
    """The surest answer is wrong, and of ten down to distance 1 it is the only one; the last one would be too much."""
    logits = [9, 8, 7, 6, 5, 4, 3, 2, 1.5, 1, 0.5]
    labels = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    np.testing.assert_allclose(chosen(labels, logits, 0.1), [-0.75, 0.75])


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 1, 0, 1], [0.0, 0.4, 1 - 2**-53, 1.0]),  # Both ends of what float64 has below 1.
        ([0, 1, 0, 1], [0.0, 5e-324, 0.6, 1.0]),  # And above 0.
        ([0, 1, 0, 1], [0.25, 0.25 + 3e-10, 0.75 - 3e-10, 0.75]),
    ],
)
def test_an_end_stays_on_the_right_side_of_neighbours_however_near(labels, probabilities):
    """The outer two are right and the inner two wrong."""
    probabilities = np.array(probabilities)
    band = choose_band(labels, probabilities, POINT, 0.0)
    assert band.is_indeterminate(probabilities).tolist() == [False, True, True, False]
    assert probabilities[0] <= band.low < probabilities[1]
    assert probabilities[2] <= band.high < probabilities[3]


def test_what_a_band_does_by_hand():
    """Ten slices, one of them without a label: two in the band, one of them wrong; one of the seven others wrong."""
    names = tuple("abcdefghij")
    label = [0, 0, 0, 1, 0, 1, 1, 1, 1, -1]
    logit = [-5, -4, -3, -2.5, -1, -0.5, 2, 3, 4, 0.1]
    split = Predictions(names, np.zeros(10, np.int64), names, names, label, logit)
    band = IndeterminateBand(*sigmoids(-2, 1).tolist(), 0.2, "validation")
    figures = abstention(split, 0.5, band)
    assert figures.pop("error_rate_ci95") == pytest.approx(wilson_interval(1, 7))
    assert figures == {
        "num_answered": 7,
        "num_indeterminate": 2,
        "coverage": 7 / 9,
        "error_rate": 1 / 7,
        "error_rate_of_all": pytest.approx(2 / 9),
    }
