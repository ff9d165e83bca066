"""Everything metrics.json holds, from the predictions of a run."""

from collections.abc import Mapping

from contrast_tfdata.evaluation.confounders import ConfounderScores, confounders
from contrast_tfdata.evaluation.metrics import confusion_matrix, metrics_at
from contrast_tfdata.evaluation.operating_point import DEFAULT_THRESHOLD, OperatingPoint, choose, slides_sweep
from contrast_tfdata.evaluation.predictions import Predictions

SWEEP_PROCEDURE = (
    "Optimistic: the threshold was swept over 0.00..0.99 on the test set itself and the first one with the highest "
    "accuracy kept, as on the slides, so the accuracy is not one to expect on other data."
)


def summarize(
    validation: Predictions | None,
    test: Predictions | None,
    operating_point: OperatingPoint | None = None,
    criterion: str = "accuracy",
    checks: Mapping[str, ConfounderScores] | None = None,
) -> dict:
    """Returns the contents of metrics.json.

    Args:
        validation: predictions of the validation split; None where there is none.
        test: predictions of the test split; None where there is none.
        operating_point: a threshold fixed before (e.g. the one that a trained model carries); None chooses it on
            validation, and never on test.
        criterion: what it is chosen for, `accuracy` or `youden`.
        checks: what else was measured on the slices of `validation` or `test`, by the split's name.

    Returns:
        A mapping with always the same keys, which JSON can hold: `operating_point`; `validation` and `test` (see
        `metrics_at`) at that threshold, each with `confounders` (see there; None where they were not measured);
        `validation_at_half` at the slides' 0.5; `test_best_threshold`, the slides' optimistic procedure. A split that
        is absent or has no labelled slice makes its two entries None.

    Raises:
        ValueError: an unknown criterion.
    """
    point = operating_point or _choose_on(validation, criterion)
    checks = checks or {}
    return {
        "operating_point": point.to_dict(),
        "validation": _scored(validation, point.threshold, checks.get("validation")),
        "validation_at_half": _at_half(validation),
        "test": _scored(test, point.threshold, checks.get("test")),
        "test_best_threshold": _best_on_test(test),
    }


def _choose_on(validation: Predictions | None, criterion: str) -> OperatingPoint:
    if validation is None:
        return OperatingPoint.fixed(reason="there is no validation split to choose it on")
    scored = validation.labelled()
    return choose(scored.label, scored.probability, criterion)


def _scored(split: Predictions | None, threshold: float, check: ConfounderScores | None) -> dict | None:
    if not _has_labels(split):
        return None
    return {**metrics_at(split, threshold), "confounders": confounders(split, check) if check else None}


def _at_half(validation: Predictions | None) -> dict | None:
    return _accuracy_at(validation, DEFAULT_THRESHOLD) if _has_labels(validation) else None


def _best_on_test(test: Predictions | None) -> dict | None:
    if not _has_labels(test):
        return None
    scored = test.labelled()
    _, _, best = slides_sweep(scored.label, scored.probability)
    return {**_accuracy_at(test, best), "procedure": SWEEP_PROCEDURE}


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
