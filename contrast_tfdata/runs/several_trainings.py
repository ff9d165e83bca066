"""What `train --repeats` and `train --folds` do: several trainings, and one page of them all."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from contrast_tfdata import report
from contrast_tfdata.evaluation import read_csv
from contrast_tfdata.evaluation.label_review import write_suspects
from contrast_tfdata.evaluation.predictions import join, write_joined_csv
from contrast_tfdata.records import manifest as manifests
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
    _show(request, request.workdir / "repeats.json", f"{len(rows)} runs that differ in their seed", rows, console)


def _cross_validate(request: TrainingRequest, run: Callable[[], Mapping], console: Console) -> None:
    folds = [several_runs.Member(f"fold-{number + 1}", {"fold": number + 1}) for number in range(request.folds)]
    rows = several_runs.run_all(request.workdir, folds, run, console=console)
    table = write_out_of_fold(request.workdir, rows)
    console.print(f"each slice by the network of the fold that left it out: {table}")
    path = request.workdir / SUMMARY_FILE
    _show(request, path, f"{len(rows)} runs that validate on other patients", rows, console)


def write_out_of_fold(directory: Path, rows: Sequence[Mapping]) -> Path:
    """Writes the validation slices of all folds as one table, and which of their labels to look at again.

    Each slice of the training and validation split stands in it once, with the logit of the network that was not
    trained on its group, and the answer at that network's threshold.

    Args:
        directory: of all folds.
        rows: of each fold its `name` and `threshold`.

    Returns:
        The table's path.

    Raises:
        OSError: a file cannot be read or written.
    """
    read = [read_csv(directory / row["name"] / "predictions-validation.csv") for row in rows]
    path = directory / f"predictions-{OUT_OF_FOLD}.csv"
    write_joined_csv(path, [(each, row["threshold"]) for each, row in zip(read, rows, strict=True)])
    write_suspects(directory / SUSPECTS_FILE, {OUT_OF_FOLD: join(read)})
    return path


def _show(request: TrainingRequest, path: Path, title: str, rows: Sequence[Mapping], console: Console) -> None:
    """Writes what several runs have in common as JSON and as a page beside it, and prints the one line of it."""
    manifest = manifests.load(request.records_dir)
    leakage = lineage.leakage_from_start(request.init_weights, request.records_dir, manifest)
    summary = several_runs.write_summary(path, rows)
    page = report.write_runs_report(path.parent, title, rows, summary, leakage)
    console.print(several_runs.headline(summary, len(rows), page))
