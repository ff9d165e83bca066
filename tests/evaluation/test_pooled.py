"""Predictions of several networks as one split, each at its own threshold."""

import numpy as np
import pytest

from contrast_tfdata.evaluation import Predictions, metrics_at
from contrast_tfdata.evaluation.pooled import pooled_figures


def part(labels, logits, name=""):
    names = tuple(f"{name}{number}" for number in range(len(labels)))
    return Predictions(names, np.zeros(len(labels), int), names, names, np.array(labels), np.array(logits, float))


def test_one_part_is_that_split():
    split = part([0, 1, 0, 1, -1], [-2, 1, 0.5, 0.2, 9])
    assert pooled_figures([(split, 0.5)]) == metrics_at(split, 0.5)


def test_each_part_answers_at_its_own_threshold_and_logits_are_ranked_together():
    parts = [(part([0, 1], [1.0, 3.0], "a"), 0.88), (part([0, 1], [-3.0, -1.0], "b"), 0.12)]
    found = pooled_figures(parts)
    assert found["confusion_matrix"] == [[2, 0], [0, 2]]
    assert found["auc"] == pytest.approx(0.75)  # the one before contrast of a lies above the one after it of b
    assert (found["num_examples"], found["num_groups"]) == (4, 4)
