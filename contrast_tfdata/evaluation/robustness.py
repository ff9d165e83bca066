"""How a split's figures change when its slices do: the table of `images.perturbations`."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from contrast_tfdata.evaluation.metrics import metrics_at
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.images.perturbations import Perturbation

KEYS = ("auc", "auc_ci95", "accuracy", "sensitivity", "specificity")
"""Figures of each perturbation, as `metrics_at` explains them."""


def robustness(
    predictions: Predictions, perturbed_logits: Mapping[Perturbation, np.ndarray], threshold: float
) -> list[dict]:
    """Returns what metrics.json says about perturbed slices.

    Args:
        predictions: of the slices as they are; those of unknown class are left out.
        perturbed_logits: (n,) what the network says of the same slices, for each perturbation.
        threshold: the operating point, which stays where it was.

    Returns:
        For each perturbation `name`, `setting` and the `KEYS`, in their order.

    Raises:
        ValueError: another number of slices.
    """
    rows = []
    for perturbation, logits in perturbed_logits.items():
        figures = metrics_at(dataclasses.replace(predictions, logit=logits), threshold)
        row = {"name": perturbation.name, "setting": perturbation.setting}
        rows.append({**row, **{key: figures[key] for key in KEYS}})
    return rows
