"""Numbers to words: what the report and the model card say about them."""

from collections.abc import Mapping, Sequence

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.contents import AtThreshold, Metrics, SplitMetrics
from contrast_tfdata.report import certainty, confounding, robustness
from contrast_tfdata.report.description import RunDescription

UNDEFINED = "undefined"
SPLITS = ("validation", "test")

_ROWS = (
    ("AUC", "auc", "auc_ci95"),
    ("AUC, groups left out in turn", "auc", "auc_ci95_by_group"),
    ("AUC, groups drawn anew", "auc", "auc_ci95_bootstrap"),
    ("Average precision", "average_precision", None),
    ("Accuracy", "accuracy", "accuracy_ci95"),
    ("Accuracy of always answering the commoner class", "majority_accuracy", None),
    ("Balanced accuracy", "balanced_accuracy", None),
    ("Sensitivity (with_gad found)", "sensitivity", "sensitivity_ci95"),
    ("Specificity (no_gad recognised)", "specificity", "specificity_ci95"),
    ("PPV (right among those called with_gad)", "ppv", "ppv_ci95"),
    ("NPV (right among those called no_gad)", "npv", "npv_ci95"),
    ("F1 score", "f1", None),
    ("Matthews correlation (-1 to 1)", "mcc", None),
    ("Brier score (0 is best)", "brier", None),
    ("Log loss, nats (0 is best)", "log_loss", None),
    ("Calibration error, 10 bins (0 is best)", "ece", None),
)


_ONLY_WITH_INTERVAL = ("auc_ci95_by_group", "auc_ci95_bootstrap")


def number(value: float | None) -> str:
    """Returns a figure between -1 and 1 with the digits worth reading."""
    return UNDEFINED if value is None else f"{value:.4f}"


def interval(bounds: Sequence[float] | None) -> str:
    """Returns a 95% interval, or "" where there is none."""
    return "" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def metric_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the metrics table: `name`, and `value` and `interval` for each split in `present_splits`."""
    splits = present_splits(metrics)
    rows = [
        _counts_row("Slices", "num_examples", metrics, splits),
        _counts_row("Groups", "num_groups", metrics, splits),
    ]
    for name, key, interval_key in _ROWS:
        if interval_key in _ONLY_WITH_INTERVAL and not any(metrics[split].get(interval_key) for split in splits):
            continue
        rows.append({"name": name, "cells": [_cell(metrics[split], key, interval_key) for split in splits]})
    return rows


def series_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table of the main split by slice and by series: `name`, and a cell of each.

    Empty where each slice is a series of its own, so that there is nothing to compare.
    """
    split = main_split(metrics)
    series = certainty.series_figures(metrics[split]) if split else None
    if not series:
        return []
    both = (metrics[split], series)
    counts = {"name": "Number", "cells": [{"value": str(each["num_examples"]), "interval": ""} for each in both]}
    return [counts] + [
        {"name": name, "cells": [_cell(each, key, interval_key) for each in both]}
        for name, key, interval_key in certainty.SERIES_ROWS
        if interval_key not in _ONLY_WITH_INTERVAL or any(each.get(interval_key) for each in both)
    ]


def certainty_sentences(metrics: Metrics) -> list[str]:
    """Returns what the band and the temperature say about the main split; empty where nobody chose them."""
    split = main_split(metrics)
    if split is None:
        return []
    of_temperature = certainty.temperature_sentence(metrics.get("temperature"))
    of_band = certainty.band_sentences(metrics.get("indeterminate_band"), split, metrics[split])
    return [*of_band, *([of_temperature] if of_temperature else [])]


