"""Numbers to words: what the report and the model card say about them."""

from collections.abc import Mapping, Sequence

from contrast_tfdata.evaluation.contents import AtThreshold, Metrics, SplitMetrics
from contrast_tfdata.report import certainty, confounding, origin, robustness, threshold, usefulness
from contrast_tfdata.report.description import RunDescription

UNDEFINED = "undefined"
SPLITS = ("validation", "test")

_ROWS = (
    ("AUC, {unit} drawn anew", "auc", "auc_ci95_bootstrap"),
    ("AUC, {unit} left out in turn", "auc", "auc_ci95_by_group"),
    ("AUC, slices taken as independent", "auc", "auc_ci95"),
    ("Average precision", "average_precision", None),
    ("Accuracy", "accuracy", "accuracy_ci95"),
    ("Accuracy of always answering the commoner class", "majority_accuracy", None),
    ("Balanced accuracy", "balanced_accuracy", None),
    ("Sensitivity: share of slices after contrast that are found", "sensitivity", "sensitivity_ci95"),
    ("Specificity: share of slices before contrast that are recognised", "specificity", "specificity_ci95"),
    ("Positive predictive value: right among those called after contrast", "ppv", "ppv_ci95"),
    ("Negative predictive value: right among those called before contrast", "npv", "npv_ci95"),
    ("F1 score", "f1", None),
    ("Matthews correlation (-1 to 1)", "mcc", None),
    ("Brier score (0 is best)", "brier", None),
    ("Log loss, nats (0 is best)", "log_loss", None),
    ("Calibration error, 10 bins (0 is best)", "ece", None),
)


_ONLY_WITH_INTERVAL = ("auc_ci95_by_group", "auc_ci95_bootstrap")


def number(value: float | None) -> str:
    """Returns a figure between -1 and 1 with the digits worth reading."""
    return UNDEFINED if value is None else f"{value:.3f}"


def interval(bounds: Sequence[float] | None) -> str:
    """Returns a 95% interval, or "" where there is none."""
    return "" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def metric_rows(metrics: Metrics, unit: str = "groups") -> list[dict]:
    """Returns the lines of the metrics table: `name`, `aside` (the key), and a cell for each split in `present_splits`.

    A cell of this and the other tables has `value`, and `interval` where its column may have one.

    Args:
        metrics: what `evaluation.summarize` returned.
        unit: what groups of slices are called: `patients` where each is known to be one.
    """
    splits = present_splits(metrics)
    counts = [("Slices", "num_examples"), (unit.capitalize(), "num_groups")]
    return [
        *(_counts_row(name, key, [metrics[split] for split in splits]) for name, key in counts),
        *_figure_rows(_ROWS, [metrics[split] for split in splits], unit),
    ]


def series_rows(metrics: Metrics, unit: str = "groups") -> list[dict]:
    """Returns the lines of the table of the main split by slice and by series, as `metric_rows` does.

    Empty where each slice is a series of its own, so that there is nothing to compare.
    """
    split = main_split(metrics)
    series = certainty.series_figures(metrics[split]) if split else None
    if not series:
        return []
    both = (metrics[split], series)
    return [_counts_row("Number", "num_examples", both), *_figure_rows(certainty.SERIES_ROWS, both, unit)]


def _counts_row(name: str, key: str, columns: Sequence[Mapping]) -> dict:
    counts = [numbers.get(key) for numbers in columns]
    return {
        "name": name,
        "aside": key,
        "cells": [{"value": "unknown" if count is None else str(count), "interval": ""} for count in counts],
    }


