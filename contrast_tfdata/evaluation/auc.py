"""Area under the ROC curve and how sure one can be of it.

Sources:
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845: variance from structural components.
    X. Sun, W. Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393: the components from ranks, in O(n log n).
    N. A. Obuchowski, Biometrics 53 (1997) 567-578: the same where several examples come from one patient.
    A. C. Cameron, D. L. Miller, Journal of Human Resources 50 (2015) 317-372, section VI: few clusters.
    M. S. Pepe, The Statistical Evaluation of Medical Tests (2003), section 5.2: the interval on the logit scale.
"""

import dataclasses
from statistics import NormalDist

import numpy as np

Z_95 = NormalDist().inv_cdf(0.975)
"""Half-width of a 95 % interval in standard errors: 1.95996..."""


@dataclasses.dataclass(frozen=True)
class AucComponents:
    """An AUC and each example's share in it.

    Attributes:
        auc: in [0, 1]; the probability that a positive scores above a negative, ties counting one half.
        positive: (m,) float64 in [0, 1]: share of the negatives that each positive scores above.
        negative: (n,) float64 in [0, 1]: share of the positives that score above each negative.
    """

    auc: float
    positive: np.ndarray
    negative: np.ndarray


def auc_components(labels: np.ndarray, scores: np.ndarray) -> AucComponents | None:
    """Returns the AUC with DeLong's structural components, by the ranks of Sun and Xu (2014).

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) finite; only their order matters, so logits keep apart what probabilities round to 1.

    Returns:
        The components, or None where one class is missing and no AUC exists.
    """
    is_positive = np.asarray(labels) == 1
    scores = np.asarray(scores, np.float64)
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    if not num_positive or not num_negative:
        return None
    ranks = _midranks(scores)
    positive = (ranks[is_positive] - _midranks(scores[is_positive])) / num_negative
    negative = 1.0 - (ranks[~is_positive] - _midranks(scores[~is_positive])) / num_positive
    return AucComponents(float(positive.mean()), positive, negative)


def auc_interval(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None = None
) -> tuple[float, float] | None:
    """Returns a 95 % confidence interval of the AUC, symmetric on the logit scale, so always inside (0, 1).

    With A the AUC and s its standard error, the logit has standard error s / (A (1 - A)) (delta method, Pepe 2003). A
    variance that is estimated from few clusters calls for Student's t in place of the normal quantile: here with one
    degree of freedom less than the smaller class has clusters (Cameron and Miller 2015 discuss the choice; what it
    brings is in benchmarks/COVERAGE.md).

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) finite.
        clusters: (n,) patient or study of each example; None takes every example as independent (plain DeLong 1988),
            which is too sure of itself where slices share a patient.

    Returns:
        (low, high), or None where there is none: a class is missing or has fewer than two clusters, or the classes are
        perfectly separated (the estimated variance is then 0, and [1, 1] would claim a certainty that nobody has).
    """
    components = auc_components(labels, scores)
    if components is None:
        return None
    # Slices taken as independent are many: the normal quantile, as DeLong has it.
    quantile = Z_95 if clusters is None else student_quantile(fewest_clusters(labels, clusters))
    clusters = np.arange(len(labels)) if clusters is None else np.asarray(clusters)
    variance = _clustered_variance(components, clusters, np.asarray(labels) == 1)
    area = components.auc
    if variance is None or variance <= 0 or not 0 < area < 1:
        return None
    centre, width = np.log(area / (1 - area)), quantile * np.sqrt(variance) / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-width, width]))))
    return float(low), float(high)


def fewest_clusters(labels: np.ndarray, clusters: np.ndarray) -> int:
    """Returns how many clusters the class that has fewer of them has; 0 where a class is missing."""
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    return min(len(np.unique(clusters[labels == value])) for value in (0, 1))


def student_quantile(number: int) -> float:
    """Returns how many standard errors, estimated from that many values, a 95 % interval reaches to each side."""
    from scipy import special  # Not at the top: most who import this package never come here.

    return float(special.stdtrit(number - 1, 0.975))


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ROC curve for plotting.

    Args:
        labels: (n,) 0 or 1, both present.
        scores: (n,) finite.

    Returns:
        False positive rate and true positive rate, each (k + 1,) float64, from (0, 0) to (1, 1), one point after every
        one of the k distinct scores in falling order.

    Raises:
        ValueError: a class is missing.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if not {0, 1} <= set(labels.tolist()):
        raise ValueError(f"A ROC curve needs both classes. Received labels: {sorted(set(labels.tolist()))}")
    _, position = np.unique(-scores, return_inverse=True)
    rates = []
    for value in (0, 1):
        counts = np.cumsum(np.bincount(position[labels == value], minlength=position.max() + 1))
        rates.append(np.concatenate([[0.0], counts / counts[-1]]))
    return rates[0], rates[1]


def _midranks(values: np.ndarray) -> np.ndarray:
    """Returns the rank of each value from 1 up, equal values sharing the mean of their ranks."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[position]


def cluster_sums(components: AucComponents, cluster: np.ndarray, is_positive: np.ndarray) -> list[np.ndarray]:
    """Returns by how much each cluster moves the AUC, by its positives and by its negatives: two (c,) float64.

    Args:
        components: of the AUC.
        cluster: (n,) int64, number of each example's cluster, from 0 to c - 1.
        is_positive: (n,) bool.
    """
    num_clusters = int(cluster.max()) + 1
    return [
        np.bincount(cluster[mine], shares - components.auc, minlength=num_clusters) / len(shares)
        for shares, mine in ((components.positive, is_positive), (components.negative, ~is_positive))
    ]


def _clustered_variance(components: AucComponents, clusters: np.ndarray, is_positive: np.ndarray) -> float | None:
    """Returns Obuchowski's variance of the AUC, which is DeLong's when every example is a cluster of its own."""
    _, cluster = np.unique(clusters, return_inverse=True)
    num_clusters = int(cluster.max()) + 1
    sums, variance = cluster_sums(components, cluster, is_positive), 0.0
    for of_class, mine in zip(sums, (is_positive, ~is_positive), strict=True):
        num_present = len(np.unique(cluster[mine]))
        if num_present < 2:
            return None
        variance += num_present / (num_present - 1) * np.sum(of_class**2)
    # A patient with slices of both classes moves both means at once.
    return float(variance + 2 * num_clusters / (num_clusters - 1) * np.sum(sums[0] * sums[1]))