def scaled_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table of what the temperature does on the main split: `name`, `before`, `after`."""
    split = main_split(metrics)
    return [
        {"name": row["name"], "before": number(row["before"]), "after": number(row["after"])}
        for row in (certainty.scaled_rows(metrics[split]) if split else ())
    ]


def _cell(numbers: SplitMetrics, key: str, interval_key: str | None) -> dict:
    bounds = numbers.get(interval_key) if interval_key else None
    return {"value": number(numbers.get(key)), "interval": interval(bounds)}


def present_splits(metrics: Metrics) -> tuple[str, ...]:
    """Returns the names of the splits that were scored."""
    return tuple(split for split in SPLITS if metrics.get(split))


def main_split(metrics: Metrics) -> str | None:
    """Returns the split to be judged by: test where there is one."""
    splits = present_splits(metrics)
    return splits[-1] if splits else None


def tiles(metrics: Metrics) -> list[dict]:
    """Returns the four figures that come first: `name`, `value`, `interval`, of the main split."""
    split = main_split(metrics)
    if split is None:
        return []
    names = (("AUC", "auc"), ("Accuracy", "accuracy"), ("Sensitivity", "sensitivity"), ("Specificity", "specificity"))
    return [
        {
            "name": name,
            "value": "–" if metrics[split][key] is None else f"{metrics[split][key]:.3f}",
            "interval": _tile_interval(metrics[split].get(f"{key}_ci95")),
        }
        for name, key in names
    ]


def _tile_interval(bounds: Sequence[float] | None) -> str:
    return f"95%: {bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "no interval"


def summary(metrics: Metrics) -> list[str]:
    """Returns the result in a few plain sentences."""
    split = main_split(metrics)
    if split is None:
        return ["No slice with a known class was scored, so there is no figure to report."]
    return [_separation(split, metrics[split]), _at_operating_point(split, metrics), *_errors(split, metrics[split])]


def group_rule(manifest: Mapping) -> str:
    """Returns what the records promise of a group and their splits, to stand within a sentence."""
    rule = manifest.get("split_rule", {})
    if rule.get("rule") == "group" and rule.get("allow_leakage") is False:
        return "a group is never in two splits"
    return "nothing kept a group from being in two splits"


def caveats(metrics: Metrics, run: RunDescription) -> list[str]:
    """Returns what limits belief in the numbers: leakage, warnings, then what the numbers show."""
    found = [*run.warnings, *run.manifest.get("warnings", ())]
    if run.manifest.get("patients_known") is False and not any("patient" in text.lower() for text in found):
        found.append(
            "Patient independence unverified: which slices share a patient is not known, so the same patient may be in "
            "training and in evaluation, and the figures may be too good."
        )
    if "test" not in present_splits(metrics):
        found.append("There is no scored test split: no figure here comes from data that had no part in any choice.")
    if metrics["operating_point"].get("reason"):
        found.append(
            f"The threshold could not be chosen on data: {metrics['operating_point']['reason']}. "
            f"It is {metrics['operating_point']['threshold']:g}."
        )
    for split in present_splits(metrics):
        found.extend(_limits_of(split, metrics[split]))
    found.extend(confounder_warnings(metrics))
    # Only now: they speak of patients, too, and would pass for a warning that these are not known.
    return list(dict.fromkeys([*run.leakage, *found]))


def confounder_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table about confounders on the main split: `name`, `value`, `interval`, `higher_in`."""
    split = _checked_split(metrics)
    return [
        {
            "name": row["name"],
            "value": number(row["auc"]),
            "interval": interval(row["bounds"]),
            "higher_in": row["higher_in"] or "",
        }
        for row in (confounding.rows(metrics[split]) if split else ())
    ]


def confounder_sentence(metrics: Metrics) -> str | None:
    """Returns what the check of the main split found; None where there was none or a class is missing."""
    split = _checked_split(metrics)
    return confounding.sentence(split, metrics[split]) if split else None


def confounder_warnings(metrics: Metrics) -> list[str]:
    """Returns why the AUC of the main split may not mean contrast; empty where nothing speaks for that."""
    split = _checked_split(metrics)
    return confounding.warnings(split, metrics[split]) if split else []


def robustness_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table of perturbed slices of the main split: `name`, `setting`, and `cells`."""
    split = main_split(metrics)
    return [
        {
            "name": row["name"],
            "setting": row["setting"],
            "cells": [number(row[key]) for key in ("auc", "accuracy", "sensitivity", "specificity")],
        }
        for row in (robustness.rows(metrics[split]) if split else ())
    ]


def subgroup_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table of parts of the main split: `name`, `value`, `slices`, `groups` and `cells`."""
    split = main_split(metrics)
    keys = (("auc", "auc_ci95"), ("accuracy", "accuracy_ci95"), ("sensitivity", None), ("specificity", None))
    return [
        {
            "name": row["name"],
            "value": row["value"],
            "slices": row["num_examples"],
            "groups": "unknown" if row["num_groups"] is None else row["num_groups"],
            "cells": [_cell(row, *key) for key in keys],
        }
        for row in (metrics[split].get("subgroups") or () if split else ())
    ]


