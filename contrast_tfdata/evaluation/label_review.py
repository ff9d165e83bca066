"""Which slices a person should look at again."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.metrics import log_losses
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL, Predictions, sigmoid
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.csv_text import csv_line, guard_formula

SUSPECTS_FILE = "suspected-labels.csv"
SUSPECTS_COLUMNS = ("split", "row", "path", "slice_index", "example_id", "group", "label", "label_probability")
"""The header of `SUSPECTS_FILE`: `row` counts from 0 in the predictions file of `split`."""


def misclassified(predictions: Predictions, threshold: float) -> np.ndarray:
    """Returns the int64 positions of slices whose answer contradicts their label, the most confident errors first."""
    ranked = suspected_labels(predictions)
    return ranked[predictions.prediction(threshold)[ranked] != predictions.label[ranked]]


def suspected_labels(predictions: Predictions) -> np.ndarray:
    """Returns the positions of all labelled slices, the one whose label the network believes least first.

    The order is that of the self-confidence of C. G. Northcutt et al., Journal of Artificial Intelligence Research 70
    (2021) 1373-1411: the probability given to the label that stands in the data. It means something only for slices
    that the network was not trained on.

    Args:
        predictions: any split; slices of unknown class are left out.

    Returns:
        (k,) int64 positions in `predictions`; equal ones in their given order.
    """
    known = np.flatnonzero(predictions.label != UNKNOWN_LABEL)
    return known[np.argsort(-log_losses(predictions.label[known], predictions.logit[known]), kind="stable")]


def contradicted_labels(predictions: Predictions) -> np.ndarray:
    """Returns the positions of slices that look as much like the other class as that class's own do on average.

    The rule is Northcutt's (section 3.1 of the paper above): the probability of the other class is at least its mean
    over the slices that are labelled so. No threshold is chosen, and a network that is unsure of a whole class, as one
    of another scanner's slices is, suspects few of them. Which of the two is wrong, network or label, it cannot say.

    Args:
        predictions: any split that the network was not trained on.

    Returns:
        (k,) int64 positions, the label that the network believes least first; none where there is one class only.
    """
    ranked, label = suspected_labels(predictions), predictions.label
    if len(set(label[ranked].tolist())) < 2:
        return ranked[:0]
    usual = np.array([label_probability(predictions)[label == name].mean() for name in (0, 1)])
    other = 1 - label[ranked]
    return ranked[1 - label_probability(predictions)[ranked] >= usual[other]]


def label_probability(predictions: Predictions) -> np.ndarray:
    """Returns (n,) float64 in [0, 1]: the probability of each slice's own label; of no_gad where that is unknown."""
    return sigmoid(np.where(predictions.label == 1, predictions.logit, -predictions.logit))


def ranked_suspects(splits: Mapping[str, Predictions]) -> list[tuple[str, int]]:
    """Returns split and position of all contradicted labels of several splits, the least believed label first."""
    found = [
        (float(label_probability(predictions)[position]), split, int(position))
        for split, predictions in splits.items()
        for position in contradicted_labels(predictions)
    ]
    return [(split, position) for _, split, position in sorted(found, key=lambda each: each[0])]


def write_suspects(path: Path, splits: Mapping[str, Predictions]) -> None:
    """Writes the file that `SUSPECTS_COLUMNS` describes, all suspects in the order of `ranked_suspects`.

    Args:
        path: where to; its folder must exist.
        splits: by name, none of which the network was trained on.

    Raises:
        OSError: when the file cannot be written; an older one then stays.
    """
    with replacing(path) as file:
        file.write(csv_line(SUSPECTS_COLUMNS))
        file.writelines(csv_line(_cells(split, splits[split], position)) for split, position in ranked_suspects(splits))


def _cells(split: str, predictions: Predictions, position: int) -> tuple[str, ...]:
    names = (column[position] for column in (predictions.path, predictions.example_id, predictions.group))
    path, example_id, group = map(guard_formula, names)
    label = CLASS_NAMES[predictions.label[position]]
    probability = repr(float(label_probability(predictions)[position]))
    index = str(predictions.slice_index[position])
    return split, str(position), path, index, example_id, group, label, probability
