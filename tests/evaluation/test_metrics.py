import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn import metrics as sklearn_metrics

from contrast_tfdata.evaluation.auc import auc_interval
from contrast_tfdata.evaluation.jackknife import auc_interval_by_group
from contrast_tfdata.evaluation.metrics import (
    calibration_error,
    classification,
    confusion_matrix,
    log_loss,
    metrics_at,
    wilson_interval,
)
from contrast_tfdata.evaluation.predictions import Predictions


def draw(count=200, seed=0, groups=20):
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.3).astype(np.int64)
    names = tuple(f"{i}" for i in range(count))
    return Predictions(
        names, np.zeros(count, np.int64), names, tuple(f"g{i % groups}" for i in range(count)), labels,
        rng.normal(3 * labels - 1.5, 2),
    )  # fmt: skip


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.99, 1.0])
def test_everything_that_scikit_learn_has_too(threshold):
    predictions = draw()
    ours = metrics_at(predictions, threshold)
    labels, answers = predictions.label, predictions.probability > threshold
    expected = {
        "auc": sklearn_metrics.roc_auc_score(labels, predictions.logit),
        "accuracy": sklearn_metrics.accuracy_score(labels, answers),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, answers),
        "sensitivity": sklearn_metrics.recall_score(labels, answers),
        "specificity": sklearn_metrics.recall_score(labels, answers, pos_label=0),
        "average_precision": sklearn_metrics.average_precision_score(labels, predictions.logit),
        "f1": sklearn_metrics.f1_score(labels, answers),
        "brier": sklearn_metrics.brier_score_loss(labels, predictions.probability),
        "log_loss": sklearn_metrics.log_loss(labels, predictions.probability),
    }
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    answered = {
        "ppv": sklearn_metrics.precision_score(labels, answers, zero_division=np.nan),
        "npv": sklearn_metrics.precision_score(labels, answers, pos_label=0, zero_division=np.nan),
        "mcc": sklearn_metrics.matthews_corrcoef(labels, answers) if len(set(answers.tolist())) == 2 else np.nan,
    }
    ours_or_nan = {name: np.nan if ours[name] is None else ours[name] for name in answered}
    assert ours_or_nan == pytest.approx(answered, abs=1e-12, nan_ok=True)
    assert ours["confusion_matrix"] == sklearn_metrics.confusion_matrix(labels, answers).tolist()


def test_counts_and_intervals():
    predictions = draw(groups=20)
    ours = metrics_at(predictions, 0.5)
    assert (ours["num_examples"], ours["num_unlabelled"], ours["num_groups"]) == (200, 0, 20)
    assert ours["prevalence"] == predictions.label.mean()
    assert ours["majority_accuracy"] == 1 - predictions.label.mean()
    assert ours["auc_ci95"] == list(auc_interval(predictions.label, predictions.logit))
    assert ours["auc_ci95_by_group"] == list(
        auc_interval_by_group(predictions.label, predictions.logit, np.array(predictions.group))
    )


def test_unlabelled_slices_are_only_counted():
    predictions = draw()
    labels = np.where(np.arange(200) < 50, -1, predictions.label)
    mixed = Predictions(
        predictions.path, predictions.slice_index, predictions.example_id, predictions.group, labels, predictions.logit
    )
    assert metrics_at(mixed, 0.4) == {
        **metrics_at(predictions.select(np.arange(50, 200)), 0.4),
        "num_unlabelled": 50,
    }


def test_groups_that_are_not_all_known_are_not_counted():
    one = Predictions(("a", "b"), [0, 1], ("a", "b"), ("", "g"), [0, 1], [0.0, 1.0])
    assert metrics_at(one, 0.5)["num_groups"] is None
    assert metrics_at(one, 0.5)["auc_ci95_by_group"] is None


def test_one_class_only_is_undefined_not_a_crash():
    only = draw().select(draw().label == 1)
    ours = metrics_at(only, 0.5)
    assert ours["prevalence"] == 1
    undefined = "auc auc_ci95 auc_ci95_by_group specificity specificity_ci95 balanced_accuracy mcc"
    for name in undefined.split():
        assert ours[name] is None, name
    assert ours["sensitivity"] == ours["accuracy"]
    assert (ours["ppv"], ours["npv"], ours["average_precision"]) == (1, 0, 1)


