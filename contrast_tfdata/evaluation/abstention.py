"""When the network should not answer: a band of probabilities around the threshold, and what it buys.

Sources:
    C. K. Chow, IEEE Transactions on Information Theory 16 (1970) 41-46: refuse where the answer is least sure.
    R. El-Yaniv, Y. Wiener, Journal of Machine Learning Research 11 (2010) 1605-1641: the risk-coverage curve.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from contrast_tfdata.evaluation.metrics import wilson_interval
from contrast_tfdata.evaluation.operating_point import OperatingPoint, answers
from contrast_tfdata.evaluation.predictions import Predictions, logit, sigmoid

DEFAULT_MAX_ERROR = 0.02
"""Share of wrong answers among answered slices of validation: about the slides' errors on test (9 of 571)."""


@dataclasses.dataclass(frozen=True)
class IndeterminateBand:
    """Probabilities for which the answer is `indeterminate`, and where they come from.

    A slice or series is indeterminate when its probability is strictly above `low` and not above `high`. What remains
    is answered at the operating point, which lies within the band, ends included. A band whose ends are equal holds
    nothing.

    Attributes:
        low: in [0, 1].
        high: in [low, 1].
        max_error: largest share of wrong answers among answered slices that it was chosen for.
        chosen_on: the split it was chosen on, normally `validation`; `none` where it could not be chosen.
        reason: why it could not be chosen, else ""; it then holds nothing.

    Raises:
        ValueError: ends that are not 0 <= low <= high <= 1, or an error rate outside [0, 1].
    """

    low: float
    high: float
    max_error: float
    chosen_on: str
    reason: str = ""

    def __post_init__(self):
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"A band needs 0 <= low <= high <= 1. Received: low={self.low}, high={self.high}")
        check_max_error(self.max_error)

    @classmethod
    def empty(cls, point: OperatingPoint, max_error: float, reason: str) -> "IndeterminateBand":
        """Returns a band that holds nothing because none could be chosen."""
        return cls(point.threshold, point.threshold, max_error, "none", reason)

    @classmethod
    def from_dict(cls, values: Mapping) -> "IndeterminateBand":
        """Returns the band that `to_dict` wrote."""
        return cls(values["low"], values["high"], values["max_error"], values["chosen_on"], values.get("reason", ""))

    def to_dict(self) -> dict[str, float | str]:
        """Returns what metrics.json and model.json hold; `reason` only where there is one."""
        values = dataclasses.asdict(self)
        return values if self.reason else {name: value for name, value in values.items() if name != "reason"}

    def is_indeterminate(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns bool, of the shape of `probabilities`: which of them lie in the band."""
        probabilities = np.asarray(probabilities)
        return (self.low < probabilities) & (probabilities <= self.high)


def check_max_error(max_error: float) -> None:
    """Raises ValueError where an error rate is not in [0, 1]."""
    if not 0 <= max_error <= 1:
        raise ValueError(f"max_error must lie in [0, 1]. Received: max_error={max_error}")


def choose_band(
    labels: np.ndarray,
    probabilities: np.ndarray,
    point: OperatingPoint,
    max_error: float,
    chosen_on: str = "validation",
) -> IndeterminateBand:
    """Returns the narrowest band outside of which at most a share `max_error` of the answers is wrong.

    It reaches as far to both sides of the threshold in the logit, as long as no example is passed: an end stays between
    the last example that is left out and the first one that is answered. The error rate is that of the given examples;
    on others it may be higher.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) in [0, 1].
        point: the operating point.
        max_error: in [0, 1].
        chosen_on: name of the split the arguments come from.
    """
    check_max_error(max_error)
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    if len(np.unique(labels)) < 2:
        return IndeterminateBand.empty(point, max_error, f"{chosen_on} has {len(np.unique(labels))} of 2 classes")
    if not 0 < point.threshold < 1:
        return IndeterminateBand.empty(point, max_error, f"the threshold is {point.threshold:g}")
    margins, coverage, risk = _curve(labels, probabilities, point.threshold)
    good = np.flatnonzero(risk <= max_error)
    if not len(good):
        reason = f"even the surest answers on {chosen_on} are wrong more often than {max_error:g}"
        return IndeterminateBand.empty(point, max_error, reason)
    last = good[-1]
    if coverage[last] == 1:
        return IndeterminateBand(point.threshold, point.threshold, max_error, chosen_on)
    is_answered = _margin(probabilities, point.threshold) >= margins[last]
    # The surest example may have a probability that rounds to 0 or 1, and so any margin.
    reach = margins[last + 1] + min((margins[last] - margins[last + 1]) / 2, 1.0)
    return IndeterminateBand(*_ends(probabilities, is_answered, point.threshold, reach), max_error, chosen_on)


def risk_coverage(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the risk-coverage curve: the surest answers first, more and more of them.

    How sure an answer is, is how far its logit lies from that of the threshold; answers as sure as each other come at
    once.

    Args:
        labels: (n,) 0 or 1, at least one.
        probabilities: (n,) in [0, 1].
        threshold: in (0, 1).

    Returns:
        Coverage, the share of examples that are answered, rising to 1, and risk, the share of wrong answers among them:
        each (k,) float64, one for each of the k distances there are.
    """
    _, coverage, risk = _curve(np.asarray(labels), np.asarray(probabilities, np.float64), threshold)
    return coverage, risk


def abstention(split: Predictions, threshold: float, band: IndeterminateBand) -> dict:
    """Returns what a band does to a split's labelled slices.

    Returns:
        `num_answered`, `num_indeterminate`, `coverage` (share answered), `error_rate` (wrong among answered), its
        `error_rate_ci95` (Wilson 1927), and `error_rate_of_all`, without a band; None where there is no such slice.
    """
    scored = split.labelled()
    is_wrong = scored.prediction(threshold) != scored.label
    is_answered = ~band.is_indeterminate(scored.probability)
    answered, wrong = int(is_answered.sum()), int((is_wrong & is_answered).sum())
    return {
        "num_answered": answered,
        "num_indeterminate": len(scored) - answered,
        "coverage": answered / len(scored) if len(scored) else None,
        "error_rate": wrong / answered if answered else None,
        "error_rate_ci95": wilson_interval(wrong, answered),
        "error_rate_of_all": float(is_wrong.mean()) if len(scored) else None,
    }


def _curve(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the distinct margins, the largest first, and coverage and risk when answering down to each."""
    margins, position = np.unique(-_margin(probabilities, threshold), return_inverse=True)
    answered = np.cumsum(np.bincount(position))
    wrong = np.cumsum(np.bincount(position, answers(probabilities, threshold) != labels))
    return -margins, answered / len(labels), wrong / answered


def _margin(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    # Rounded, so that 0.2 and 0.8 are equally far from 0.5. 0 and 1 are infinitely far from any threshold.
    return np.round(np.abs(logit(probabilities) - logit(threshold)), 9)


def _ends(probabilities: np.ndarray, is_answered: np.ndarray, threshold: float, reach: float) -> tuple[float, float]:
    """Returns the ends of the band: `reach` from the threshold in the logit, but on the right side of every example."""
    is_above = answers(probabilities, threshold) == 1
    inside, below, above = probabilities[~is_answered], ~is_above & is_answered, is_above & is_answered
    centre = logit(threshold)
    low = min(float(sigmoid(centre - reach)), np.nextafter(inside.min(), 0.0), threshold)
    high = max(float(sigmoid(centre + reach)), inside.max(), threshold)
    return (
        float(max(low, probabilities[below].max(initial=0.0))),
        float(min(high, np.nextafter(probabilities[above].min(initial=1.0), 0.0)) if above.any() else high),
    )
