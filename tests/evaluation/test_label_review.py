import numpy as np

from contrast_tfdata.evaluation import Predictions, misclassified, suspected_labels


def make(labels, logits):
    names = tuple(map(str, range(len(logits))))
    return Predictions(names, np.zeros(len(logits), np.int64), names, names, labels, logits)


def test_errors_come_most_confident_first_and_only_errors():
    predictions = make([0, 0, 1, 1, -1, 1], [0.5, 3.0, -5.0, 4.0, -9.0, 0.1])
    np.testing.assert_array_equal(misclassified(predictions, 0.5), [2, 1, 0])
    np.testing.assert_array_equal(misclassified(predictions, 0.9), [2, 1, 5])


def test_no_labels_no_errors():
    assert len(misclassified(make([-1, -1], [1.0, 2.0]), 0.5)) == 0
    assert len(misclassified(make([], []), 0.5)) == 0


def test_confident_errors_stay_ordered_where_probabilities_are_all_one():
    np.testing.assert_array_equal(suspected_labels(make([0, 0, 0], [100.0, 300.0, 200.0])), [1, 2, 0])


def test_fault_70_flipped_labels_rank_high():
    rng = np.random.default_rng(0)
    truth = (rng.random(1000) < 0.3).astype(np.int64)
    logits = rng.normal(8 * truth - 4, 1.5)
    flipped = rng.choice(1000, 50, replace=False)
    labels = truth.copy()
    labels[flipped] = 1 - labels[flipped]
    ranked = suspected_labels(make(labels, logits))
    assert len(ranked) == 1000
    recall = len(set(ranked[:50].tolist()) & set(flipped.tolist())) / 50
    assert recall >= 0.9
