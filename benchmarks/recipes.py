"""Time to accuracy: the slides' recipe against `flags/fast.flags`, by the commands, on data of the slides' size.

Single epochs of single runs swing by several points, on 152 slices. So each recipe runs with several seeds and is
judged by the mean of its curves: it is there at the first epoch whose mean reaches the accuracy.
"""

import csv
import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.children import seconds_of

FLAGFILES = {"slides": "flags/siim.flags", "fast": "flags/fast.flags"}
_PHANTOM = (
    "--phantom_slices=4",
    "--phantom_kind=easy",
    "--validation_fraction=0.2",
    "--test_fraction=0",
)
FIRST_SEED = 1020
"""Of weights, dropout and order: the slides'. Further runs take those that follow."""
_PACKAGE = "contrast_tfdata"
_SETTLED = 3


@dataclasses.dataclass(frozen=True)
class Curve:
    """Validation accuracy of one run, or the mean of several.

    Attributes:
        accuracy: after each epoch.
        steps_per_epoch: steps of an epoch.
        seconds: of the whole command, its start, scoring and report included.
    """

    accuracy: Sequence[float]
    steps_per_epoch: int
    seconds: float

    @property
    def settled(self) -> float:
        """The accuracy at which it ends: the median of the last three epochs."""
        return statistics.median(self.accuracy[-_SETTLED:])

    def steps_to(self, accuracy: float) -> int | None:
        """Returns the steps after which an epoch's accuracy first reached a value; None where it never did."""
        for number, reached in enumerate(self.accuracy, start=1):
            if reached >= accuracy:
                return number * self.steps_per_epoch
        return None


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Returns the mean of runs of one recipe, epoch by epoch."""
    accuracy = [statistics.mean(epoch) for epoch in zip(*(each.accuracy for each in curves), strict=True)]
    return Curve(accuracy, curves[0].steps_per_epoch, statistics.mean(each.seconds for each in curves))


def make_records(folder: Path, patients: int) -> None:
    """Writes the phantom's records: eight slices a patient."""
    seconds_of(f"{_PACKAGE}.make_records", *_PHANTOM, f"--phantom_patients={patients}", f"--output_dir={folder}")


def train(
    records: Path, workdir: Path, flagfile: str, steps_per_epoch: int, *, batch: int, seed: int, epochs: int | None
) -> Curve:
    """Trains by a recipe in a process of its own; `batch`, `seed` and, if given, `epochs` replace the flagfile's."""
    options = [f"--flagfile={flagfile}", f"--records_dir={records}", f"--workdir={workdir}"]
    options += [f"--batch_size={batch}", f"--seed={seed}", *([f"--epochs={epochs}"] if epochs else [])]
    seconds = seconds_of(f"{_PACKAGE}.train", *options)
    with (workdir / "history.csv").open(newline="") as stream:
        accuracy = [float(row["val_accuracy"]) for row in csv.DictReader(stream)]
    return Curve(accuracy, steps_per_epoch, seconds)


def compare(slides: Sequence[Curve], fast: Sequence[Curve]) -> dict:
    """Returns the section: both curves, the accuracy to reach, and the fraction of steps (None where not reached).

    Args:
        slides: runs of the slides' recipe, one a seed.
        fast: runs of the fast one.
    """
    mean = mean_curve(slides)
    accuracy = mean.settled
    theirs, own = mean.steps_to(accuracy), mean_curve(fast).steps_to(accuracy)
    curves = {"slides": (slides, theirs), "fast": (fast, own)}
    return {
        "accuracy": accuracy,
        "step_fraction": own / theirs if own and theirs else None,
        "recipes": {name: _row(runs, reached) for name, (runs, reached) in curves.items()},
    }


def _row(runs: Sequence[Curve], reached: int | None) -> dict:
    curve = mean_curve(runs)
    steps = len(curve.accuracy) * curve.steps_per_epoch
    share = reached / steps if reached else None
    return {
        "accuracy": list(curve.accuracy),
        "runs": [list(each.accuracy) for each in runs],
        "steps": steps,
        "seconds": curve.seconds,
        "steps_to_accuracy": reached,
        "seconds_to_accuracy": share and share * curve.seconds,
    }
