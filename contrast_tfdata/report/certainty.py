"""How far answers can be trusted, in words and rows: series beside slices, calibration, what is indeterminate."""

from collections.abc import Mapping, Sequence

SERIES_ROWS = (
    ("AUC, {unit} drawn anew", "auc", "auc_ci95_bootstrap"),
    ("AUC, taken as independent", "auc", "auc_ci95"),
    ("Average precision", "average_precision", None),
    ("Accuracy", "accuracy", "accuracy_ci95"),
    ("Balanced accuracy", "balanced_accuracy", None),
    ("Sensitivity", "sensitivity", "sensitivity_ci95"),
    ("Specificity", "specificity", "specificity_ci95"),
    ("Positive predictive value", "ppv", "ppv_ci95"),
    ("Negative predictive value", "npv", "npv_ci95"),
    ("Brier score (0 is best)", "brier", None),
)
WEAKEST_REVIEWER = 0.85
"""AUC below which the list of suspected labels says little.

Of simulated slices with one wrong label in twenty, a network at this AUC lists one in seven. About a fifth of these
have wrong labels; the others are errors of the network (`tests/evaluation/test_label_review.py`)."""
_SCALED = (("Log loss, nats", "log_loss"), ("Brier score", "brier"), ("Calibration error, 10 bins", "ece"))


def series_figures(numbers: Mapping) -> Mapping | None:
    """Returns the figures of a split by series; None where they are not known, or each slice is a series of its own."""
    series = numbers.get("series")
    return series if series and series["num_examples"] < numbers["num_examples"] else None


def scaled_rows(numbers: Mapping) -> list[dict]:
    """Returns `name`, `key`, `before` and `after` of what a temperature does to a split; empty where there is none."""
    scaling = numbers.get("temperature_scaling")
    if not scaling or not scaling["after"]:
        return []
    return [
        {"name": name, "key": key, "before": scaling["before"][key], "after": scaling["after"][key]}
        for name, key in _SCALED
    ]


def temperature_sentence(temperature: Mapping | None) -> str | None:
    """Returns what the temperature says of the network; None where nobody asked."""
    if not temperature:
        return None
    value = temperature["value"]
    if value is None:
        return f"No temperature could be fitted: {temperature['reason']}."
    judgement = "surer of its answers than it should be" if value > 1 else "less sure of its answers than it could be"
    return (
        f"The network is {judgement}. Its log loss on {temperature['fitted_on']} is smallest when logits are divided "
        f"by a temperature of {value:.3f}. This temperature is reported here and applied nowhere."
    )


def band_sentences(band: Mapping | None, split: str, numbers: Mapping) -> list[str]:
    """Returns where the network should not answer, and what that brings on a split; empty where nobody chose."""
    if not band:
        return []
    if band.get("reason"):
        return [f"No indeterminate band could be chosen: {band['reason']}."]
    if band["low"] == band["high"]:
        sentences = [
            f"No slice is indeterminate: on {band['chosen_on']}, at most {band['max_error']:.2%} of the answers are "
            "wrong as it is."
        ]
    else:
        sentences = [
            f"Slices with a probability above {band['low']:.4f}, up to {band['high']:.4f}, are indeterminate: the "
            f"network should not answer them. The band was chosen on {band['chosen_on']}. There, at most "
            f"{band['max_error']:.2%} of the answers to the other slices are wrong."
        ]
    return [*sentences, *_on_split(split, numbers.get("abstention"))]


def _on_split(split: str, figures: Mapping | None) -> list[str]:
    if not figures:
        return []
    if not figures["num_answered"]:
        return [f"No slice of {split} is then answered."]
    low, high = figures["error_rate_ci95"]
    return [
        f"On {split}, {figures['coverage']:.2%} of the slices are then answered, and {figures['error_rate']:.2%} of "
        f"the answers wrong (95% interval {low:.2%} to {high:.2%}, slices taken as independent). Without a band "
        f"{figures['error_rate_of_all']:.2%} of the answers are wrong."
    ]


def review_warning(split: str, numbers: Mapping, bounds: Sequence[float] | None) -> str | None:
    """Returns why no list of suspected labels is shown; None where the network is good enough to judge labels.

    Args:
        split: the one to be judged by.
        numbers: its figures.
        bounds: the 95 % interval of its AUC that counts; None: that of slices, which is the best that there is.
    """
    bounds = bounds or numbers["auc_ci95"]
    low = bounds[0] if bounds else numbers["auc"]
    if low is None or low >= WEAKEST_REVIEWER:
        return None
    return (
        f"No list is shown: the network is too weak to judge labels. Its AUC on {split} may be as low as {low:.3f}. "
        f"Below {WEAKEST_REVIEWER}, most of the slices listed would be errors of the network, not wrong labels."
    )
