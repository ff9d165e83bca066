"""An interval of the AUC where several examples come from one patient: patients are left out, one after the other.

Sources:
    J. N. Arvesen, Annals of Mathematical Statistics 40 (1969) 2076-2100: the jackknife of U-statistics; the AUC is one.
    R. G. Miller, Biometrika 61 (1974) 1-15: why to jackknife a statistic on the scale on which its interval is taken.
    N. A. Obuchowski, Biometrics 53 (1997) 567-578: patients as clusters of slices.
"""

import numpy as np

from contrast_tfdata.evaluation.auc import auc_components, auc_interval, fewest_clusters, student_quantile
from contrast_tfdata.evaluation.predictions import logit, sigmoid


def auc_interval_by_group(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> tuple[float, float] | None:
    """Returns a 95 % confidence interval of the AUC, symmetric on the logit scale, so always inside (0, 1).

    The standard error is that of the logits of the AUCs with one cluster left out: (J - 1) / J times the sum of their
    squared distances from their mean, J clusters (Miller 1974). Student's t has one degree of freedom less than the
    smaller class has clusters. Obuchowski's variance with the delta method, which `auc_interval` gives, is smaller
    where the AUC is high or the clusters are few, and its interval too narrow (benchmarks/COVERAGE.md); it is taken
    where leaving one cluster out separates the classes, so that there is no logit, or where none makes a difference.

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) finite; only their order matters.
        clusters: (n,) patient or study of each example.

    Returns:
        (low, high), or None where there is none: as `auc_interval` has it.
    """
    labels, (_, cluster) = np.asarray(labels), np.unique(np.asarray(clusters), return_inverse=True)
    fallback = auc_interval(labels, scores, cluster)
    if fallback is None:
        return None
    area, areas = auc_components(labels, scores).auc, areas_without(labels, scores, cluster)
    if not 0 < areas.min() < areas.max() < 1:
        return fallback
    logits = logit(np.sort(areas))  # Sorted, so that what groups are called does not change the last digit of a sum.
    variance = (len(logits) - 1) / len(logits) * np.sum((logits - logits.mean()) ** 2)
    width = student_quantile(fewest_clusters(labels, cluster)) * np.sqrt(variance)
    low, high = sigmoid(logit(area) + np.array([-width, width]))
    return float(low), float(high)


def areas_without(labels: np.ndarray, scores: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Returns (c,) float64: the AUC of the examples that are left when each cluster is left out, in O(n log n).

    Args:
        labels: (n,) 0 or 1; each class has two clusters or more.
        scores: (n,) finite.
        cluster: (n,) int64, number of each example's cluster, from 0 to c - 1.
    """
    is_positive, components = labels == 1, auc_components(labels, scores)
    counts = [np.bincount(cluster[mine], minlength=cluster.max() + 1) for mine in (is_positive, ~is_positive)]
    positives, negatives = (int(each.sum()) for each in counts)
    # Pairs in order, of them all; those with a positive of the cluster, with a negative of it, and with both.
    won = components.auc * positives * negatives
    with_positive = np.bincount(cluster[is_positive], components.positive, len(counts[0])) * negatives
    with_negative = np.bincount(cluster[~is_positive], components.negative, len(counts[0])) * positives
    left = won - with_positive - with_negative + _won_within(labels, np.asarray(scores), cluster, counts)
    # Pairs in order are counted in halves; what is a rounding error beside that must not look like an error of order.
    return np.rint(2 * left) / 2 / ((positives - counts[0]) * (negatives - counts[1]))


def _won_within(labels: np.ndarray, scores: np.ndarray, cluster: np.ndarray, counts: list[np.ndarray]) -> np.ndarray:
    """Returns (c,) float64: of each cluster, how many pairs of its own are in order, ties counting one half."""
    order = np.argsort(cluster, kind="stable")
    ends = np.cumsum(counts[0] + counts[1])
    won = np.zeros(len(ends))
    for number in np.flatnonzero((counts[0] > 0) & (counts[1] > 0)):
        mine = order[ends[number - 1] if number else 0 : ends[number]]
        won[number] = auc_components(labels[mine], scores[mine]).auc * counts[0][number] * counts[1][number]
    return won
