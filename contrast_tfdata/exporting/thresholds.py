"""Thresholds on probabilities as thresholds on float32 logits: the same answer, bit for bit. Free of TensorFlow."""

import dataclasses

import numpy as np

from contrast_tfdata.evaluation import Choices
from contrast_tfdata.evaluation.predictions import sigmoid

UNANSWERED = -1
"""The decision on a slice whose probability lies in the indeterminate band."""
_INFINITY = 0x7F800000
_SIGN = 0x80000000


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Where the answers change, in logits.

    Attributes:
        threshold: a slice is called with_gad where its logit is strictly above it.
        low: no decision is taken on a slice whose logit is strictly above it,
        high: and not above this one. Where the two are equal, as where a model has no band, each slice is decided on.
    """

    threshold: np.float32
    low: np.float32
    high: np.float32

    @classmethod
    def of(cls, choices: Choices) -> "Thresholds":
        """Returns those with which float32 logits get the answers that the choices give their probabilities."""
        threshold = in_logits(choices.operating_point.threshold)
        if choices.band is None:
            return cls(threshold, threshold, threshold)
        return cls(threshold, in_logits(choices.band.low), in_logits(choices.band.high))

    def prediction(self, logits: np.ndarray) -> np.ndarray:
        """Returns 0 or 1 for each float32 logit, int32."""
        return (np.asarray(logits) > self.threshold).astype(np.int32)

    def decision(self, logits: np.ndarray) -> np.ndarray:
        """Returns 0, 1 or `UNANSWERED` for each float32 logit, int32."""
        logits = np.asarray(logits)
        is_unsure = (logits > self.low) & (logits <= self.high)
        return np.where(is_unsure, np.int32(UNANSWERED), self.prediction(logits))


def in_logits(threshold: float) -> np.float32:
    """Returns the largest float32 logit whose probability, in float64, is not above a threshold in [0, 1].

    A comparison of rounded probabilities would decide otherwise near the threshold, and at 1 for large logits.
    """
    low, high = -_INFINITY, _INFINITY  # Places of float32 values in their order, from minus to plus infinity.
    if sigmoid(_value(high)) <= threshold:
        return _value(high)
    while high - low > 1:
        middle = (low + high) // 2
        if sigmoid(_value(middle)) <= threshold:
            low = middle
        else:
            high = middle
    return _value(low)


def _value(place: int) -> np.float32:
    return np.uint32(place if place >= 0 else _SIGN - place).view(np.float32)
