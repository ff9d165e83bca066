"""What the slices of each series say together, one line a series."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Choices, Predictions
from contrast_tfdata.evaluation.predictions import logit
from contrast_tfdata.evaluation.series import members_of_series, per_series

MAX_SERIES = 100
"""How many series are shown, those furthest on the wrong side of the threshold first."""


@dataclasses.dataclass(frozen=True)
class SeriesLine:
    """One series whose class is known.

    Attributes:
        name: its file, or the first of its files.
        num_files: how many files it has.
        truth: class name of its label.
        num_slices: how many slices it has.
        probability: of with_gad, at the mean logit of its slices.
        prediction: class name at the operating point.
        is_indeterminate: whether its probability lies in the indeterminate band.
    """

    name: str
    num_files: int
    truth: str
    num_slices: int
    probability: float
    prediction: str
    is_indeterminate: bool

    @property
    def is_wrong(self) -> bool:
        """Whether prediction and label differ, answered or not."""
        return self.prediction != self.truth

    @property
    def is_right(self) -> bool:
        """Whether it is answered, and rightly."""
        return not self.is_wrong and not self.is_indeterminate

    @property
    def answer(self) -> str:
        """What is said of it, in words: right, wrong, or indeterminate."""
        outcome = "wrong" if self.is_wrong else "right"
        return f"indeterminate ({outcome} if answered)" if self.is_indeterminate else outcome


@dataclasses.dataclass(frozen=True)
class SeriesTable:
    """The series of a split.

    Attributes:
        split: its name.
        lines: the first `MAX_SERIES` of them, the worst first.
        num_series: how many there are in all.
        num_right: how many of them have a right answer.
    """

    split: str
    lines: tuple[SeriesLine, ...]
    num_series: int
    num_right: int

    @property
    def to_look_at(self) -> tuple[SeriesLine, ...]:
        """Those of the lines whose answer is wrong, or not given."""
        return tuple(line for line in self.lines if not line.is_right)

    @property
    def right(self) -> tuple[SeriesLine, ...]:
        """Those of the lines whose answer is right."""
        return tuple(line for line in self.lines if line.is_right)

    @property
    def num_left_out(self) -> int:
        """Series that are not shown."""
        return self.num_series - len(self.lines)


def collect_series(split: str, predictions: Predictions, metrics: Mapping) -> SeriesTable | None:
    """Returns the table of a split; None where each of its slices is a series of its own.

    Args:
        split: its name.
        predictions: all its slices; those of unknown class are left out.
        metrics: what `evaluation.summarize` returned: the threshold and the band come from it.
    """
    slices, choices = predictions.labelled(), Choices.from_dict(metrics)
    series, members = per_series(slices), members_of_series(slices)
    if len(series) == len(slices):
        return None
    predicted = series.prediction(choices.operating_point.threshold)
    unsure = choices.band.is_indeterminate(series.probability) if choices.band else np.zeros(len(series), bool)
    # How far a logit lies beyond the threshold, on the side that is not its label's. Thresholds of 0 and 1 would be
    # infinitely far from all, so that all would be equally wrong.
    cut = logit(np.clip(choices.operating_point.threshold, 1e-12, 1 - 1e-12))
    wrongness = np.where(series.label == 1, -1, 1) * (series.logit - cut)
    shown = np.argsort(-wrongness, kind="stable")[:MAX_SERIES]
    num_right = np.count_nonzero((predicted == series.label) & ~unsure)
    lines = (
        SeriesLine(
            name=slices.path[members[number][0]],
            num_files=len({slices.path[position] for position in members[number]}),
            truth=CLASS_NAMES[series.label[number]],
            num_slices=len(members[number]),
            probability=float(series.probability[number]),
            prediction=CLASS_NAMES[predicted[number]],
            is_indeterminate=bool(unsure[number]),
        )
        for number in shown
    )
    return SeriesTable(split, tuple(lines), len(series), num_right)
