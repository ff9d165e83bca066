"""What training and evaluation leave in a folder, so that nothing of somebody else is replaced there."""

from pathlib import Path

from contrast_tfdata.evaluation.label_review import SUSPECTS_FILE
from contrast_tfdata.scoring.networks import SUMMARIES
from contrast_tfdata.storage.bounded_file import read_json
from contrast_tfdata.storage.ownership import refuse_others_results
from contrast_tfdata.training.starting_over import is_of_a_run

OF_EVALUATION = frozenset(
    {"flags.txt", "environment.json", "metrics.json", "figures", "report.html", "MODEL_CARD.md", SUSPECTS_FILE}
    | {f"predictions-{split}.csv" for split in ("validation", "test")}
)
OF_TRAINING = OF_EVALUATION | {"checkpoints", "logs", "history.csv", "model"}
OF_SEVERAL = frozenset({*SUMMARIES, "report.html", "predictions-out-of-fold.csv", "suspected-labels-out-of-fold.csv"})
"""Names of files and folders that `evaluate`, `train`, and `train` with --folds or --repeats write."""


def refuse_others(folder: Path, names: frozenset[str]) -> None:
    """Raises UsageError where some of these names are taken in a folder by what this program did not write."""
    refuse_others_results(folder, names, lambda place: is_of_a_run(place) or _is_of_several(place))


def _is_of_several(folder: Path) -> bool:
    for name in SUMMARIES:
        try:
            read_json(folder / name)["runs"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return True
    return False
