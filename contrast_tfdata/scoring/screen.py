"""What a prediction says on the screen: what became of all files, the verdicts, and what deserves a look first."""

import os
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Choices
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.scoring.file_scores import Scores
from contrast_tfdata.scoring.tables import VERDICTS, Tables
from contrast_tfdata.scoring.verdicts import HEADERS, INDETERMINATE
from contrast_tfdata.wording import plural

MAX_SHOWN = 12
"""Series that are shown, those that deserve a look first; a file holds all of them."""


def show(console: Console, scores: Scores, tables: Tables, said: Sequence[str]) -> None:
    """Prints counts that add up, verdicts and, where folders are called like classes, how well they are met.

    Args:
        console: where to.
        scores: what was predicted.
        tables: the same as tables.
        said: what `counts` returns of them.
    """
    reasons = Counter(each.code for each in scores.skipped)
    of_files, *others = said
    console.print(of_files)
    for reason, count in sorted(reasons.items(), key=lambda each: (each[1], each[0])):
        console.print(f"  {count} {reason}: {OUT_OF_SCOPE.get(reason, 'links, devices and the like')}")
    _show_series(console, tables.series)
    for line in others:
        console.print(line)


def counts(scores: Scores, tables: Tables, choices: Choices, num_files: int) -> list[str]:
    """Returns what became of files, series and studies, a line each.

    Args:
        scores: what was predicted.
        tables: the same as tables.
        choices: where answers change.
        num_files: how many files were found.
    """
    lines = [_files(scores, num_files), *_verdicts(scores, tables, choices)]
    labelled = scores.predictions.labelled()
    if len(labelled):
        found = auc_components(labelled.label, labelled.logit)
        auc = "undefined (one class)" if found is None else f"{found.auc:.4f}"
        accuracy = (labelled.prediction(choices.operating_point.threshold) == labelled.label).mean()
        over = f"over {plural(len(labelled), 'slice')}, indeterminate ones too"
        lines.append(
            f"labels from folders named {' and '.join(CLASS_NAMES)}: AUC {auc}, accuracy {accuracy:.4f} {over}"
        )
    return lines


def _files(scores: Scores, num_files: int) -> str:
    parts = {
        "outside the slice range": scores.outside,
        "out of scope": len(scores.skipped),
        "copies": scores.copies,
        "damaged": len(scores.rejected),
    }
    used = num_files - sum(parts.values())
    said = [f"{used} scored", *(f"{count} {name}" for name, count in parts.items() if count)]
    return f"{plural(num_files, 'file')}: {', '.join(said)}"


def _show_series(console: Console, rows: Sequence[dict]) -> None:
    if not rows:
        return

    def place(number: int) -> tuple[bool, bool]:
        return not _deserves_a_look(rows[number]), rows[number]["probability"] is None

    shown = [rows[number] for number in sorted(range(len(rows)), key=place)[:MAX_SHOWN]]
    folder = _common_folder([row["series"] for row in shown])
    if folder:
        console.print(f"series in {_printable(folder)}, those to look at first:")
    # A column in which nothing is said takes room from names.
    more = [
        name for name, nothing in (("header", "silent"), ("reason", "")) if {row[name] for row in shown} != {nothing}
    ]
    table = Table(Column("series", overflow="fold"), "slices", "probability", "verdict", *more)
    for row in shown:
        probability = "" if row["probability"] is None else f"{row['probability']:.4f}"
        verdict = f"{row['verdict']}{' (check)' if row['check'] else ''}"
        name = row["series"].removeprefix(folder)
        table.add_row(_printable(name), str(row["slices"]), probability, verdict, *(row[name] for name in more))
    console.print(table)
    if len(rows) > MAX_SHOWN:
        console.print(f"... and {len(rows) - MAX_SHOWN} more series")


def _common_folder(names: Sequence[str]) -> str:
    """Returns the folders that all names begin with, which need not take a screen's width in every line."""
    common = os.path.commonprefix(names)
    return common[: common.rfind(os.sep) + 1]


def _deserves_a_look(row: dict) -> bool:
    return row["header"] == "conflict" or row["verdict"] == INDETERMINATE or row["check"] == "yes"


def _verdicts(scores: Scores, tables: Tables, choices: Choices) -> list[str]:
    found = Counter(row["verdict"] for row in tables.series)
    said = [f"{found[name]} {name}" for name in reversed(VERDICTS[:2])]
    said += [f"{found[name]} {name}" for name in VERDICTS[2:] if found[name]]
    headers = Counter(row["header"] for row in tables.series)
    shown = [name for name in HEADERS if headers[name] or name != "unanswered"]
    band = choices.band
    of_band = f"; indeterminate from {band.low:.3f} to {band.high:.3f}" if band and band.low < band.high else ""
    slices = f" ({plural(len(scores.predictions), 'slice')})" if len(scores.predictions) else ""
    lines = [
        f"{len(tables.series)} series{slices}: {', '.join(said)}",
        f"threshold: {choices.operating_point.threshold:.3f}{of_band}",
        f"headers: {', '.join(f'{headers[name]} {name}' for name in shown)}",
    ]
    if tables.studies:
        both = sum(row["both_phases"] == "yes" for row in tables.studies)
        conflicts = sum(row["conflicts"] > 0 for row in tables.studies)
        number = len(tables.studies)
        lines.append(
            f"{number} {'study' if number == 1 else 'studies'}: {both} with both phases, {conflicts} with conflicts"
        )
    return lines


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
