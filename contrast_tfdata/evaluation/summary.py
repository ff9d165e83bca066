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


@dataclasses.dataclass(frozen=True)
class Choices:
    """What was settled on validation, and is applied to everything else as it is.

    Attributes:
        operating_point: the threshold.
        band: probabilities that are not answered; None where nobody chose one, as for models of earlier versions.
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
    validation: Predictions | None,
    test: Predictions | None,
    operating_point: OperatingPoint | Choices | None = None,
    criterion: str = "accuracy",
    checks: Mapping[str, ConfounderScores] | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
    perturbed: Mapping[str, Mapping[Perturbation, np.ndarray]] | None = None,
    metadata: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
) -> dict:
    """Returns the contents of metrics.json.

    Args:
        validation: predictions of the validation split; None where there is none.
        test: predictions of the test split; None where there is none.
        operating_point: a threshold fixed before, or with it all that was (as a trained model carries it); None
            chooses everything on validation, and never on test.
        criterion: what the threshold is chosen for, see `operating_point.CRITERIA`.
        checks: what else was measured on the slices of `validation` or `test`, by the split's name.
        max_error: largest share of wrong answers among answered slices that the band is chosen for.
        perturbed: logits of the slices of `validation` or `test` after each perturbation, by the split's name.
        metadata: what the records of `validation` or `test` say of each slice, by the split's name (see `subgroups`).

    Returns:
        A mapping with always the same keys, which JSON can hold: what `Choices.to_dict` returns; `validation` and
        `test` at that threshold, each with what `metrics_at` returns and `auc_ci95_bootstrap` (groups drawn anew; None
        where they are not known), `series` (the same of `per_series`, whose examples are series), `reliability`,
        `abstention` and `temperature_scaling` (see there; None where the band, or the temperature, was never chosen),
        `confounders`, `robustness` and `subgroups` (see there; None where they were not measured); `validation_at_half`
        at the slides' 0.5; `test_best_threshold`, the slides' optimistic procedure, with `optimism`, by how much its
        accuracy exceeds that at the operating point. A split that is absent or has no labelled slice makes its two
        entries None.

    Raises:
        ValueError: an unknown criterion, or an error rate outside [0, 1].
    """
    choices = operating_point or choose_all(validation, criterion, max_error)
    choices = Choices(choices) if isinstance(choices, OperatingPoint) else choices
    checks, perturbed, metadata = checks or {}, perturbed or {}, metadata or {}

    def scored(name: str, split: Predictions | None) -> dict | None:
        return _scored(split, choices, checks.get(name), perturbed.get(name), metadata.get(name))

    return {
        **choices.to_dict(),
        "validation": scored("validation", validation),
        "validation_at_half": _at_half(validation),
        "test": scored("test", test),
        "test_best_threshold": _best_on_test(test, choices.operating_point.threshold),
    }


def _scored(
    split: Predictions | None,
    choices: Choices,
    check: ConfounderScores | None,
    perturbed: Mapping[Perturbation, np.ndarray] | None,
    metadata: Sequence[Mapping[str, str]] | None,
) -> dict | None:
    if not _has_labels(split):
        return None
    scored, threshold = split.labelled(), choices.operating_point.threshold
    return {
        **_with_bootstrap(split, threshold),
        "series": _with_bootstrap(per_series(scored), threshold),
        "reliability": reliability(scored.label, scored.probability),
        "abstention": abstention(scored, threshold, choices.band) if choices.band else None,
        "temperature_scaling": scaling(scored, choices.temperature) if choices.temperature else None,
        "confounders": confounders(split, check) if check else None,
        "robustness": robustness(split, perturbed, threshold) if perturbed else None,
        "subgroups": subgroups(split, metadata, threshold) if metadata else None,
    }


def _with_bootstrap(split: Predictions, threshold: float) -> dict:
    scored = split.labelled()
    groups = known_groups(scored.group)
    interval = None if groups is None else auc_bootstrap_interval(scored.label, scored.logit, np.asarray(groups))
    return {**metrics_at(split, threshold), "auc_ci95_bootstrap": None if interval is None else list(interval)}


def _at_half(validation: Predictions | None) -> dict | None:
    return _accuracy_at(validation, DEFAULT_THRESHOLD) if _has_labels(validation) else None


def _best_on_test(test: Predictions | None, threshold: float) -> dict | None:
    if not _has_labels(test):
        return None
    scored = test.labelled()
    _, _, best = slides_sweep(scored.label, scored.probability)
    figures = _accuracy_at(test, best)
    optimism = figures["accuracy"] - _accuracy_at(test, threshold)["accuracy"]
    return {**figures, "optimism": optimism, "procedure": SWEEP_PROCEDURE}


def _accuracy_at(split: Predictions, threshold: float) -> dict:
    scored = split.labelled()
    matrix = confusion_matrix(scored.label, scored.prediction(threshold))
    return {
        "threshold": threshold,
        "accuracy": (matrix[0][0] + matrix[1][1]) / len(scored),
        "confusion_matrix": matrix,
    }


def _has_labels(split: Predictions | None) -> bool:
    return split is not None and len(split.labelled()) > 0