def test_nothing_at_all_is_none_not_nan():
    ours = metrics_at(draw().select(np.array([], np.int64)), 0.5)
    assert ours.pop("confusion_matrix") == [[0, 0], [0, 0]]
    assert {name for name, value in ours.items() if value is not None} == {
        "num_examples",
        "num_unlabelled",
        "threshold",
    }


def test_the_original_notebooks_test_set():
    """Confusion matrix and accuracy that the original notebook printed for its 571 test slices."""
    figures = classification([[451, 3], [6, 111]])
    assert figures["accuracy"] == pytest.approx(0.9842, abs=5e-5)
    assert figures["sensitivity"] == pytest.approx(111 / 117)
    assert figures["majority_accuracy"] == pytest.approx(454 / 571)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), max_size=20), st.integers(-4, 4))
def test_any_set_however_small_has_figures_in_range_or_none(pairs, cut):
    labels, logits = (np.array(column, np.int64) for column in (zip(*pairs, strict=True) if pairs else ((), ())))
    names = tuple(map(str, range(len(labels))))
    split = Predictions(names, np.zeros(len(labels), np.int64), names, names, labels, logits)
    ours = metrics_at(split, 1 / (1 + np.exp(-float(cut))))
    shares = "auc average_precision accuracy balanced_accuracy sensitivity specificity ppv npv f1 brier ece"
    for name in shares.split():
        assert ours[name] is None or 0 <= ours[name] <= 1 + 1e-12, name
        low, high = ours.get(f"{name}_ci95") or (0, 1)
        assert 0 <= low <= high <= 1, name
    assert ours["mcc"] is None or -1 - 1e-12 <= ours["mcc"] <= 1 + 1e-12
    if labels.any():
        expected = sklearn_metrics.average_precision_score(labels, logits)
        assert ours["average_precision"] == pytest.approx(expected, abs=1e-12)


def test_worked_example_of_a_confusion_matrix():
    """Bowel cancer screening as the article "Sensitivity and specificity" of Wikipedia works it out: 2,030 people."""
    figures = classification([[1820, 180], [10, 20]])
    assert figures["sensitivity"] == pytest.approx(0.667, abs=5e-4)
    assert figures["specificity"] == pytest.approx(0.91)
    assert figures["ppv"] == pytest.approx(0.1)
    assert figures["npv"] == pytest.approx(0.995, abs=5e-4)


def test_confusion_matrix_has_truth_in_rows():
    assert confusion_matrix(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0])) == [[1, 2], [1, 0]]


def test_log_loss_of_a_hopeless_logit_is_its_size_not_infinity():
    assert log_loss(np.array([0, 1]), np.array([1000.0, 1000.0])) == 500.0


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (562, 571), (1, 1)])
def test_wilson_interval_is_where_the_score_test_just_rejects(successes, trials):
    def excess(share):  # of the squared score statistic over its 95 % quantile
        return trials * (successes / trials - share) ** 2 - stats.chi2.ppf(0.95, 1) * share * (1 - share)

    observed = successes / trials
    expected = [
        0.0 if successes == 0 else optimize.brentq(excess, 1e-12, observed - 1e-9),
        1.0 if successes == trials else optimize.brentq(excess, observed + 1e-9, 1 - 1e-12),
    ]
    np.testing.assert_allclose(wilson_interval(successes, trials), expected, atol=1e-9)


def test_wilson_interval_of_nothing():
    assert wilson_interval(0, 0) is None


def test_calibration_error_by_hand():
    # Bin [0.2, 0.3): 4 examples, mean 0.25, half positive: 0.25. Bin [0.9, 1]: 1 example at 1.0, negative: 1.0.
    labels = np.array([0, 1, 0, 1, 0])
    probabilities = np.array([0.2, 0.3 - 1e-12, 0.25, 0.25, 1.0])
    assert calibration_error(labels, probabilities) == pytest.approx((4 * 0.25 + 1 * 1.0) / 5, abs=1e-9)


def test_calibration_error_vanishes_for_true_probabilities():
    rng = np.random.default_rng(0)
    probabilities = rng.random(200_000)
    labels = rng.random(200_000) < probabilities
    assert calibration_error(labels, probabilities) < 0.01
    assert calibration_error(labels, probabilities**2) > 0.1
