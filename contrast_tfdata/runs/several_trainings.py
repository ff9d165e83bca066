"""What `train --repeats` and `train --folds` do: several trainings, and one page of them all."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from contrast_tfdata import report
from contrast_tfdata.evaluation import read_csv
from contrast_tfdata.evaluation.label_review import write_suspects
from contrast_tfdata.evaluation.pooled import pooled_figures
from contrast_tfdata.evaluation.predictions import Predictions, join, write_joined_csv
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.report import runs_page, usefulness
from contrast_tfdata.runs import results_folder, several_runs
from contrast_tfdata.runs.request import TrainingRequest
from contrast_tfdata.scoring import lineage

SUMMARY_FILE = "folds.json"
OUT_OF_FOLD = "out-of-fold"
SUSPECTS_FILE = f"suspected-labels-{OUT_OF_FOLD}.csv"


def train(request: TrainingRequest, run: Callable[[], Mapping], console: Console) -> None:
    """Trains once for each seed or fold, and writes how the figures vary.

    Args:
        request: for several trainings.
        run: does one of them, as the flags are at that moment, and returns its metrics.
        console: where to say what is done.
    """
    results_folder.refuse_others(request.workdir, results_folder.OF_SEVERAL)
    if request.folds:
        _cross_validate(request, run, console)
    else:
        _repeat(request, run, console)


def _repeat(request: TrainingRequest, run: Callable[[], Mapping], console: Console) -> None:
    repeats = [
        several_runs.Member(f"repeat-{number + 1}", {"seed": request.training.seed + number, "repeats": 1})
        for number in range(request.repeats)
    ]
    rows = several_runs.run_all(request.workdir, repeats, run, console=console)
    title = f"Repeated training: {len(rows)} networks that differ in their seed"
    _show(request, request.workdir / "repeats.json", title, rows, (), console)


def _cross_validate(request: TrainingRequest, run: Callable[[], Mapping], console: Console) -> None:
    folds = [several_runs.Member(f"fold-{number + 1}", {"fold": number + 1}) for number in range(request.folds)]
    rows = several_runs.run_all(request.workdir, folds, run, console=console)
    parts = out_of_fold(request.workdir, rows)
    console.print(
        f"each slice by the network of the fold that left it out: {write_out_of_fold(request.workdir, parts)}"
    )
    title = f"Cross-validation: {len(rows)} networks, each validated on other patients"
    _show(request, request.workdir / SUMMARY_FILE, title, rows, parts, console)


def out_of_fold(directory: Path, rows: Sequence[Mapping]) -> list[tuple[Predictions, float]]:
    """Returns what each fold's network said about the patients that it was not trained on, and its threshold.

    Args:
        directory: of all folds.
        rows: of each fold its `name` and `threshold`.

    Raises:
        OSError: a file cannot be read.
    """
    return [(read_csv(directory / row["name"] / "predictions-validation.csv"), row["threshold"]) for row in rows]


def write_out_of_fold(directory: Path, parts: Sequence[tuple[Predictions, float]]) -> Path:
    """Writes the validation slices of all folds as one table, and which of their labels to look at again.

    Each slice of the training and validation split stands in it once, with the logit of the network that was not
    trained on its group, and the answer at that network's threshold.

    Args:
        directory: of all folds.
        parts: what `out_of_fold` returned.

    Returns:
        The table's path.

    Raises:
        OSError: a file cannot be written.
    """
    path = directory / f"predictions-{OUT_OF_FOLD}.csv"
    write_joined_csv(path, parts)
    write_suspects(directory / SUSPECTS_FILE, {OUT_OF_FOLD: join([predictions for predictions, _ in parts])})
    return path


def _show(
    request: TrainingRequest,
    path: Path,
    title: str,
    rows: Sequence[Mapping],
    parts: Sequence[tuple[Predictions, float]],
    console: Console,
) -> None:
    """Writes what several runs have in common as JSON and as a page beside it, and prints what they show.

    Args:
        request: what was asked for.
        path: of the JSON file.
        title: of the page.
        rows: as `several_runs.run_all` returned them.
        parts: of a cross-validation what `out_of_fold` returned, else empty.
        console: where to print.
    """
    manifest = manifests.load(request.records_dir)
    summary = several_runs.write_summary(path, rows)
    pooled = pooled_figures(parts) if parts else None
    known = manifest.patients_known
    useless = usefulness.warnings(OUT_OF_FOLD, pooled, patients_known=known) if pooled else []
    for warning in useless:
        console.print(f"warning: {warning}")
    leakage = lineage.leakage_from_start(request.init_weights, request.records_dir, manifest)
    page = report.write_runs_report(
        path.parent,
        title,
        rows,
        summary,
        (*useless, *leakage, *manifest.warnings),
        data=runs_page.data_sentence(json.loads(manifest.to_text())),
        pooled=runs_page.pooled_sentences(pooled, patients_known=known) if pooled else (),
    )
    kind = "cross-validation, " if parts else ""
    console.print(f"{kind}{several_runs.headline(summary, len(rows), page)}")