def _figure_rows(rows: Sequence[tuple], columns: Sequence[Mapping], unit: str) -> list[dict]:
    return [
        {
            "name": name.format(unit=unit),
            # Lines that show the same figure differ in their interval.
            "aside": interval_key if key == "auc" else key,
            "cells": [_cell(numbers, key, interval_key) for numbers in columns],
        }
        for name, key, interval_key in rows
        if interval_key not in _ONLY_WITH_INTERVAL or any(numbers.get(interval_key) for numbers in columns)
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
    """Returns the lines of the table of what the temperature does on the main split, before and after."""
    split = main_split(metrics)
    return [
        {
            "name": row["name"],
            "aside": row["key"],
            "cells": [{"value": number(row[when])} for when in ("before", "after")],
        }
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


def group_rule(run: RunDescription) -> str:
    """Returns what the records promise of a patient, or a group, and their splits, to stand within a sentence."""
    one = "patient" if run.patients_known else "group"
    if run.keeps_groups_apart:
        return f"a {one} is never in two splits"
    return f"nothing kept a {one} from being in two splits"


def caveats(metrics: Metrics, run: RunDescription) -> list[str]:
    """Returns what limits belief in the numbers: whether they show any use, leakage, warnings, then the rest."""
    found = [*run.warnings, *run.manifest.get("warnings", ())]
    if run.manifest.get("patients_known") is False and not any("patient" in text.lower() for text in found):
        found.append(
            "Patient independence unverified: it is not known which slices share a patient. The same patient may be in "
            "training and in evaluation, and then the figures are too good."
        )
    found.extend(origin.caveats(run))
    found.extend(confounder_warnings(metrics))
    if "test" not in present_splits(metrics):
        found.append("There is no scored test split: no figure here comes from data that had no part in any choice.")
    if of_threshold := threshold.caveat(metrics["operating_point"]):
        found.append(of_threshold)
    for split in present_splits(metrics):
        found.extend(_limits_of(split, metrics[split]))
    # Only now: they speak of patients, too, and would pass for a warning that these are not known.
    first = [*usefulness_warnings(metrics, patients_known=run.patients_known), *run.leakage]
    return list(dict.fromkeys(map(_sentence, [*first, *found])))


def usefulness_warnings(metrics: Metrics, *, patients_known: bool) -> list[str]:
    """Returns why the answers to the main split may be of no use, the worst first."""
    split = main_split(metrics)
    return usefulness.warnings(split, metrics[split], patients_known=patients_known) if split else []


def review_warning(metrics: Metrics, *, patients_known: bool) -> str | None:
    """Returns why the main split's network cannot judge labels, so that no list of them is shown; None where it can."""
    split = main_split(metrics)
    if split is None:
        return None
    bounds = usefulness.interval_that_counts(metrics[split], patients_known=patients_known)
    return certainty.review_warning(split, metrics[split], bounds)


def _sentence(text: str) -> str:
    """Returns a warning, as records have them, with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":", "!", "?")) else ".")


def confounder_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table about confounders on the main split: the AUC, and the class with higher values."""
    split = _checked_split(metrics)
    return [
        {
            "name": row["name"],
            "aside": row["key"],
            "cells": [
                {"value": number(row["auc"]), "interval": interval(row["bounds"])},
                {"value": row["higher_in"] or ""},
            ],
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
    """Returns the lines of the table of perturbed slices of the main split; `aside` is the strength."""
    split = main_split(metrics)
    keys = ("auc", "accuracy", "sensitivity", "specificity")
    return [
        {"name": row["name"], "aside": row["setting"], "cells": [{"value": number(row[key])} for key in keys]}
        for row in (robustness.rows(metrics[split]) if split else ())
    ]


def subgroup_rows(metrics: Metrics) -> list[dict]:
    """Returns the lines of the table of parts of the main split: `kind`, `name`, and cells, two counts first."""
    split = main_split(metrics)
    keys = (("auc", "auc_ci95"), ("accuracy", "accuracy_ci95"), ("sensitivity", None), ("specificity", None))
    return [
        {
            "kind": row["name"],
            "name": row["value"],
            "cells": [
                {"value": row["num_examples"]},
                {"value": "unknown" if row["num_groups"] is None else row["num_groups"]},
                *(_cell(row, *key) for key in keys),
            ],
        }
        for row in (metrics[split].get("subgroups") or () if split else ())
    ]


def _checked_split(metrics: Metrics) -> str | None:
    split = main_split(metrics)
    return split if split and confounding.is_checked(metrics[split]) else None


def confusion_panels(metrics: Metrics) -> list[dict]:
    """Returns every confusion matrix with `title` and `note`, and whether it is at a threshold of the SIIM notebook."""
    point = metrics["operating_point"]["threshold"]
    half, best = metrics.get("validation_at_half"), metrics.get("test_best_threshold")
    panels = []
    if half:
        panels.append(_panel("Validation at 0.5", half, "The SIIM notebook's threshold.", True))
    for split in present_splits(metrics):
        panels.append(_panel(f"{split.capitalize()} at {point:.3f}", metrics[split], "The operating point."))
    if best:
        title = f"Test at its best, {best['threshold']:.2f}"
        panels.append(
            _panel(
                title, best, "Optimistic: as in the SIIM notebook, the threshold was picked on these very slices.", True
            )
        )
        panels[-1]["note"] += optimism(best)
    return panels


def optimism(best: Mapping) -> str:
    """Returns by how much the SIIM notebook's procedure flatters, a sentence after a space; "" if not known."""
    gain = best.get("optimism")
    return "" if gain is None else f" That is {gain:.3f} more than at the operating point."


def _panel(title: str, numbers: AtThreshold, note: str, is_of_notebook: bool = False) -> dict:
    matrix = numbers["confusion_matrix"]
    cells = [
        [{"count": count, "share": count / sum(row) if sum(row) else 0.0} for count in row]
        for row in matrix
    ]  # fmt: skip
    note = f"{note} Accuracy {numbers['accuracy']:.3f}."
    return {"title": title, "note": note, "rows": cells, "is_of_notebook": is_of_notebook}


def _limits_of(split: str, numbers: SplitMetrics) -> list[str]:
    if numbers["auc"] is None:
        return [f"The {split} split has one class only: AUC and one of sensitivity and specificity are undefined."]
    if numbers["auc_ci95"] is None:
        return [
            f"The AUC on {split} has no interval: its classes are perfectly separated, or a class has a single slice. "
            "So nobody knows how much it may vary."
        ]
    return []
