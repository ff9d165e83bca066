"""Predictions as a person or a program reads them."""

import contextlib
import errno
import json
import os
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Choices, Predictions
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.evaluation.predictions import CSV_COLUMNS, UNKNOWN_LABEL
from contrast_tfdata.scoring.inputs import Scores
from contrast_tfdata.scoring.verdicts import HEADERS, INDETERMINATE, SeriesVerdict
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.csv_text import csv_line, guard_formula

MAX_SHOWN = 40
"""Series that are shown; a file holds all of them."""
_SERIES_COLUMNS = ("series", "slices", "probability", "prediction", "verdict", "header", "header_claim", "reason")


def show(console: Console, scores: Scores, choices: Choices) -> None:
    """Prints a verdict per series and, where folders are called like classes, how well they are met."""
    verdicts = scores.verdicts(choices)
    table = Table(Column("series", overflow="fold"), "slices", "probability", "verdict", "header")
    for verdict in verdicts[:MAX_SHOWN]:
        numbers = str(verdict.num_slices), f"{verdict.probability:.4f}"
        table.add_row(_printable(verdict.name), *numbers, verdict.verdict, verdict.header)
    if verdicts:
        console.print(table)
    if len(verdicts) > MAX_SHOWN:
        console.print(f"... and {len(verdicts) - MAX_SHOWN} more series")
    if scores.copies:
        console.print(f"{scores.copies} exact copies of DICOM files left out")
    _show_counts(console, scores, choices, verdicts)
    labelled = scores.predictions.labelled()
    if len(labelled):
        found = auc_components(labelled.label, labelled.logit)
        auc = "undefined (one class)" if found is None else f"{found.auc:.4f}"
        accuracy = (labelled.prediction(choices.operating_point.threshold) == labelled.label).mean()
        console.print(
            f"against the names of their folders: AUC {auc}, accuracy {accuracy:.4f} over {len(labelled)} slices"
        )


def _show_counts(console: Console, scores: Scores, choices: Choices, verdicts: list[SeriesVerdict]) -> None:
    found = Counter(verdict.verdict for verdict in verdicts)
    unanswered = f", {found[INDETERMINATE]} {INDETERMINATE}" if found[INDETERMINATE] else ""
    console.print(
        f"{len(scores.predictions)} slices in {len(verdicts)} series: {found[CLASS_NAMES[1]]} {CLASS_NAMES[1]}, "
        f"{found[CLASS_NAMES[0]]} {CLASS_NAMES[0]}{unanswered} at the threshold {choices.operating_point.threshold:.3f}"
    )
    headers = Counter(verdict.header for verdict in verdicts)
    shown = [name for name in HEADERS if headers[name] or name != "unanswered"]
    console.print(f"headers: {', '.join(f'{headers[name]} {name}' for name in shown)}")


def check_writable(path: Path) -> None:
    """Tries whether `write` may put its files there, so that hours of scoring are not lost; leaves all as it was.

    Raises:
        OSError: it may not; the error names the file.
    """
    for place in _places(path):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        with contextlib.suppress(_NothingWrittenError), replacing(place):
            raise _NothingWrittenError  # What stands there stays.


class _NothingWrittenError(Exception):
    """Ends a block that was to try whether a file can be written."""


def _places(path: Path) -> list[Path]:
    return [path, path.with_suffix(".series.csv")] if path.suffix.lower() == ".csv" else [path]


def write(path: Path, scores: Scores, choices: Choices) -> None:
    """Writes one row a slice (.csv or .jsonl), and beside a .csv the verdicts as <name>.series.csv.

    In .jsonl, verdicts are lines too: `kind` tells `slice` from `series`.

    Raises:
        OSError: the file cannot be written; an older one then stays.
    """
    if path.suffix.lower() == ".csv":
        slices, series = _places(path)
        scores.predictions.write_csv(slices, choices.operating_point.threshold)
        _write_series_csv(series, scores, choices)
        return
    with replacing(path) as file:
        for row in _slice_rows(scores.predictions, choices.operating_point.threshold):
            file.write(json.dumps({"kind": "slice", **row}) + "\n")
        for row in _series_rows(scores, choices):
            file.write(json.dumps({"kind": "series", **row}) + "\n")


def _write_series_csv(path: Path, scores: Scores, choices: Choices) -> None:
    with replacing(path) as file:
        file.write(csv_line(_SERIES_COLUMNS))
        for row in _series_rows(scores, choices):
            file.write(csv_line([guard_formula(row["series"]), *(str(row[key]) for key in list(row)[1:])]))


def _series_rows(scores: Scores, choices: Choices) -> list[dict]:
    return [
        {
            "series": verdict.name,
            "slices": verdict.num_slices,
            "probability": verdict.probability,
            "prediction": verdict.prediction,
            "verdict": verdict.verdict,
            "header": verdict.header,
            "header_claim": verdict.claim.code,
            "reason": verdict.reason,
        }
        for verdict in scores.verdicts(choices)
    ]


def _slice_rows(predictions: Predictions, threshold: float):
    names = CSV_COLUMNS[:6]
    probabilities, answers = predictions.probability.tolist(), predictions.prediction(threshold).tolist()
    columns = (getattr(predictions, name) for name in names)
    for *values, probability, answer in zip(*columns, probabilities, answers, strict=True):
        row = dict(zip(names, (getattr(value, "item", lambda value=value: value)() for value in values), strict=True))
        row["label"] = None if row["label"] == UNKNOWN_LABEL else row["label"]
        yield {**row, "probability": probability, "prediction": answer}


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
