"""Slices to be looked at: samples, right and wrong answers of the network, and labels that may be wrong."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.label_review import misclassified, ranked_suspects, suspected_labels
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.report.colours import FAINT, INK
from contrast_tfdata.report.style import new_figure

MAX_CASES = 15
"""How many errors are shown, the most confident ones; more would make the page too heavy to send."""

MAX_SUSPECTS = 20
"""How many suspected labels are shown, the least believed ones; all are in their file."""

_SAMPLES = 2
"""Patients of whom a slice before and one after contrast are shown; or slices of each class."""
_COLUMNS = 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One slice that is shown.

    Attributes:
        split: name of its split.
        position: its row in the predictions file, from 0, as the slides print it.
        path: its file.
        slice_index: its place in that file.
        example_id: its key.
        truth: class name of its label.
        probability: of with_gad.
        pixels: (height, width) uint8, or None where the picture is not at hand.
        evidence: (height, width) floating, above 0 where something speaks for with_gad; None where there is no map.
    """

    split: str
    position: int
    path: str
    slice_index: int
    example_id: str
    truth: str
    probability: float
    pixels: np.ndarray | None
    evidence: np.ndarray | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Split and row: what tells it from the other cases of a page."""
        return self.split, self.position

    @property
    def other_class(self) -> str:
        """Name of the class that its label does not name: what it was called, where the answer is wrong."""
        return CLASS_NAMES[1 - CLASS_NAMES.index(self.truth)]

    @property
    def label_probability(self) -> float:
        """Probability of the class that its label names."""
        return self.probability if self.truth == CLASS_NAMES[1] else 1 - self.probability


@dataclasses.dataclass(frozen=True)
class Gallery:
    """The errors of a split.

    Attributes:
        split: its name.
        cases: the most confident errors.
        num_errors: how many there are in all.
    """

    split: str
    cases: tuple[Case, ...]
    num_errors: int

    @property
    def num_left_out(self) -> int:
        """Errors that are not shown."""
        return self.num_errors - len(self.cases)


@dataclasses.dataclass(frozen=True)
class Samples:
    """Slices that show what the network sees, and what it makes of some of them.

    Attributes:
        cases: of both classes, whatever the answers to them are.
        are_pairs: whether they are pairs: a slice before contrast, then one after it of the same patient.
        right: for each class the surest, the middle and the least sure right answer.
    """

    cases: tuple[Case, ...]
    are_pairs: bool
    right: tuple[Case, ...]


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Labels that may be wrong.

    Attributes:
        cases: the least believed ones of all splits, at most `MAX_SUSPECTS`.
        num_suspects: how many there are in all.
        num_slices: labelled slices that were looked through.
    """

    cases: tuple[Case, ...]
    num_suspects: int
    num_slices: int


Pictures = Mapping[str, np.ndarray]


def collect(
    split: str,
    predictions: Predictions,
    threshold: float,
    images: Pictures,
    maps: Pictures | None = None,
    *,
    most: int = MAX_CASES,
) -> Gallery:
    """Returns the errors at `threshold`, the most confident first.

    Args:
        split: name of the split.
        predictions: all its slices.
        threshold: the operating point.
        images: (height, width) uint8 pictures by example_id; missing ones are shown as missing.
        maps: (height, width) evidence by example_id, above 0 for with_gad; missing ones are not shown.
        most: how many of them.

    Raises:
        ValueError: a picture of another shape or type.
    """
    errors = misclassified(predictions, threshold)
    cases = tuple(_case(split, predictions, int(position), images, maps or {}) for position in errors[:most])
    return Gallery(split, cases, len(errors))


def collect_samples(
    split: str,
    predictions: Predictions,
    threshold: float,
    images: Pictures,
    maps: Pictures | None = None,
    *,
    patients_known: bool,
) -> Samples:
    """Returns slices of both classes, and right answers at `threshold`.

    Args:
        split: name of the split.
        predictions: all its slices.
        threshold: the operating point.
        images: as for `collect`.
        maps: as for `collect`; samples are shown without.
        patients_known: whether each group is a patient, so that pairs of the same patient can be shown.

    Raises:
        ValueError: a picture of another shape or type.
    """
    positions, are_pairs = _sample_positions(predictions, patients_known)
    right = _right_positions(predictions, threshold)
    return Samples(
        tuple(_case(split, predictions, position, images, {}) for position in positions),
        are_pairs,
        tuple(_case(split, predictions, position, images, maps or {}) for position in right),
    )


def _sample_positions(predictions: Predictions, patients_known: bool) -> tuple[list[int], bool]:
    pairs = _pairs(predictions) if patients_known else []
    if pairs:
        return [position for pair in _spread(pairs) for position in pair], True
    by_class = (np.flatnonzero(predictions.label == label).tolist() for label in (0, 1))
    return [position for positions in by_class for position in _spread(positions)], False


