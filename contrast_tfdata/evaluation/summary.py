"""Everything metrics.json holds, from the predictions of a run."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from contrast_tfdata.evaluation.abstention import (
    DEFAULT_MAX_ERROR,
    IndeterminateBand,
    abstention,
    check_max_error,
    choose_band,
)
from contrast_tfdata.evaluation.bootstrap import auc_bootstrap_interval
from contrast_tfdata.evaluation.calibration import Temperature, fit_temperature, reliability, scaling
from contrast_tfdata.evaluation.confounders import ConfounderScores, confounders
from contrast_tfdata.evaluation.contents import AtThreshold, BestOnTest, BootstrappedFigures, Metrics, SplitMetrics
from contrast_tfdata.evaluation.metrics import confusion_matrix, known_groups, metrics_at
from contrast_tfdata.evaluation.operating_point import (
    DEFAULT_THRESHOLD,
    OperatingPoint,
    check_criterion,
    choose,
    slides_sweep,
)
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.evaluation.robustness import robustness
from contrast_tfdata.evaluation.series import per_series
from contrast_tfdata.evaluation.subgroups import subgroups
from contrast_tfdata.images.perturbations import Perturbation

SWEEP_PROCEDURE = (
    "Optimistic: the threshold was swept over 0.00..0.99 on the test set itself and the first one with the highest "
    "accuracy kept, as on the slides, so the accuracy is not one to expect on other data."
)


@dataclasses.dataclass(frozen=True, eq=False)
class SplitScores:
    """What was measured on a split's slices, in the order of its records.

    Attributes:
        predictions: a row a slice.
        metadata: what each record says about its slice, by kind (see `subgroups`); empty where nobody asked.
        confounders: what could fake the figures; None where nobody asked.
        perturbed: (n,) logits of the slices after each perturbation; empty where nobody asked.
    """

    predictions: Predictions
    metadata: Sequence[Mapping[str, str]] = ()
    confounders: ConfounderScores | None = None
    perturbed: Mapping[Perturbation, np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Choices:
    """What was settled on validation, and is applied to everything else as it is.

    Attributes:
        operating_point: the threshold.
        band: probabilities that are answered `indeterminate`; None where nobody chose one, as for models of earlier
            versions.
        temperature: what would calibrate the logits; None where nobody fitted it, likewise.
    """

    operating_point: OperatingPoint
    band: IndeterminateBand | None = None
    temperature: Temperature | None = None

    @classmethod
    def from_dict(cls, values: Mapping) -> "Choices":
        """Returns what metrics.json or model.json hold of them; raises KeyError, TypeError or ValueError if damaged."""
        band, temperature = values.get("indeterminate_band"), values.get("temperature")
        return cls(
            OperatingPoint.from_dict(values["operating_point"]),
            None if band is None else IndeterminateBand.from_dict(band),
            None if temperature is None else Temperature.from_dict(temperature),
        )

    def to_dict(self) -> dict:
        """Returns `operating_point`, `indeterminate_band` and `temperature`, each a mapping that JSON can hold."""
        return {
            "operating_point": self.operating_point.to_dict(),
            "indeterminate_band": self.band.to_dict() if self.band else None,
            "temperature": self.temperature.to_dict() if self.temperature else None,
        }


def choose_all(validation: Predictions | None, criterion: str, max_error: float) -> Choices:
    """Settles on validation all that is settled there.

    Args:
        validation: predictions of the validation split; None where there is none.
        criterion: what the threshold is chosen for, one of `operating_point.CRITERIA`.
        max_error: largest share of wrong answers among the slices that are answered.

    Raises:
        ValueError: an unknown criterion, or an error rate outside [0, 1].
    """
    check_criterion(criterion)
    check_max_error(max_error)
    if validation is None:
        reason = "there is no validation split to choose it on"
        point = OperatingPoint.fixed(reason=reason)
        return Choices(point, IndeterminateBand.empty(point, max_error, reason), Temperature.unknown(reason))
    scored = validation.labelled()
    point = choose(scored.label, scored.probability, criterion)
    band = choose_band(scored.label, scored.probability, point, max_error)
    return Choices(point, band, fit_temperature(scored.label, scored.logit))


def summarize(
    validation: SplitScores | None,
    test: SplitScores | None,
    choices: Choices | None = None,
    *,
    criterion: str = "accuracy",
    max_error: float = DEFAULT_MAX_ERROR,
) -> Metrics:
    """Returns the contents of metrics.json.

    Args:
        validation: what was measured on the validation split; None where there is none.
        test: likewise on test.
        choices: what was settled before, as a trained model carries it; None settles it on validation, never on test.
        criterion: what the threshold is chosen for, see `operating_point.CRITERIA`.
        max_error: largest share of wrong answers among answered slices that the band is chosen for.

    Raises:
        ValueError: an unknown criterion, or an error rate outside [0, 1].
    """
    choices = choices or choose_all(validation and validation.predictions, criterion, max_error)
    return {
        **choices.to_dict(),
        "validation": _measured(validation, choices),
        "validation_at_half": _accuracy_at(validation.predictions, DEFAULT_THRESHOLD)
        if _has_labels(validation)
        else None,
        "test": _measured(test, choices),
        "test_best_threshold": _best_on_test(test.predictions, choices) if _has_labels(test) else None,
    }


def _measured(split: SplitScores | None, choices: Choices) -> SplitMetrics | None:
    if not _has_labels(split):
        return None
    predictions, threshold = split.predictions, choices.operating_point.threshold
    scored = predictions.labelled()
    return {
        **_with_bootstrap(predictions, threshold),
        "series": _with_bootstrap(per_series(scored), threshold),
        "reliability": reliability(scored.label, scored.probability),
        "abstention": abstention(scored, threshold, choices.band) if choices.band else None,
        "temperature_scaling": scaling(scored, choices.temperature) if choices.temperature else None,
        "confounders": confounders(predictions, split.confounders) if split.confounders else None,
        "robustness": robustness(predictions, split.perturbed, threshold) if split.perturbed else None,
        "subgroups": subgroups(predictions, split.metadata, threshold) if split.metadata else None,
    }


def _with_bootstrap(predictions: Predictions, threshold: float) -> BootstrappedFigures:
    scored = predictions.labelled()
    groups = known_groups(scored.group)
    interval = None if groups is None else auc_bootstrap_interval(scored.label, scored.logit, np.asarray(groups))
    return {**metrics_at(predictions, threshold), "auc_ci95_bootstrap": None if interval is None else list(interval)}


def _best_on_test(test: Predictions, choices: Choices) -> BestOnTest:
    scored = test.labelled()
    _, _, best = slides_sweep(scored.label, scored.probability)
    figures = _accuracy_at(test, best)
    optimism = figures["accuracy"] - _accuracy_at(test, choices.operating_point.threshold)["accuracy"]
    return {**figures, "optimism": optimism, "procedure": SWEEP_PROCEDURE}


def _accuracy_at(predictions: Predictions, threshold: float) -> AtThreshold:
    scored = predictions.labelled()
    matrix = confusion_matrix(scored.label, scored.prediction(threshold))
    return {
        "threshold": threshold,
        "accuracy": (matrix[0][0] + matrix[1][1]) / len(scored),
        "confusion_matrix": matrix,
    }


def _has_labels(split: SplitScores | None) -> bool:
    """Returns whether there is a slice of known class."""
    return split is not None and len(split.predictions.labelled()) > 0
