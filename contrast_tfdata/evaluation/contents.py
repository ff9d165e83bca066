"""What metrics.json holds, key by key. What is undefined, or was not measured, is None; never NaN."""

from typing import TypedDict

Interval = list[float]
"""Lower and upper end of a 95 % confidence interval."""
ConfusionMatrix = list[list[int]]
"""[[tn, fp], [fn, tp]]: rows are the truth, columns the answer."""


class Discrimination(TypedDict):
    """How well scores separate the classes, whatever the threshold.

    Keys:
        auc: area under the ROC curve, in [0, 1].
        auc_ci95: its interval (DeLong 1988), which takes examples as independent.
        auc_ci95_by_group: its interval with whole groups left out in turn.
    """

    auc: float | None
    auc_ci95: Interval | None
    auc_ci95_by_group: Interval | None


class Calibration(TypedDict):
    """How well probabilities fit: see the functions of the same names in `metrics`.

    Keys:
        brier: in [0, 1].
        log_loss: in nats.
        ece: in [0, 1].
    """

    brier: float | None
    log_loss: float | None
    ece: float | None


class Classification(TypedDict):
    """What follows from a confusion matrix.

    Keys:
        accuracy, sensitivity, specificity: shares of right answers: of all, of with_gad, of no_gad.
        ppv, npv: shares of right answers among the answers with_gad, and no_gad.
        ..._ci95: the interval of each (Wilson 1927).
        balanced_accuracy: mean of sensitivity and specificity.
        f1: harmonic mean of sensitivity and PPV.
        mcc: correlation of truth and answer, in [-1, 1] (Matthews 1975).
        majority_accuracy: of always giving the commoner answer.
        confusion_matrix: see `ConfusionMatrix`.
    """

    accuracy: float | None
    accuracy_ci95: Interval | None
    sensitivity: float | None
    sensitivity_ci95: Interval | None
    specificity: float | None
    specificity_ci95: Interval | None
    ppv: float | None
    ppv_ci95: Interval | None
    npv: float | None
    npv_ci95: Interval | None
    balanced_accuracy: float | None
    f1: float | None
    mcc: float | None
    majority_accuracy: float | None
    confusion_matrix: ConfusionMatrix


class Figures(Discrimination, Classification, Calibration):
    """Every figure of some examples at one threshold.

    Keys:
        num_examples: with a known class; all figures are about these.
        num_unlabelled: of unknown class, left out.
        num_groups: None where a group is unknown.
        num_groups_by_class: how many of them have slices of each class, by its name; None likewise.
        threshold: in [0, 1]; a probability strictly above it means with_gad.
        prevalence: share of with_gad.
        average_precision: see `metrics.average_precision`.
    """

    num_examples: int
    num_unlabelled: int
    num_groups: int | None
    num_groups_by_class: dict[str, int] | None
    threshold: float
    prevalence: float | None
    average_precision: float | None


class BootstrappedFigures(Figures):
    """Figures, and `auc_ci95_bootstrap`: the AUC's interval with groups drawn anew; None where they are not known."""

    auc_ci95_bootstrap: Interval | None


class SplitMetrics(BootstrappedFigures):
    """The figures of a split's slices, and what else was measured on it.

    Keys:
        series: the same figures of its series.
        reliability: a row for each bin of probabilities (see `calibration.reliability`).
        abstention: what the indeterminate band does to it (see `abstention.abstention`).
        temperature_scaling: what a temperature would mend (see `calibration.scaling`).
        confounders: what could fake the figures (see `confounders.confounders`).
        robustness: a row for each change of the slices (see `robustness.robustness`).
        subgroups: a row for each part of the split (see `subgroups.subgroups`).
    """

    series: BootstrappedFigures
    reliability: list[dict]
    abstention: dict | None
    temperature_scaling: dict | None
    confounders: dict | None
    robustness: list[dict] | None
    subgroups: list[dict] | None


class AtThreshold(TypedDict):
    """Accuracy at one threshold."""

    threshold: float
    accuracy: float
    confusion_matrix: ConfusionMatrix


class BestOnTest(AtThreshold):
    """The slides' optimistic procedure.

    Keys:
        optimism: by how much its accuracy exceeds that at the operating point.
        procedure: what was done, in a sentence.
    """

    optimism: float
    procedure: str


class Metrics(TypedDict):
    """metrics.json: always these keys. A split that is absent or has no labelled slice makes its two entries None.

    Keys:
        operating_point, indeterminate_band, temperature: what was settled on validation (see `summary.Choices`).
        validation, test: the splits at that threshold.
        validation_at_half: at 0.5, as on the slides.
        test_best_threshold: at the threshold with the highest accuracy on test itself, as on the slides.
    """

    operating_point: dict
    indeterminate_band: dict | None
    temperature: dict | None
    validation: SplitMetrics | None
    validation_at_half: AtThreshold | None
    test: SplitMetrics | None
    test_best_threshold: BestOnTest | None
