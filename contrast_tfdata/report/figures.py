"""The charts: one function each, data in, figure out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.abstention import risk_coverage as selective_risk
from contrast_tfdata.evaluation.auc import roc_curve
from contrast_tfdata.evaluation.operating_point import slides_sweep
from contrast_tfdata.evaluation.predictions import Predictions, logit, sigmoid
from contrast_tfdata.report.colours import BLUE, FAINT, INK, VERMILLION
from contrast_tfdata.report.style import dress, legend, new_figure

History = Sequence[Mapping[str, object]]
"""One mapping per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy; a value may be missing or None."""

_SPLIT_COLORS = {"validation": VERMILLION, "test": BLUE}
_SPLIT_LINES = {"validation": "--", "test": "-"}
_DOT = {
    "marker": "o", "markeredgecolor": "white", "markersize": 9, "linestyle": "none", "clip_on": False, "zorder": 5,
}  # fmt: skip
_LOGIT_LIMIT = 7.5
_PROBABILITY_TICKS = np.array([0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])


def learning_curves(history: History, quantity: str, title: str) -> Figure:
    """Draws `loss` or `accuracy` over epochs, on training and (where known) validation data.

    Args:
        history: at least one epoch.
        quantity: `loss` or `accuracy`.
        title: heading.
    """
    figure = new_figure()
    _learning_panel(figure.add_subplot(), history, quantity, title)
    legend(figure, columns=2)
    return figure


def training_curves(history: History) -> Figure:
    """Draws loss and accuracy over epochs, beside each other; see `learning_curves`."""
    figure = new_figure(10.4, 4.0)
    _learning_panel(figure.add_subplot(1, 2, 1), history, "loss", "Binary cross-entropy loss")
    _learning_panel(figure.add_subplot(1, 2, 2), history, "accuracy", "Binary classification accuracy")
    legend(figure, columns=2)
    return figure


def _learning_panel(axes: Axes, history: History, quantity: str, title: str):
    for key, name, color, line in (
        (quantity, "Training", BLUE, "-"),
        (f"val_{quantity}", "Validation", VERMILLION, "--"),
    ):
        points = [(float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), line, color=color, marker="o", markersize=3.5, label=name)
    dress(axes, title=title, x_label="Epoch", y_label=quantity.capitalize())
    axes.xaxis.get_major_locator().set_params(integer=True)


def slices(images: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Shows slices, (height, width) uint8, in a row for each class name."""
    columns = max(1, *map(len, images.values()))
    figure = new_figure(2.3 * columns, 2.5 * len(images))
    for row, (name, pixels) in enumerate(images.items()):
        for column, each in enumerate(pixels):
            axes = figure.add_subplot(len(images), columns, row * columns + column + 1)
            axes.imshow(each, cmap="gray", vmin=0, vmax=255)
            axes.set_title(name, fontsize=9.5, color=INK)
            axes.set_axis_off()
    return figure


def roc(splits: Mapping[str, Predictions], metrics: Mapping[str, Mapping]) -> Figure:
    """Draws the ROC curves of one or two splits, with the operating point marked and named on each.

    Args:
        splits: labelled predictions by split name (`validation`, `test`), each with both classes.
        metrics: what `metrics_at` says of each of them.
    """
    figure = new_figure(5.2, 4.6 + 0.45 * len(splits))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], ":", color=FAINT, linewidth=1, label="Guessing")
    for name, split in splits.items():
        numbers, color = metrics[name], _SPLIT_COLORS[name]
        label = f"{name.capitalize()}: AUC {numbers['auc']:.3f} (n = {len(split)})"
        axes.plot(*roc_curve(split.label, split.logit), _SPLIT_LINES[name], color=color, linewidth=2, label=label)
        point = 1 - numbers["specificity"], numbers["sensitivity"]
        axes.plot(*point, **_DOT, color=color, label=f"{name.capitalize()}: operating point")
    dress(axes, title="ROC curve", x_label="False positive rate", y_label="True positive rate")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    legend(figure)
    return figure


def confusion(panels: Mapping[str, Sequence[Sequence[int]]]) -> Figure:
    """Draws confusion matrices [[tn, fp], [fn, tp]] side by side, each under its title."""
    figure = new_figure(4.0 * len(panels), 4.0)
    for number, (title, matrix) in enumerate(panels.items(), 1):
        _confusion_panel(figure.add_subplot(1, len(panels), number), title, np.asarray(matrix))
    return figure