def _pairs(predictions: Predictions) -> list[tuple[int, int]]:
    """Returns of each patient with slices of both classes the middle one before contrast, and its like after it."""
    of_patient = defaultdict(lambda: ([], []))
    for position, (group, label) in enumerate(zip(predictions.group, predictions.label, strict=True)):
        if label in (0, 1):
            of_patient[group][label].append(position)
    place, found = predictions.slice_index, []
    for before, after in of_patient.values():
        if before and after:
            middle = before[len(before) // 2]
            found.append((middle, min(after, key=lambda position: abs(place[position] - place[middle]))))
    return found


def _spread(entries: Sequence) -> list:
    """Returns `_SAMPLES` of the entries, evenly spaced; all where there are fewer."""
    count = min(_SAMPLES, len(entries))
    return [entries[number * len(entries) // count] for number in range(count)]


def _right_positions(predictions: Predictions, threshold: float) -> list[int]:
    surest_first = suspected_labels(predictions)[::-1]
    right = surest_first[predictions.prediction(threshold)[surest_first] == predictions.label[surest_first]]
    chosen = []
    for label in (0, 1):
        own = right[predictions.label[right] == label].tolist()
        chosen += dict.fromkeys([own[0], own[len(own) // 2], own[-1]]) if own else []
    return chosen


def collect_suspects(splits: Mapping[str, Predictions], images: Pictures, maps: Pictures | None = None) -> Suspects:
    """Returns the labels to look at again, the least believed first, of splits that were not trained on.

    Args:
        splits: predictions by name of the split.
        images: as for `collect`.
        maps: as for `collect`.

    Raises:
        ValueError: a picture of another shape or type.
    """
    ranked = ranked_suspects(splits)
    cases = (_case(name, splits[name], position, images, maps or {}) for name, position in ranked[:MAX_SUSPECTS])
    return Suspects(tuple(cases), len(ranked), sum(len(split.labelled()) for split in splits.values()))


def wanted_pictures(
    splits: Mapping[str, Predictions], threshold: float, *, patients_known: bool, with_suspects: bool
) -> dict[str, set[str]]:
    """Returns by split the example_id of every slice that a report shows, those with suspected labels or not."""
    wanted = {name: set() for name in splits}
    for name, predictions in list(splits.items())[-1:]:
        samples, _ = _sample_positions(predictions, patients_known)
        errors = misclassified(predictions, threshold)[:MAX_CASES]
        shown = [*samples, *_right_positions(predictions, threshold), *errors]
        wanted[name] |= {predictions.example_id[each] for each in shown}
    for name, position in ranked_suspects(splits)[:MAX_SUSPECTS] if with_suspects else ():
        wanted[name].add(splits[name].example_id[position])
    return wanted


def _case(split: str, predictions: Predictions, position: int, images: Pictures, maps: Pictures) -> Case:
    example_id = predictions.example_id[position]
    pixels = images.get(example_id)
    if pixels is not None and (pixels.ndim != 2 or pixels.dtype != np.uint8):
        raise ValueError(
            f"The picture of {example_id!r} must be (height, width) uint8. "
            f"Received: shape={pixels.shape}, dtype={pixels.dtype}"
        )
    return Case(
        split=split,
        position=position,
        path=predictions.path[position],
        slice_index=int(predictions.slice_index[position]),
        example_id=example_id,
        truth=CLASS_NAMES[predictions.label[position]],
        probability=float(predictions.probability[position]),
        pixels=pixels,
        evidence=maps.get(example_id),
    )


def gallery_figure(gallery: Gallery) -> Figure:
    """Draws the cases in a grid, each under its row, truth and score; without names, which may be in any script."""
    rows = max(1, math.ceil(len(gallery.cases) / _COLUMNS))
    figure = new_figure(2.3 * _COLUMNS, 2.75 * rows + 0.5)
    figure.suptitle(_heading(gallery), fontsize=13, color=INK)
    for number, case in enumerate(gallery.cases, 1):
        axes = figure.add_subplot(rows, _COLUMNS, number)
        axes.set_title(f"#{case.position}  truth {case.truth}\nscore {case.probability:.4f}", fontsize=9.5, color=INK)
        axes.set_axis_off()
        if case.pixels is None:
            axes.text(0.5, 0.5, "picture not at hand", ha="center", va="center", fontsize=9, color=FAINT)
        else:
            axes.imshow(case.pixels, cmap="gray", vmin=0, vmax=255)
    return figure


def _heading(gallery: Gallery) -> str:
    if not gallery.num_errors:
        return f"No slice of {gallery.split} is misclassified"
    shown = f"; the {len(gallery.cases)} most confident" if gallery.num_left_out else ""
    return f"Misclassified {gallery.split} slices: {gallery.num_errors}{shown}"
