"""The page of several runs of one command: the figures of each, and how much they vary."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.contents import Figures
from contrast_tfdata.report import usefulness
from contrast_tfdata.report.templates import environment
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.version import __version__
from contrast_tfdata.wording import plural

_SPREADS = (("Mean", "mean"), ("Standard deviation", "sd"), ("Smallest", "min"), ("Largest", "max"))
_FIGURES = (("AUC", "auc"), ("Accuracy", "accuracy"))


def write_runs_report(
    output_dir: Path,
    title: str,
    rows: Sequence[Mapping],
    summary: Mapping,
    caveats: Sequence[str] = (),
    *,
    data: str = "",
    pooled: Sequence[str] = (),
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
        data: what was trained and scored on, in a sentence or two.
        pooled: what the left-out patients of all folds show together, a sentence each.

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
            data=data,
            sentences=[*pooled, *_sentences(summary, splits)],
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


def data_sentence(manifest: Mapping) -> str:
    """Returns what records hold, and whether patients are known, in two sentences; `manifest` is manifest.json's."""
    known = manifest["patients_known"]
    counted = [
        f"{name} {plural(split['records'], 'slice')} of {plural(split['groups'], 'patient' if known else 'group')}"
        for name, split in manifest["splits"].items()
    ]
    patients = "Patients are known." if known else "Patients are not known: slices of one may be on both sides."
    return f"The records hold {', '.join(counted)}. {patients}"


def pooled_sentences(numbers: Figures, *, patients_known: bool) -> list[str]:
    """Returns the AUC of all left-out patients together, and what pooling means; none where a class is missing.

    Args:
        numbers: as `evaluation.pooled.pooled_figures` returns them.
        patients_known: whether each group is a patient.
    """
    if numbers["auc"] is None:
        return []
    bounds = usefulness.interval_that_counts(numbers, patients_known=patients_known)
    unit = "patients left out in turn" if patients_known else "slices taken as independent"
    interval = f" (95% interval {bounds[0]:.3f} to {bounds[1]:.3f}, {unit})" if bounds else ""
    return [
        f"Each slice of the training and validation split was scored by the network that left its patient out: the AUC "
        f"of all {numbers['num_examples']} together is {numbers['auc']:.3f}{interval}.",
        "Logits of different networks are pooled there, as if they had one scale; where they have not, this AUC is a "
        "little too low.",
    ]


def _sentences(summary: Mapping, splits: Sequence[str]) -> Iterator[str]:
    found = summary[splits[0]]["auc"] if splits else None
    if found:
        yield f"On {splits[0]} the AUC is " + "{mean:.3f} in the mean, from {min:.3f} to {max:.3f}.".format_map(found)
        yield (
            f"Its standard deviation from run to run is {found['sd']:.3f}: a difference between two recipes that is "
            "not much larger says little, and the best of several runs promises too much."
        )
    point = summary["threshold"]
    yield f"The thresholds that validation chose lie between {point['min']:.3f} and {point['max']:.3f}."


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
    return "undefined" if value is None else f"{value:.3f}"