def _confusion_panel(axes: Axes, title: str, counts: np.ndarray):
    # Shares of the true class, because the commoner class would otherwise take all the colour.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row - 0.05, str(count), ha="center", va="center", fontsize=20, color=color)
        axes.text(column, row + 0.22, f"{shares[row, column]:.1%}", ha="center", va="center", fontsize=9.5, color=color)
    dress(axes, title=title, x_label="Predicted", y_label="True")
    axes.set_xticks([0, 1], CLASS_NAMES)
    axes.set_yticks([0, 1], CLASS_NAMES, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def threshold_sweep(test: Predictions, threshold: float, split: str = "test") -> Figure:
    """Draws a split's accuracy over the slides' thresholds, its maximum, and the operating point at `threshold`."""
    thresholds, accuracies, best = slides_sweep(test.label, test.probability)
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    axes.plot(thresholds, accuracies, color=BLUE, linewidth=2)
    majority = max(np.mean(test.label), 1 - np.mean(test.label))
    axes.axhline(majority, color=FAINT, linestyle=":", label=f"Always the commoner class: {majority:.3f}")
    here = float(np.mean(test.prediction(threshold) == test.label))
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    axes.plot(threshold, here, "o", color=INK, label=f"Operating point {threshold:.3f}: {here:.3f}")
    label = f"Maximum at {best:.2f}: {accuracies.max():.3f} (optimistic)"
    axes.plot(best, accuracies.max(), "+", color=VERMILLION, markersize=15, markeredgewidth=2.5, label=label)
    dress(axes, title=f"Accuracy on {split} by threshold", x_label="Threshold", y_label="Accuracy")
    axes.set_xlim(-0.01, 1.01)
    legend(figure)
    return figure


def score_histograms(splits: Mapping[str, Predictions], threshold: float) -> Figure:
    """Draws how often each probability was given to each class, one panel per split, the threshold as a line.

    The axis is straight in the logit, so that 0.99 and 0.999 stay apart; scores beyond its ends are in the end bins.
    Counts are logarithmic, so that a single slice on the wrong side can be seen.
    """
    figure = new_figure(5.2, 1.2 + 2.5 * len(splits))
    for number, (name, split) in enumerate(splits.items(), 1):
        axes = figure.add_subplot(len(splits), 1, number)
        _histogram_panel(axes, split)
        axes.axvline(_clipped_logit(threshold), color=INK, linestyle="--", linewidth=1.2, label="Threshold")
        counted = ", ".join(f"{np.sum(split.label == label)} {each}" for label, each in enumerate(CLASS_NAMES))
        dress(axes, title=f"Scores on {name}: {counted}", x_label="Probability of with_gad", y_label="Slices")
    legend(figure, columns=3)
    return figure


def reliability(metrics: Mapping[str, Mapping]) -> Figure:
    """Draws how often slices of a probability are with_gad, with 95 % intervals, from `reliability` of each split.

    Each point has the number of its slices beside it, and no line joins them: it would zigzag through bins of few.
    """
    figure = new_figure(5.2, 5.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], ":", color=FAINT, linewidth=1, label="As it should be")
    for name, numbers in metrics.items():
        points = numbers["reliability"]
        shares = [point["share_with_gad"] for point in points]
        ends = np.array([point["share_with_gad_ci95"] for point in points]).T
        axes.errorbar(
            [point["mean_probability"] for point in points],
            shares,
            np.abs(ends - shares),
            fmt="o",
            color=_SPLIT_COLORS[name],
            markersize=4.5,
            capsize=2.5,
            linewidth=1.4,
            label=f"{name.capitalize()}: calibration error {numbers['ece']:.3f}",
        )
        for point in points:
            place = point["mean_probability"], point["share_with_gad"]
            axes.annotate(
                point["count"], place, (5, 5), textcoords="offset points", fontsize=8, color=_SPLIT_COLORS[name]
            )
    dress(axes, title="Reliability", x_label="Mean probability of with_gad", y_label="Share of with_gad")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    legend(figure)
    return figure


def risk_coverage(splits: Mapping[str, Predictions], metrics: Mapping[str, Mapping], threshold: float) -> Figure:
    """Draws the share of wrong answers when only the surest slices are answered, the indeterminate band as a dot.

    Args:
        splits: labelled predictions by split name, none empty.
        metrics: what `evaluation.summarize` says of each of them.
        threshold: of the operating point, in (0, 1).
    """
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    for name, split in splits.items():
        color, band = _SPLIT_COLORS[name], metrics[name].get("abstention")
        curve = selective_risk(split.label, split.probability, threshold)
        axes.plot(*curve, _SPLIT_LINES[name], color=color, linewidth=2, label=name.capitalize())
        if band and band["num_answered"]:
            shares = f"{band['coverage']:.0%} answered, {band['error_rate']:.0%} of them wrong"
            axes.plot(band["coverage"], band["error_rate"], **_DOT, color=color, label=f"{name.capitalize()}: {shares}")
    dress(axes, title="Errors among the surest answers", x_label="Share of slices answered", y_label="Share wrong")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(bottom=0)
    legend(figure)
    return figure


def _histogram_panel(axes: Axes, split: Predictions):
    edges = np.linspace(-_LOGIT_LIMIT, _LOGIT_LIMIT, 31)
    looks = ({"color": BLUE, "alpha": 0.55}, {"edgecolor": VERMILLION, "facecolor": "none", "hatch": "////"})
    highest = 1.0
    for label, (name, look) in enumerate(zip(CLASS_NAMES, looks, strict=True)):
        logits = np.clip(split.logit[split.label == label], edges[0], edges[-1])
        counts, *_ = axes.hist(logits, edges, histtype="stepfilled", linewidth=1.4, label=name, **look)
        highest = max(highest, counts.max())
    axes.set_yscale("log")
    axes.set_ylim(0.7, 1.5 * highest)
    ticks = logit(_PROBABILITY_TICKS)
    axes.set_xticks(ticks, [f"{sigmoid(tick):g}" for tick in ticks])


def _clipped_logit(probability: float) -> float:
    ends = sigmoid(np.array([-_LOGIT_LIMIT, _LOGIT_LIMIT]))
    return float(logit(np.clip(probability, *ends)))