def _checked_split(metrics: Metrics) -> str | None:
    split = main_split(metrics)
    return split if split and confounding.is_checked(metrics[split]) else None


def confusion_panels(metrics: Metrics) -> list[dict]:
    """Returns every confusion matrix with its `title` and `note`, in the order of the slides."""
    point = metrics["operating_point"]["threshold"]
    half, best = metrics.get("validation_at_half"), metrics.get("test_best_threshold")
    panels = []
    if half:
        panels.append(_panel("Validation at 0.5", half, "The slides' threshold."))
    for split in present_splits(metrics):
        panels.append(_panel(f"{split.capitalize()} at {point:.3f}", metrics[split], "The operating point."))
    if best:
        title = f"Test at its best, {best['threshold']:.2f}"
        panels.append(
            _panel(title, best, "Optimistic: the slides' procedure picks the threshold on these very slices.")
        )
        panels[-1]["note"] += optimism(best)
    return panels


def optimism(best: Mapping) -> str:
    """Returns by how much the slides' procedure flatters, as a sentence with a space before it; "" if not known."""
    gain = best.get("optimism")
    return "" if gain is None else f" That is {gain:.4f} more than at the operating point."


def _panel(title: str, numbers: AtThreshold, note: str) -> dict:
    matrix = numbers["confusion_matrix"]
    cells = [
        [{"count": count, "share": count / sum(row) if sum(row) else 0.0} for count in row]
        for row in matrix
    ]  # fmt: skip
    return {"title": title, "note": f"{note} Accuracy {numbers['accuracy']:.4f}.", "rows": cells}


def _counts_row(name: str, key: str, metrics: Metrics, splits: Sequence[str]) -> dict:
    counts = [metrics[split].get(key) for split in splits]
    return {
        "name": name,
        "cells": [{"value": "unknown" if count is None else str(count), "interval": ""} for count in counts],
    }


def _separation(split: str, numbers: SplitMetrics) -> str:
    slices = plural(numbers["num_examples"], "slice")
    groups = f" of {plural(numbers['num_groups'], 'group')}" if numbers["num_groups"] else ""
    if numbers["auc"] is None:
        return f"The {split} split has {slices}{groups} of one class only, so an AUC is undefined."
    bounds = interval(numbers["auc_ci95"])
    certainty = f"95% interval {bounds}" if bounds else "no interval can be estimated"
    return (
        f"On the {split} split ({slices}{groups}, {numbers['prevalence']:.1%} {CLASS_NAMES[1]}) the AUC is "
        f"{numbers['auc']:.4f} ({certainty}); that is how often a slice after contrast scores above one before it."
    )


def _at_operating_point(split: str, metrics: Metrics) -> str:
    point, numbers = metrics["operating_point"], metrics[split]
    chosen = "fixed" if point["criterion"] == "fixed" else f"chosen on {point['chosen_on']} for {point['criterion']}"
    return (
        f"At the operating point {point['threshold']:.4f} ({chosen}) {numbers['accuracy']:.2%} of the answers are "
        f"right; always giving the commoner answer would be right for {numbers['majority_accuracy']:.2%}."
    )


def _errors(split: str, numbers: SplitMetrics) -> list[str]:
    (_, false_positive), (false_negative, _) = numbers["confusion_matrix"]
    if not false_positive + false_negative:
        return [f"No slice of {split} is misclassified."]
    return [
        f"{plural(false_negative, 'slice')} after contrast called {CLASS_NAMES[0]}, "
        f"{plural(false_positive, 'slice')} before contrast called {CLASS_NAMES[1]}."
    ]


def _limits_of(split: str, numbers: SplitMetrics) -> list[str]:
    if numbers["auc"] is None:
        return [f"The {split} split has one class only: AUC and one of sensitivity and specificity are undefined."]
    if numbers["auc_ci95"] is None:
        return [
            f"The AUC on {split} has no interval: either its classes are perfectly separated, where the variance "
            "cannot be estimated from the data, or a class has a single slice. It is not certain for that."
        ]
    return []


def plural(count: int, noun: str) -> str:
    """Returns the count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
