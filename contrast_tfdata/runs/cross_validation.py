"""What `train --folds` is made of and leaves: the runs, and each slice's score by the fold that left it out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from contrast_tfdata.evaluation import read_csv
from contrast_tfdata.evaluation.label_review import write_suspects
from contrast_tfdata.evaluation.predictions import join, write_joined_csv
from contrast_tfdata.runs.several_runs import Member

SUMMARY_FILE = "folds.json"
OUT_OF_FOLD = "out-of-fold"
SUSPECTS_FILE = f"suspected-labels-{OUT_OF_FOLD}.csv"


def members(folds: int) -> list[Member]:
    """Returns the run of each fold."""
    return [Member(f"fold-{number + 1}", {"fold": number + 1}) for number in range(folds)]


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
