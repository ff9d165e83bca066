"""Figures of one epoch, from counts of scores alone: what TensorBoard shows beside its curves."""

import numpy as np
from matplotlib.figure import Figure

from contrast_tfdata.report import figures
from contrast_tfdata.report.style import BLUE, FAINT, dress, new_figure


def roc_of_counts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns false and true positive rates, (bins + 1,) each, rising from 0 to 1: one point at every edge of a bin.

    Args:
        counts: (2, bins) examples of class 0 and 1, the smallest scores first; some of each class.
    """
    called = np.concatenate([np.zeros((2, 1)), np.cumsum(counts[:, ::-1], axis=1)], axis=1)
    rates = called / called[:, -1:]
    return rates[0], rates[1]


def auc_of_counts(counts: np.ndarray) -> float | None:
    """Returns the AUC, examples of one bin counting as ties; None where a class is missing."""
    if not counts.sum(axis=1).all():
        return None
    return float(np.trapz(*reversed(roc_of_counts(counts))))


def epoch_figures(counts: np.ndarray) -> dict[str, Figure]:
    """Returns the figures by name: `confusion_at_0.5`, and `roc` where both classes are there.

    Args:
        counts: (2, bins) examples of class 0 and 1 by score, an even number of bins, the middle edge at 0.5.
    """
    below, above = counts[:, : counts.shape[1] // 2].sum(axis=1), counts[:, counts.shape[1] // 2 :].sum(axis=1)
    matrix = np.stack([below, above], axis=1).astype(np.int64)
    drawn = {"confusion_at_0.5": figures.confusion({"Validation at 0.5": matrix.tolist()})}
    auc = auc_of_counts(counts)
    if auc is not None:
        drawn["roc"] = _roc(counts, auc)
    return drawn


def _roc(counts: np.ndarray, auc: float) -> Figure:
    figure = new_figure(4.0, 4.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], ":", color=FAINT, linewidth=1)
    axes.plot(*roc_of_counts(counts), color=BLUE, linewidth=2)
    dress(axes, title=f"Validation: AUC {auc:.4f}", x_label="False positive rate", y_label="True positive rate")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return figure
