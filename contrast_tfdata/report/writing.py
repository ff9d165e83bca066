"""Writes a report: the figures as files, then the page that holds them all."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.report import figures, findings
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.gallery import (
    Gallery,
    Pictures,
    Samples,
    collect,
    collect_samples,
    collect_suspects,
    gallery_figure,
    wanted_pictures,
)
from contrast_tfdata.report.page import Chart, render
from contrast_tfdata.report.series_table import SeriesTable, collect_series
from contrast_tfdata.report.style import own_settings, write_png
from contrast_tfdata.storage.atomic_file import replacing

logger = logging.getLogger(__name__)

FIGURE_FILES = (
    "learning_curves_loss.png",
    "learning_curves_accuracy.png",
    "roc_validation.png",
    "roc_test.png",
    "roc_validation_and_test.png",
    "confusion_validation.png",
    "confusion_test.png",
    "confusion_test_best_threshold.png",
    "threshold_sweep_test.png",
    "reliability.png",
    "risk_coverage.png",
    "score_histograms.png",
    "misclassified.png",
)
"""Every figure there can be. Those that the data does not allow are not written."""

_CHART_TEXTS = {
    "learning_curves_loss.png": "Binary cross-entropy by epoch, on training and validation data.",
    "learning_curves_accuracy.png": "Accuracy by epoch, on training and validation data.",
    "roc_validation_and_test.png": "ROC curves of validation and test, each with a dot at the operating point.",
    "roc_validation.png": "ROC curve of validation; the dot marks the operating point.",
    "roc_test.png": "ROC curve of test; the dot marks the operating point.",
    "threshold_sweep_test.png": (
        "Accuracy on test for the thresholds 0.00 to 0.99. The maximum is optimistic: it is read off the test slices."
    ),
    "reliability.png": (
        "Slices are sorted into ten bins by their probability. How often are those of a bin after contrast? On the "
        "dotted line the probabilities are right. Numbers: slices in the bin. Bars: 95% intervals."
    ),
    "risk_coverage.png": (
        "Share of wrong answers when only the surest slices are answered. Dots: what is answered with the network's "
        "indeterminate band. They lie beside the curve where the band reaches further to one side of the threshold."
    ),
}


_HISTOGRAM_TEXT = (
    "How often each probability was given on {split}, by true class. The dashed line is the threshold. Counts are "
    "logarithmic. The axis is straight in the logit; scores beyond its ends are in the end bins."
)


@own_settings
def write_report(
    output_dir: Path,
    *,
    metrics: Metrics,
    validation: Predictions | None,
    test: Predictions | None,
    history: figures.History,
    images: Mapping[str, np.ndarray],
    run: RunDescription,
    maps: Mapping[str, np.ndarray] | None = None,
    warn: Callable[[str], None] = logger.warning,
) -> Path:
    """Writes figures/*.png (see `FIGURE_FILES`) and report.html into a folder.

    Args:
        output_dir: created where it is missing. Figures of an earlier report that this one has no data for are removed.
        metrics: what `evaluation.summarize` returned for the same predictions.
        validation: predictions of the validation split; None where there is none.
        test: predictions of the test split; None where there is none.
        history: one mapping per epoch (`epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`); empty where
            nothing was trained.
        images: (height, width) uint8 pictures by example_id, of the slices that `pictures_wanted` names.
        run: what else to say about the run.
        maps: (height, width) evidence by example_id, above 0 where something speaks for with_gad, as large as the
            picture; None, or a slice left out: it is shown without.
        warn: told of figures that cannot be written; the page holds them all the same.

    Returns:
        Path of report.html.

    Raises:
        OSError: report.html cannot be written. Files already written stay, each of them complete.
        ValueError: a picture is not (height, width) uint8.
    """
    splits = _scored({"validation": validation, "test": test}, metrics)
    gallery = _gallery(splits, metrics, images, maps)
    samples = _samples(splits, metrics, images, maps, run)
    suspects = collect_suspects(splits, images, maps) if splits else None
    series_table = _series_table(splits, metrics)
    drawn = {
        **_learning_curves(history),
        **_rocs(splits, metrics),
        **_confusions(splits, metrics),
        **_score_figures(splits, metrics),
        **({"misclassified.png": gallery_figure(gallery)} if gallery else {}),
    }
    try:
        _write_figures(output_dir / "figures", drawn)
    except OSError as error:
        warn(f"{output_dir / 'figures'}: cannot be written ({error.strerror}); report.html holds all figures")
    charts = [*_charts(drawn), *_histogram_charts(splits, metrics)]
    page = render(
        metrics=metrics,
        charts=charts,
        gallery=gallery,
        samples=samples,
        suspects=suspects,
        series_table=series_table,
        run=run,
        has_history=bool(history),
    )
    with replacing(output_dir / "report.html") as file:
        file.write(page)
    return output_dir / "report.html"


def _scored(splits: Mapping[str, Predictions | None], metrics: Mapping) -> dict[str, Predictions]:
    """Returns the splits that have figures, as a whole: positions must stay those of the predictions file."""
    present = findings.present_splits(metrics)
    return {name: split for name, split in splits.items() if split is not None and name in present}


def pictures_wanted(
    metrics: Metrics, validation: Predictions | None, test: Predictions | None, *, patients_known: bool
) -> dict[str, set[str]]:
    """Returns by split the example_id of every slice whose picture `write_report` can show.

    Args:
        metrics: as for `write_report`.
        validation: likewise.
        test: likewise.
        patients_known: as the manifest in `run` says it there.
    """
    splits = _scored({"validation": validation, "test": test}, metrics)
    return wanted_pictures(
        splits,
        metrics["operating_point"]["threshold"],
        patients_known=patients_known,
        with_suspects=findings.review_warning(metrics, patients_known=patients_known) is None,
    )


def _gallery(
    splits: Mapping[str, Predictions], metrics: Metrics, images: Pictures, maps: Pictures | None
) -> Gallery | None:
    if not splits:
        return None
    name = findings.main_split(metrics)
    return collect(name, splits[name], metrics["operating_point"]["threshold"], images, maps)


def _samples(
    splits: Mapping[str, Predictions],
    metrics: Metrics,
    images: Pictures,
    maps: Pictures | None,
    run: RunDescription,
) -> Samples | None:
    if not splits:
        return None
    name, point = findings.main_split(metrics), metrics["operating_point"]
    return collect_samples(name, splits[name], point["threshold"], images, maps, patients_known=run.patients_known)


def _series_table(splits: Mapping[str, Predictions], metrics: Mapping) -> SeriesTable | None:
    if not splits:
        return None
    name = findings.main_split(metrics)
    return collect_series(name, splits[name], metrics)


def _learning_curves(history: figures.History) -> dict[str, Figure]:
    if not history:
        return {}
    return {
        "learning_curves_loss.png": figures.learning_curves(history, "loss", "Binary cross-entropy loss"),
        "learning_curves_accuracy.png": figures.learning_curves(history, "accuracy", "Binary classification accuracy"),
    }


def _rocs(splits: Mapping[str, Predictions], metrics: Mapping) -> dict[str, Figure]:
    curves = {name: split.labelled() for name, split in splits.items() if metrics[name]["auc"] is not None}
    drawn = {f"roc_{name}.png": figures.roc({name: split}, metrics) for name, split in curves.items()}
    if len(curves) == 2:
        drawn["roc_validation_and_test.png"] = figures.roc(curves, metrics)
    return drawn


def _confusions(splits: Mapping[str, Predictions], metrics: Mapping) -> dict[str, Figure]:
    point = f"at {metrics['operating_point']['threshold']:.3f} (operating point)"
    drawn = {}
    if "validation" in splits:
        drawn["confusion_validation.png"] = figures.confusion(
            {
                "Validation at 0.5": metrics["validation_at_half"]["confusion_matrix"],
                f"Validation {point}": metrics["validation"]["confusion_matrix"],
            }
        )
    if "test" in splits:
        best = metrics["test_best_threshold"]
        drawn["confusion_test.png"] = figures.confusion({f"Test {point}": metrics["test"]["confusion_matrix"]})
        drawn["confusion_test_best_threshold.png"] = figures.confusion(
            {f"Test at {best['threshold']:.2f}\noptimistic: chosen on test": best["confusion_matrix"]}
        )
    return drawn


def _score_figures(splits: Mapping[str, Predictions], metrics: Mapping) -> dict[str, Figure]:
    labelled = {name: split.labelled() for name, split in splits.items()}
    threshold = metrics["operating_point"]["threshold"]
    drawn = {"score_histograms.png": figures.score_histograms(labelled, threshold)} if labelled else {}
    if "test" in labelled:
        drawn["threshold_sweep_test.png"] = figures.threshold_sweep(labelled["test"], threshold)
    reliabilities = {name: metrics[name] for name in labelled if metrics[name].get("reliability")}
    if reliabilities:
        drawn["reliability.png"] = figures.reliability(reliabilities)
    if labelled and 0 < threshold < 1:
        drawn["risk_coverage.png"] = figures.risk_coverage(labelled, metrics, threshold)
    return drawn


def _charts(drawn: Mapping[str, Figure]) -> list[Chart]:
    """Returns the figures of the page in reading order; of the ROC curves, the one that holds the others."""
    hidden = {"roc_validation.png", "roc_test.png"} if "roc_validation_and_test.png" in drawn else set()
    return [Chart(drawn[name], text) for name, text in _CHART_TEXTS.items() if name in drawn and name not in hidden]


def _histogram_charts(splits: Mapping[str, Predictions], metrics: Mapping) -> list[Chart]:
    """Returns the panels of score_histograms.png one by one, so that a narrow screen can show them below each other."""
    threshold = metrics["operating_point"]["threshold"]
    return [
        Chart(figures.score_histograms({name: split.labelled()}, threshold), _HISTOGRAM_TEXT.format(split=name))
        for name, split in splits.items()
    ]


def _write_figures(folder: Path, drawn: Mapping[str, Figure]):
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURE_FILES:
        if name in drawn:
            write_png(drawn[name], folder / name)
        else:
            (folder / name).unlink(missing_ok=True)  # From an earlier run: it would pass for one of this run.
