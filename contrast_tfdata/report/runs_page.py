"""The page of several runs of one command: the figures of each, and how much they vary."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.report.templates import environment
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.version import __version__

_SPREADS = (("Mean", "mean"), ("Standard deviation", "sd"), ("Smallest", "min"), ("Largest", "max"))
_FIGURES = (("AUC", "auc"), ("Accuracy", "accuracy"))


def write_runs_report(
    output_dir: Path, title: str, rows: Sequence[Mapping], summary: Mapping, caveats: Sequence[str] = ()
) -> Path:
    """Writes report.html, which names every run, links its own report, and says how the figures vary.

    Args:
        output_dir: folder of all runs; each has its own below.
        title: of the page.
        rows: of each run its `name`, which is its folder's, its `flags`, `threshold`, and by split `auc` (None where it
            has none) and `accuracy`.
        summary: in the same places, of the splits that all runs have, `mean`, `sd`, `min` and `max`; None where a run
            has no such figure.
        caveats: what a reader must know before believing a number, one sentence or two each.

    Returns:
        Path of report.html.

    Raises:
        OSError: it cannot be written.
    """
    splits = [name for name in ("test", "validation") if name in summary]
    columns = {
        **{f"{figure} on {split}": (split, key) for split in splits for figure, key in _FIGURES},
        "Threshold": ("threshold",),
    }
    page = (
        environment(autoescape=True)
        .get_template("runs.html.j2")
        .render(
            title=title,
            class_names=CLASS_NAMES,
            sentences=list(_sentences(summary, splits)),
            caveats=caveats,
            columns=list(columns),
            rows=[_row(row, columns.values()) for row in rows],
            spreads=[
                {"name": name, "cells": [_number((_at(summary, place) or {}).get(key)) for place in columns.values()]}
                for name, key in _SPREADS
            ],
            version=__version__,
        )
    )
    path = output_dir / "report.html"
    with replacing(path) as file:
        file.write(page)
    return path


def _sentences(summary: Mapping, splits: Sequence[str]) -> Iterator[str]:
    found = summary[splits[0]]["auc"] if splits else None
    if found:
        yield f"On {splits[0]} the AUC is " + "{mean:.4f} in the mean, from {min:.4f} to {max:.4f}.".format_map(found)
        yield (
            f"Its standard deviation from run to run is {found['sd']:.4f}: a difference between two recipes that is "
            "not much larger says little, and the best of several runs promises too much."
        )
    point = summary["threshold"]
    yield f"The thresholds that validation chose lie between {point['min']:.4f} and {point['max']:.4f}."


def _row(row: Mapping, places: Sequence[tuple[str, ...]]) -> dict:
    return {
        "name": row["name"],
        "link": f"{quote(row['name'])}/report.html",
        "differs": ", ".join(f"{name}={value}" for name, value in row["flags"].items()),
        "cells": [_number(_at(row, place)) for place in places],
    }


def _at(values: Mapping, place: tuple[str, ...]):
    return functools.reduce(lambda inner, name: inner[name], place, values)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
