"""How sure one can be of an AUC when slices share patients, without a formula for its variance: patients drawn anew.

Sources:
    B. Efron, Journal of the American Statistical Association 82 (1987) 171-185: percentiles, corrected for bias and
        skewness (BCa).
    C. A. Field, A. H. Welsh, Journal of the Royal Statistical Society B 69 (2007) 369-390: whole clusters are drawn,
        with replacement, and every example of a drawn cluster comes along.
    T. C. Hesterberg, The American Statistician 69 (2015) 371-386: percentiles further out where few clusters are drawn.
"""

import dataclasses
import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from contrast_tfdata.evaluation.auc import auc_components, cluster_sums, fewest_clusters, student_quantile

_NORMAL = NormalDist()
RESAMPLES = 2000
"""Draws of the patients: the ends of a 95 % interval then vary by a few per cent of its width."""
SEED = 1020
_CELLS = 1 << 16  # Resamples times examples that are held at once: what a core's cache holds is fastest.


def auc_bootstrap_interval(
    labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float] | None:
    """Returns a 95 % interval of the AUC from draws of whole clusters; the same input gives the same one.

    Its ends are percentiles of the AUC over the draws. Plain ones, 2.5 and 97.5, hold the truth too seldom: the AUC is
    skewed, and a draw of few clusters varies too little. So the levels are corrected as Efron (1987) has it, by what
    each cluster adds to the AUC, for a normal quantile that is widened as Hesterberg (2015) has it, for the number of
    clusters in the smaller class. Resamples that lack a class have no AUC and are left out.

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) finite; only their order matters.
        clusters: (n,) patient or study of each example.
        resamples: draws.
        seed: of the draws.

    Returns:
        (low, high), or None where there is none: a class is missing or has fewer than two clusters, or the classes are
        perfectly separated, so that every resample has the same AUC of 0 or 1 and [1, 1] would claim a certainty that
        nobody has.
    """
    labels, (_, cluster) = np.asarray(labels), np.unique(np.asarray(clusters), return_inverse=True)
    fewest = fewest_clusters(labels, cluster)
    if fewest < 2:
        return None
    ranked, num_clusters = Ranked.of(labels, scores, cluster), int(cluster.max()) + 1
    draws = _draws(num_clusters, resamples, seed, at_once=max(1, _CELLS // len(labels)))
    areas = np.concatenate([ranked.aucs(each) for each in draws])
    areas = areas[np.isfinite(areas)]
    if not len(areas):
        return None
    influence = sum(cluster_sums(auc_components(labels, scores), cluster, labels == 1))
    area = ranked.aucs(np.ones((1, num_clusters), np.int64))[0]
    low, high = np.quantile(areas, _levels(areas, area, influence, fewest))
    return None if low == high and low in (0.0, 1.0) else (float(low), float(high))


@dataclasses.dataclass(frozen=True, eq=False)
class Ranked:
    """Examples in the order of their scores, ready for the AUC of any number of resamples.

    Attributes:
        is_positive: (n,) bool.
        cluster: (n,) int64, number of each example's cluster, from 0.
        start: (m,) int64: of each positive, where the run of scores that equal its own begins.
        end: (m,) int64: where that run ends, exclusive.
    """

    is_positive: np.ndarray
    cluster: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray, cluster: np.ndarray) -> "Ranked":
        """Sorts (n,) labels of 0 and 1, finite scores, and numbers of clusters."""
        order = np.argsort(scores, kind="stable")
        is_positive = np.asarray(labels)[order] == 1
        _, first, counts = np.unique(np.asarray(scores)[order], return_index=True, return_counts=True)
        start, end = (np.repeat(ends, counts)[is_positive] for ends in (first, first + counts))
        return cls(is_positive, np.asarray(cluster)[order], start, end)

    def aucs(self, draws: np.ndarray) -> np.ndarray:
        """Returns the AUC of each resample, ties counting one half, from counts and so exact.

        Args:
            draws: (b, c) int64: how often each resample has each cluster.

        Returns:
            (b,) float64 in [0, 1]; NaN where a resample lacks a class.
        """
        weights = draws[:, self.cluster]
        negatives = np.zeros((len(draws), weights.shape[1] + 1), np.int64)
        np.cumsum(np.where(self.is_positive, 0, weights), axis=1, out=negatives[:, 1:])
        positives = weights[:, self.is_positive]
        # Negatives below, plus half of those that tie, is half of: those before the run, and those up to its end.
        doubled = np.einsum("ij,ij->i", positives, negatives[:, self.start] + negatives[:, self.end])
        pairs = positives.sum(axis=1) * negatives[:, -1]
        return np.divide(doubled, 2 * pairs, out=np.full(len(draws), np.nan), where=pairs > 0)


def _levels(areas: np.ndarray, area: float, influence: np.ndarray, fewest: int) -> list[float]:
    """Returns which percentiles, as shares, of the resamples' areas are the ends of the interval."""
    spread = np.sum(influence**2)
    skew = np.sum(influence**3) / (6 * spread**1.5) if spread else 0.0
    below = np.mean(areas < area) + np.mean(areas == area) / 2
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / len(areas)), 1 - 0.5 / len(areas)))
    wide = math.sqrt(fewest / (fewest - 1)) * student_quantile(fewest)
    return [_NORMAL.cdf(bias + _corrected(bias + end, skew)) for end in (-wide, wide)]


def _corrected(quantile: float, skew: float) -> float:
    divisor = 1 - skew * quantile
    # Where the correction for skewness breaks down, the end is the last of the areas.
    return quantile / divisor if divisor > 0 else math.copysign(math.inf, quantile)


def _draws(num_clusters: int, resamples: int, seed: int, at_once: int) -> Iterator[np.ndarray]:
    """Yields (b, num_clusters) int64, at most `at_once` rows: how often each resample has each cluster."""
    rng = np.random.default_rng(seed)
    for begin in range(0, resamples, at_once):
        size = min(at_once, resamples - begin)
        drawn = rng.integers(num_clusters, size=(size, num_clusters))
        drawn += num_clusters * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * num_clusters).reshape(size, num_clusters)
