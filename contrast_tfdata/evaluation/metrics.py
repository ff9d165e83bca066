"""Labels and logits of one split to numbers. What is undefined is None, never NaN."""

import math
from collections.abc import Sequence

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.auc import Z_95, auc_components, auc_interval
from contrast_tfdata.evaluation.contents import (
    Calibration,
    Classification,
    ConfusionMatrix,
    Discrimination,
    Figures,
    Interval,
)
from contrast_tfdata.evaluation.jackknife import auc_interval_by_group
from contrast_tfdata.evaluation.predictions import Predictions, sigmoid

ECE_BINS = 10
"""Equally wide bins of the probability of with_gad: [0, 0.1), [0.1, 0.2), ..., [0.9, 1]."""


def metrics_at(predictions: Predictions, threshold: float) -> Figures:
    """Returns every figure of one split at one threshold.

    Args:
        predictions: the split; slices of unknown class are counted and left out of everything else.
        threshold: in [0, 1]; a probability strictly above it means with_gad.
    """
    scored = predictions.labelled()
    groups = known_groups(scored.group)
    return {
        "num_examples": len(scored),
        "num_unlabelled": len(predictions) - len(scored),
        "num_groups": None if groups is None else len(set(groups)),
        "num_groups_by_class": None if groups is None else _groups_by_class(scored.label, groups),
        "threshold": float(threshold),
        "prevalence": _mean(scored.label),
        **discrimination(scored.label, scored.logit, groups),
        "average_precision": average_precision(scored.label, scored.logit),
        **classification(confusion_matrix(scored.label, scored.prediction(threshold))),
        **calibration(scored.label, scored.logit),
    }


def known_groups(group: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the groups, or None where they are not all known and so cannot be counted."""
    return tuple(group) if len(group) and all(group) else None


def _groups_by_class(labels: np.ndarray, groups: Sequence[str]) -> dict[str, int]:
    """Returns how many groups have slices of each class; one with slices of both counts in both."""
    holders = set(zip(labels.tolist(), groups, strict=True))
    return {name: sum(label == number for label, _ in holders) for number, name in enumerate(CLASS_NAMES)}


def discrimination(labels: np.ndarray, scores: np.ndarray, groups: Sequence[str] | None) -> Discrimination:
    """Returns how well scores separate the classes.

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) finite.
        groups: (n,) group of each example; None where they are not known.
    """
    components = auc_components(labels, scores)
    plain = auc_interval(labels, scores)
    by_group = None if groups is None else auc_interval_by_group(labels, scores, np.asarray(groups))
    return {
        "auc": None if components is None else components.auc,
        "auc_ci95": None if plain is None else list(plain),
        "auc_ci95_by_group": None if by_group is None else list(by_group),
    }


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray) -> ConfusionMatrix:
    """Returns the confusion matrix of two (n,) arrays of 0 and 1."""
    counts = np.bincount(2 * np.asarray(labels) + np.asarray(predictions), minlength=4)
    return counts.reshape(2, 2).tolist()


def classification(matrix: ConfusionMatrix) -> Classification:
    """Returns the figures that follow from a confusion matrix."""
    (tn, fp), (fn, tp) = matrix
    total = tn + fp + fn + tp
    shares = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }
    figures = {"accuracy": _ratio(tn + tp, total), "accuracy_ci95": wilson_interval(tn + tp, total)}
    for name, (part, whole) in shares.items():
        figures |= {name: _ratio(part, whole), f"{name}_ci95": wilson_interval(part, whole)}
    both = figures["sensitivity"] is not None and figures["specificity"] is not None
    return {
        **figures,
        "balanced_accuracy": (figures["sensitivity"] + figures["specificity"]) / 2 if both else None,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "mcc": _matthews(tn, fp, fn, tp),
        "majority_accuracy": _ratio(max(tn + fp, fn + tp), total),
        "confusion_matrix": [list(row) for row in matrix],
    }


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Returns the mean over positives of the PPV at the score of each: precision by steps of recall, in [0, 1].

    Source: M. Zhu, Recall, Precision and Average Precision (University of Waterloo, 2004), equal scores taken at once.
    A score without sense reaches the prevalence. None where there is no positive.
    """
    labels = np.asarray(labels)
    if not labels.sum():
        return None
    _, position = np.unique(-np.asarray(scores, np.float64), return_inverse=True)
    positives = np.bincount(position, labels)
    precision = np.cumsum(positives) / np.cumsum(np.bincount(position))
    return float(positives @ precision / labels.sum())


def wilson_interval(successes: int, trials: int) -> Interval | None:
    """Returns the 95 % score interval of a proportion, or None where there is no trial.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927) 209-212. It stays inside [0, 1] and
    is sensible for 0 or all successes. It takes the trials as independent.
    """
    if not trials:
        return None
    share, spread = successes / trials, Z_95**2 / trials
    centre = share + spread / 2
    width = Z_95 * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    # The formula gives exactly 0 or 1 at the ends; rounding may not.
    low = 0.0 if successes == 0 else (centre - width) / (1 + spread)
    high = 1.0 if successes == trials else (centre + width) / (1 + spread)
    return [low, high]


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Returns the mean squared distance of probability and label (Brier 1950), in [0, 1]; 0 is best."""
    return _mean((np.asarray(probabilities) - np.asarray(labels)) ** 2)


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Returns the mean binary cross-entropy in nats, from logits and so exact where a probability would be 0 or 1."""
    return _mean(log_losses(labels, logits))


def log_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns the (n,) float64 binary cross-entropy of each example in nats: log(1 + exp(logit)) - label * logit."""
    logits = np.asarray(logits, np.float64)
    return np.logaddexp(0.0, np.where(np.asarray(labels) == 1, -logits, logits))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, num_bins: int = ECE_BINS) -> float | None:
    """Returns the expected calibration error, in [0, 1]; 0 is best.

    Examples are binned by their probability of with_gad into equally wide bins (the last one closed); the error is the
    mean over examples of |share of with_gad in the bin - mean probability in the bin| (Naeini et al., AAAI 2015, for
    the positive class of a binary problem; not the variant over the probability of the predicted class).
    """
    labels, probabilities = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    if not len(labels):
        return None
    excess = np.bincount(bin_of(probabilities, num_bins), probabilities - labels)
    return float(np.abs(excess).sum() / len(labels))


def bin_of(probabilities: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns the (n,) int64 number of each probability's bin among equally wide ones, the last of them closed."""
    return np.minimum((probabilities * num_bins).astype(np.int64), num_bins - 1)


def calibration(labels: np.ndarray, logits: np.ndarray) -> Calibration:
    """Returns how well probabilities fit, of (n,) labels of 0 and 1 and (n,) logits."""
    probabilities = sigmoid(logits)
    return {
        "brier": brier_score(labels, probabilities),
        "log_loss": log_loss(labels, logits),
        "ece": calibration_error(labels, probabilities),
    }


def _matthews(tn: int, fp: int, fn: int, tp: int) -> float | None:
    """Returns B. W. Matthews's coefficient (Biochimica et Biophysica Acta 405 (1975) 442-451); None by 0 / 0."""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else None


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
