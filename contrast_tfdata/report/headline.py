"""The result in words, and the interval that counts: what a reader sees first."""

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.evaluation.contents import Interval, SplitMetrics
from contrast_tfdata.report import threshold
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.words import CLASS_WORDS
from contrast_tfdata.wording import plural

_BEFORE, _AFTER = (CLASS_WORDS[name] for name in CLASS_NAMES)


def trusted_interval(numbers: SplitMetrics, run: RunDescription) -> Interval | None:
    """Returns the AUC's 95 % interval that counts patients; None where there is none, or patients are not known.

    Slices of one patient are alike. An interval that takes them as independent is too narrow. Of the two that take
    whole patients, this one holds the truth as often as it should in all designs of benchmarks/COVERAGE.md.
    """
    return numbers.get("auc_ci95_by_group") if run.patients_known else None


def tiles(metrics: Metrics, split: str | None, run: RunDescription) -> list[dict]:
    """Returns the figures that come first: `name`, `key`, `value` and `note`.

    Args:
        metrics: what `evaluation.summarize` returned.
        split: the one to be judged by; None where nothing was scored.
        run: the run.
    """
    if split is None:
        return []
    numbers = metrics[split]
    (right_before, wrong_before), (wrong_after, right_after) = numbers["confusion_matrix"]
    before, after = right_before + wrong_before, wrong_after + right_after
    bounds = trusted_interval(numbers, run)
    interval = f"95% interval {bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "no interval to trust"
    return [
        _tile("AUC", "auc", numbers, interval),
        _tile(
            "Right answers", "accuracy", numbers, f"{right_before + right_after} of {plural(before + after, 'slice')}"
        ),
        _tile(f"{_AFTER.capitalize()}: found", "sensitivity", numbers, f"{right_after} of {plural(after, 'slice')}"),
        _tile(
            f"{_BEFORE.capitalize()}: recognised",
            "specificity",
            numbers,
            f"{right_before} of {plural(before, 'slice')}",
        ),
        *_indeterminate_tile(metrics, numbers),
    ]


def _has_band(metrics: Metrics, numbers: SplitMetrics) -> bool:
    """Whether there are probabilities for which a split was not to be answered."""
    band = metrics.get("indeterminate_band")
    return bool(band and numbers.get("abstention") and band["low"] != band["high"])


def _indeterminate_tile(metrics: Metrics, numbers: SplitMetrics) -> list[dict]:
    if not _has_band(metrics, numbers):
        return []
    figures = numbers["abstention"]
    note = f"of {plural(numbers['num_examples'], 'slice')}: no answer should be given"
    value = str(figures["num_indeterminate"])
    return [{"name": "Indeterminate", "key": "num_indeterminate", "value": value, "note": note}]


def _tile(name: str, key: str, numbers: SplitMetrics, note: str) -> dict:
    value = numbers[key]
    return {"name": name, "key": key, "value": "–" if value is None else f"{value:.3f}", "note": note}


def summary(metrics: Metrics, split: str | None, run: RunDescription) -> list[str]:
    """Returns the result in two or three paragraphs of short sentences; arguments as for `tiles`."""
    if split is None:
        return ["No slice with a known class was scored, so there is no figure to report."]
    numbers = metrics[split]
    return [
        " ".join(_separation(split, numbers, run)),
        " ".join([*_answers(split, metrics), *_errors(split, numbers)]),
        *_indeterminate(metrics, split),
    ]


def _separation(split: str, numbers: SplitMetrics, run: RunDescription) -> list[str]:
    if numbers["auc"] is None:
        slices = plural(numbers["num_examples"], "slice")
        return [f"The {split} split has {slices} of one class only, so an AUC is undefined."]
    return [
        f"The AUC on {split} is {numbers['auc']:.3f}.",
        f"That is how often a slice {_AFTER} gets a higher score than one {_BEFORE}: 0.5 is guessing, 1 is perfect.",
        *_sureness(numbers, run),
    ]


def _sureness(numbers: SplitMetrics, run: RunDescription) -> list[str]:
    if not (run.patients_known and numbers["num_groups"]):
        return [
            "No interval can be trusted here, because it is not known which slices are of the same patient.",
            "Slices of one patient are alike, so that many slices may tell as little as a few patients do.",
        ]
    bounds, patients = trusted_interval(numbers, run), plural(numbers["num_groups"], "patient")
    if bounds is None:
        separated = numbers["auc"] in (0, 1)
        reason = "the classes are perfectly separated" if separated else "a class has fewer than two patients"
        return [f"No interval can be computed from the {patients}: {reason}."]
    return [
        f"The true value probably lies between {bounds[0]:.3f} and {bounds[1]:.3f} (95% interval).",
        f"This interval counts the {patients}, not the slices: they were left out in turn.",
    ]


def _answers(split: str, metrics: Metrics) -> list[str]:
    point, numbers = metrics["operating_point"], metrics[split]
    return [
        f"At the threshold {point['threshold']:.3f} ({threshold.chosen(point)}), {numbers['accuracy']:.1%} of the "
        "answers are right.",
        f"Always giving the commoner answer would be right for {numbers['majority_accuracy']:.1%}.",
    ]


def _indeterminate(metrics: Metrics, split: str) -> list[str]:
    """Returns how many slices the network should not answer, and what becomes of the others; empty without a band."""
    if not _has_band(metrics, metrics[split]):
        return []
    band, figures = metrics["indeterminate_band"], metrics[split]["abstention"]
    answered, left = figures["num_answered"], figures["num_indeterminate"]
    counted = f"{left} of {plural(answered + left, 'slice')} {'is' if left == 1 else 'are'} indeterminate"
    why = f"their probability lies between {band['low']:.3f} and {band['high']:.3f}, where the network is unsure"
    if not answered:
        return [f"{counted}: {why}. No slice is answered."]
    wrong = round(figures["error_rate"] * answered)
    return [f"{counted}: {why}. Of the {answered} answered, {wrong} {'is' if wrong == 1 else 'are'} wrong."]


def _errors(split: str, numbers: SplitMetrics) -> list[str]:
    rows = numbers["confusion_matrix"]
    wrong = (rows[0][1], rows[1][0])
    if not any(wrong):
        return [f"No slice of {split} is misclassified."]
    return [
        f"Of {plural(sum(row), 'slice')} {own}, {count} {'is' if count == 1 else 'are'} called {other}."
        for row, count, own, other in zip(rows, wrong, (_BEFORE, _AFTER), (_AFTER, _BEFORE), strict=True)
        if sum(row)
    ]
