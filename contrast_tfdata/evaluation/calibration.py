"""Whether a probability of 0.8 is right four times in five, and what one number would mend.

Sources:
    M. H. DeGroot, S. E. Fienberg, The Statistician 32 (1983) 12-22: the reliability curve.
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017, section 4.2: temperature scaling.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from contrast_tfdata.evaluation.metrics import ECE_BINS, bin_of, calibration, wilson_interval
from contrast_tfdata.evaluation.predictions import Predictions, sigmoid

LARGEST_TEMPERATURE = 100.0
"""Beyond it, or below its reciprocal, the loss has no minimum worth the name on the slices at hand."""


@dataclasses.dataclass(frozen=True)
class Temperature:
    """The number by which logits would be divided to make their probabilities fit, and where it comes from.

    Nothing here applies it: it tells how over-confident (above 1) or timid (below 1) the network is.

    Attributes:
        value: above 0; None where none could be fitted.
        fitted_on: the split, normally `validation`; `none` where none could be fitted.
        reason: why it could not, else "".

    Raises:
        ValueError: a value that is not above 0 and finite.
    """

    value: float | None
    fitted_on: str
    reason: str = ""

    def __post_init__(self):
        if self.value is not None and not 0 < self.value < float("inf"):
            raise ValueError(f"A temperature must be above 0 and finite. Received: value={self.value}")

    @classmethod
    def unknown(cls, reason: str) -> "Temperature":
        """Returns a temperature that could not be fitted."""
        return cls(None, "none", reason)

    @classmethod
    def from_dict(cls, values: Mapping) -> "Temperature":
        """Returns the temperature that `to_dict` wrote."""
        return cls(values["value"], values["fitted_on"], values.get("reason", ""))

    def to_dict(self) -> dict[str, float | str | None]:
        """Returns what metrics.json and model.json hold; `reason` only where there is one."""
        values = dataclasses.asdict(self)
        return values if self.reason else {name: value for name, value in values.items() if name != "reason"}


def fit_temperature(labels: np.ndarray, logits: np.ndarray, fitted_on: str = "validation") -> Temperature:
    """Returns the temperature T of the smallest mean log loss of `logits / T`.

    The loss is convex in 1 / T, so its minimum is where its slope is 0, which Brent's method finds between two ends at
    which the slope has different signs; where it has not, the slices at hand have no such minimum.

    Args:
        labels: (n,) 0 or 1.
        logits: (n,) finite.
        fitted_on: name of the split they come from.
    """
    from scipy import optimize  # Takes longer to import than the rest of this package, which others need at once.

    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    if len(np.unique(labels)) < 2:
        return Temperature.unknown(f"{fitted_on} has {len(np.unique(labels))} of 2 classes")

    def slope(inverse: float) -> float:
        return float(np.mean((sigmoid(inverse * logits) - labels) * logits))

    ends = 1 / LARGEST_TEMPERATURE, LARGEST_TEMPERATURE
    if slope(ends[1]) <= 0:
        return Temperature.unknown(f"no slice of {fitted_on} is wrong enough to limit how sure the network should be")
    if slope(ends[0]) >= 0:
        return Temperature.unknown(f"the logits tell nothing about the classes of {fitted_on}")
    return Temperature(1 / optimize.brentq(slope, *ends, xtol=1e-13, rtol=1e-13), fitted_on)


def scaling(split: Predictions, temperature: Temperature) -> dict:
    """Returns Brier score, log loss and calibration error of a split's labelled slices, before and after scaling.

    Returns:
        `before` and `after`, each with `brier`, `log_loss` and `ece`; `after` is None where there is no temperature.
    """
    scored = split.labelled()
    after = None if temperature.value is None else calibration(scored.label, scored.logit / temperature.value)
    return {"before": calibration(scored.label, scored.logit), "after": after}


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[dict] | None:
    """Returns the points of the reliability curve, over the bins of the calibration error that hold an example.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) in [0, 1].

    Returns:
        In rising order of each bin: its ends `low` and `high`, `count`, `mean_probability`, the `share_with_gad` of its
        examples and its `share_with_gad_ci95` (Wilson 1927); None where there is no example.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    which = bin_of(probabilities, ECE_BINS)
    points = []
    for number in np.unique(which):
        mine = which == number
        count, positives = int(mine.sum()), int(labels[mine].sum())
        points.append(
            {
                "low": number / ECE_BINS,
                "high": (number + 1) / ECE_BINS,
                "count": count,
                "mean_probability": float(probabilities[mine].mean()),
                "share_with_gad": positives / count,
                "share_with_gad_ci95": wilson_interval(positives, count),
            }
        )
    return points or None
