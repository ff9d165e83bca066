import csv
import dataclasses
from statistics import NormalDist

import numpy as np
import pytest

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Predictions, misclassified, suspected_labels
from contrast_tfdata.evaluation.label_review import (
    SUSPECTS_COLUMNS,
    SUSPECTS_FILE,
    contradicted_labels,
    label_probability,
    write_suspects,
)
from contrast_tfdata.report.certainty import WEAKEST_REVIEWER


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


def test_flipped_labels_rank_high():
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


def with_flipped_labels(count, share, distance, seed=0):
    """Returns predictions of which a share of the labels is wrong, and the positions of those."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < 0.3).astype(np.int64)
    logits = rng.normal(distance * (2 * truth - 1), 2.0)
    flipped = rng.choice(count, round(share * count), replace=False)
    labels = truth.copy()
    labels[flipped] = 1 - labels[flipped]
    return make(labels, logits), set(flipped.tolist())


@pytest.mark.parametrize(("distance", "recall"), [(4.0, 0.99), (2.0, 0.67), (0.0, 0.1)], ids=["0.998", "0.92", "0.5"])
def test_recall_among_the_first_tenth_follows_the_networks_auc(distance, recall):
    recalls = []
    for seed in range(5):
        predictions, flipped = with_flipped_labels(2000, 0.05, distance, seed)
        first = set(suspected_labels(predictions)[:200].tolist())
        recalls.append(len(first & flipped) / len(flipped))
    assert np.mean(recalls) == pytest.approx(recall, abs=0.02)


def test_contradicted_labels_hold_most_flipped_ones_and_few_others():
    predictions, flipped = with_flipped_labels(2000, 0.05, 4.0)
    contradicted = contradicted_labels(predictions)
    found = set(contradicted.tolist())
    assert len(found & flipped) / len(flipped) > 0.6
    assert len(found & flipped) / len(found) > 0.9
    np.testing.assert_array_equal(contradicted, [each for each in suspected_labels(predictions) if each in found])


def test_contradicted_labels_by_hand():
    # no_gad is given 0.8 and 0.7 by its own, with_gad 0.9 and 0.2: means 0.75 and 0.55.
    probability = np.array([0.2, 0.3, 0.9, 0.2, 0.5])
    predictions = make([0, 0, 1, 1, -1], np.log(probability / (1 - probability)))
    np.testing.assert_allclose(label_probability(predictions)[:4], [0.8, 0.7, 0.9, 0.2])
    np.testing.assert_array_equal(contradicted_labels(predictions), [3])


def test_of_one_class_nothing_is_contradicted():
    assert len(contradicted_labels(make([1, 1, -1], [-5.0, 5.0, 0.0]))) == 0
    assert len(contradicted_labels(make([], []))) == 0


def test_the_file_lists_suspects_of_all_splits_least_believed_first(tmp_path):
    first, _ = with_flipped_labels(200, 0.1, 4.0, seed=1)
    second, _ = with_flipped_labels(200, 0.1, 4.0, seed=2)
    nasty = dataclasses.replace(second, path=("=HYPERLINK(1)",) * 200)
    write_suspects(tmp_path / SUSPECTS_FILE, {"validation": first, "test": nasty})
    with open(tmp_path / SUSPECTS_FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == SUSPECTS_COLUMNS
    found = {name: {int(row["row"]) for row in rows if row["split"] == name} for name in ("validation", "test")}
    assert found == {"validation": set(contradicted_labels(first)), "test": set(contradicted_labels(second))}
    believed = [float(row["label_probability"]) for row in rows]
    assert believed == sorted(believed)
    assert {row["path"] for row in rows if row["split"] == "test"} == {"'=HYPERLINK(1)"}
    row = rows[0]
    split = {"validation": first, "test": nasty}[row["split"]]
    assert row["label"] == CLASS_NAMES[split.label[int(row["row"])]]


def test_without_splits_the_file_has_a_header_only(tmp_path):
    write_suspects(tmp_path / SUSPECTS_FILE, {})
    assert (tmp_path / SUSPECTS_FILE).read_text() == ",".join(SUSPECTS_COLUMNS) + "\n"


def test_what_is_as_likely_as_usual_is_contradicted():
    """At least the mean of the other class: at the same logit for all, each slice looks like either."""
    np.testing.assert_array_equal(contradicted_labels(make([0, 1], [0.0, 0.0])), [0, 1])
    np.testing.assert_array_equal(contradicted_labels(make([0, 1], [-1e-9, 1e-9])), [])


def test_a_slice_is_held_to_the_mean_of_the_other_class_and_not_of_its_own():
    # no_gad is given 0.95 and 0.85 by its own, mean 0.9; with_gad 0.9 and 0.2. The last one is no_gad by 0.8 only.
    probability = np.array([0.05, 0.15, 0.9, 0.2])
    predictions = make([0, 0, 1, 1], np.log(probability / (1 - probability)))
    np.testing.assert_array_equal(contradicted_labels(predictions), [])
    # At 0.05 it is so by 0.95.
    probability[3] = 0.05
    predictions = make([0, 0, 1, 1], np.log(probability / (1 - probability)))
    np.testing.assert_array_equal(contradicted_labels(predictions), [3])


def test_below_the_auc_that_reports_warn_of_most_listed_labels_are_right():
    rng, found, wrong = np.random.default_rng(0), 0, 0
    shift = NormalDist().inv_cdf(WEAKEST_REVIEWER) * 2**0.5
    for _ in range(60):
        truth, flipped = np.arange(200) % 2, rng.random(200) < 0.05
        logits = shift * rng.normal(shift * (truth - 0.5), 1)
        contradicted = contradicted_labels(make(np.where(flipped, 1 - truth, truth), logits))
        found, wrong = found + len(contradicted), wrong + flipped[contradicted].sum()
    assert found / (60 * 200) == pytest.approx(1 / 7, abs=0.02)
    assert wrong / found == pytest.approx(0.2, abs=0.05)
