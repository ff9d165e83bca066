"""Where the line between the two answers is drawn."""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

DEFAULT_THRESHOLD = 0.5
CRITERIA = ("accuracy", "youden", "specificity=S")
"""What a threshold can be chosen for: share of right answers (as on the slides); sensitivity + specificity - 1 (Youden
1950); the highest sensitivity where specificity is at least S, as in `specificity=0.9`."""

OF_MEMBERS = "validation of each"
"""`chosen_on` of an ensemble's threshold or band: each member's was chosen on its own validation split."""
_FIXED = "fixed"
_AT_SPECIFICITY = re.compile(r"specificity=(0?\.\d+|1(?:\.0*)?)")


def check_criterion(criterion: str) -> None:
    """Refuses what is no criterion.

    Raises:
        ValueError: neither of `CRITERIA`, or a specificity that is not above 0 and at most 1.
    """
    if criterion not in CRITERIA[:2] and not least_specificity(criterion):
        raise ValueError(
            f"criterion must be one of {', '.join(CRITERIA)} with S above 0 and at most 1. "
            f"Received: criterion={criterion!r}"
        )


def least_specificity(criterion: str) -> float | None:
    """Returns the specificity that a criterion asks for; None where it asks for none."""
    match = _AT_SPECIFICITY.fullmatch(criterion)
    return float(match[1]) if match else None


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold and where it comes from. A slice is called with_gad when its probability is strictly above it.

    Attributes:
        threshold: in [0, 1].
        criterion: one of `CRITERIA`; `fixed` for a threshold that was given and not chosen.
        chosen_on: the split it was chosen on, normally `validation`; `OF_MEMBERS`; `none` for a fixed one.
        reason: why it could not be chosen, or how it follows from those of the members, else "".

    Raises:
        ValueError: a threshold outside [0, 1], or an unknown criterion.
    """

    threshold: float
    criterion: str
    chosen_on: str
    reason: str = ""

    def __post_init__(self):
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1]. Received: threshold={self.threshold}")
        if self.criterion != _FIXED:
            check_criterion(self.criterion)

    @classmethod
    def fixed(cls, threshold: float = DEFAULT_THRESHOLD, reason: str = "") -> "OperatingPoint":
        """Returns a point that was not chosen on data."""
        return cls(threshold, _FIXED, "none", reason)

    @classmethod
    def from_dict(cls, values: Mapping) -> "OperatingPoint":
        """Returns the point that `to_dict` wrote."""
        return cls(values["threshold"], values["criterion"], values["chosen_on"], values.get("reason", ""))

    def to_dict(self) -> dict[str, float | str]:
        """Returns what metrics.json holds; `reason` only where there is one."""
        values = dataclasses.asdict(self)
        return values if self.reason else {name: value for name, value in values.items() if name != "reason"}


def answers(probabilities: np.ndarray | float, threshold: float) -> np.ndarray:
    """Returns the answers, int64 of the shape of `probabilities`: 1 strictly above the threshold, as on the slides."""
    return (np.asarray(probabilities) > threshold).astype(np.int64)


def choose(
    labels: np.ndarray, probabilities: np.ndarray, criterion: str = "accuracy", chosen_on: str = "validation"
) -> OperatingPoint:
    """Returns the best threshold halfway between two neighbouring distinct probabilities.

    Of several equally good ones the one with the widest gap between its neighbours is taken (the least likely to be
    crossed by a small change of the scores), then the one nearest to 0.5, then the lowest. A threshold below or above
    all scores, which would give every slice the same answer, is never chosen.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) in [0, 1].
        criterion: one of `CRITERIA`.
        chosen_on: name of the split the arguments come from.

    Returns:
        The point; 0.5 with the reason where nothing can be chosen (no example, one class, or one score only), or no
        threshold has the specificity asked for.

    Raises:
        ValueError: an unknown criterion.
    """
    check_criterion(criterion)
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    scores, position = np.unique(probabilities, return_inverse=True)
    if len(np.unique(labels)) < 2:
        return OperatingPoint.fixed(reason=f"{chosen_on} has {len(np.unique(labels))} of 2 classes")
    if len(scores) < 2:
        return OperatingPoint.fixed(reason=f"all examples of {chosen_on} have the same score")
    # Entry k of each: examples of that class at or below distinct score k, i.e. called no_gad by the gap above it.
    below = [np.cumsum(np.bincount(position[labels == value], minlength=len(scores)))[:-1] for value in (0, 1)]
    merit = _merit(below, labels, criterion)
    if merit.max() < 0:
        return OperatingPoint.fixed(reason=f"no threshold between two scores of {chosen_on} has {criterion} or more")
    gap = _best_gap(merit, scores)
    return OperatingPoint(float(_midpoints(scores)[gap]), criterion, chosen_on)


def _merit(below: list[np.ndarray], labels: np.ndarray, criterion: str) -> np.ndarray:
    """Returns for every gap an integer that grows with the criterion, so that ties are exact; -1 if it is not met."""
    num_negative, num_positive = (int((labels == value).sum()) for value in (0, 1))
    right_negative, right_positive = below[0], num_positive - below[1]
    if criterion == "accuracy":
        return right_negative + right_positive
    if least := least_specificity(criterion):
        return np.where(right_negative / num_negative >= least, right_positive, -1)
    return right_negative * num_positive + right_positive * num_negative


def _best_gap(merit: np.ndarray, scores: np.ndarray) -> int:
    distance = np.abs(_midpoints(scores) - DEFAULT_THRESHOLD)
    # lexsort orders by its last key first.
    return int(np.lexsort((distance, -np.diff(scores), -merit))[0])


def _midpoints(scores: np.ndarray) -> np.ndarray:
    """Returns the middle of each gap; the lower end where rounding would give the upper, which must stay above it."""
    lower, upper = scores[:-1], scores[1:]
    middle = lower + (upper - lower) / 2
    return np.where(middle < upper, middle, lower)


def slides_sweep(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Does what the slides do: tries 0.00, 0.01, ..., 0.99 and keeps the first threshold with the highest accuracy.

    The slides do it on the test set; the accuracy of the threshold so found is then too good to be expected again.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) in [0, 1].

    Returns:
        Thresholds (100,), accuracies (100,) in [0, 1], both float64, and the best threshold.

    Raises:
        ValueError: there is no example.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if not len(labels):
        raise ValueError("A sweep needs at least one example. Received: 0")
    thresholds = np.arange(100) / 100
    accuracies = np.array([np.mean(answers(probabilities, threshold) == labels) for threshold in thresholds])
    return thresholds, accuracies, float(thresholds[np.argmax(accuracies)])
