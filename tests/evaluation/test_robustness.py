"""Figures of perturbed slices."""

import json

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import Predictions, metrics_at
from contrast_tfdata.evaluation.robustness import KEYS, robustness
from contrast_tfdata.images.perturbations import PERTURBATIONS

LABELS = np.array([0, 0, 1, 1, -1, 0, 1, 1])
LOGITS = np.array([-2.0, -1.0, 1.0, 2.0, 0.0, 0.5, 0.7, -0.3])


def predictions(labels=LABELS):
    names = tuple(map(str, range(len(labels))))
    return Predictions(names, np.zeros(len(labels), int), names, names, labels, LOGITS)


def test_a_row_has_the_figures_of_the_changed_logits_at_the_same_threshold():
    first, second = PERTURBATIONS[:2]
    rows = robustness(predictions(), {first: LOGITS, second: LOGITS + 5}, 0.5)
    assert [(row["name"], row["setting"]) for row in rows] == [(each.name, each.setting) for each in (first, second)]
    unchanged = metrics_at(predictions(), 0.5)
    assert {key: rows[0][key] for key in KEYS} == {key: unchanged[key] for key in KEYS}
    assert rows[1]["auc"] == rows[0]["auc"]  # The order is the same,
    assert (rows[1]["sensitivity"], rows[1]["specificity"]) == (1, 0)  # but all lie above the threshold.


def test_metrics_hold_it_under_the_split_or_say_none():
    metrics = summarize(None, predictions(), perturbed={"test": dict.fromkeys(PERTURBATIONS, -LOGITS)})
    rows = json.loads(json.dumps(metrics))["test"]["robustness"]
    assert len(rows) == 16
    assert rows[3]["auc"] == pytest.approx(1 - metrics["test"]["auc"])
    assert summarize(predictions(), None)["validation"]["robustness"] is None


def test_one_class_has_no_auc():
    (row,) = robustness(predictions(np.ones(8, int)), {PERTURBATIONS[0]: LOGITS}, 0.5)
    assert (row["auc"], row["specificity"]) == (None, None)
    assert row["accuracy"] == row["sensitivity"] == 0.5


def test_another_number_of_slices_is_refused():
    with pytest.raises(ValueError, match="length"):
        robustness(predictions(), {PERTURBATIONS[0]: LOGITS[1:]}, 0.5)
