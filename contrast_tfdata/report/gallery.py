"""The slices the network got wrong, to be looked at."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.label_review import misclassified
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.report.style import FAINT, INK, new_figure

MAX_CASES = 30
"""How many errors are shown, the most confident ones; more would make the page too heavy to send."""

_COLUMNS = 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One slice whose answer contradicts its label.

    Attributes:
        position: its row in the predictions file, from 0, as the slides print it.
        path: its file.
        slice_index: its place in that file.
        example_id: its key.
        truth: class name of its label.
        probability: of with_gad.
        pixels: (height, width) uint8, or None where the picture is not at hand.
    """

    position: int
    path: str
    slice_index: int
    example_id: str
    truth: str
    probability: float
    pixels: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Gallery:
    """The errors of a split.

    Attributes:
        split: its name.
        cases: the most confident errors, at most `MAX_CASES`.
        num_errors: how many there are in all.
    """

    split: str
    cases: tuple[Case, ...]
    num_errors: int

    @property
    def num_left_out(self) -> int:
        """Errors that are not shown."""
        return self.num_errors - len(self.cases)


def collect(split: str, predictions: Predictions, threshold: float, images: Mapping[str, np.ndarray]) -> Gallery:
    """Returns the errors at `threshold`, the most confident first.

    Args:
        split: name of the split.
        predictions: all its slices.
        threshold: the operating point.
        images: (height, width) uint8 pictures by example_id; missing ones are shown as missing.

    Raises:
        ValueError: a picture of another shape or type.
    """
    errors = misclassified(predictions, threshold)
    cases = tuple(_case(predictions, int(position), images) for position in errors[:MAX_CASES])
    return Gallery(split, cases, len(errors))


def _case(predictions: Predictions, position: int, images: Mapping[str, np.ndarray]) -> Case:
    example_id = predictions.example_id[position]
    pixels = images.get(example_id)
    if pixels is not None and (pixels.ndim != 2 or pixels.dtype != np.uint8):
        raise ValueError(
            f"The picture of {example_id!r} must be (height, width) uint8. "
            f"Received: shape={pixels.shape}, dtype={pixels.dtype}"
        )
    return Case(
        position=position,
        path=predictions.path[position],
        slice_index=int(predictions.slice_index[position]),
        example_id=example_id,
        truth=CLASS_NAMES[predictions.label[position]],
        probability=float(predictions.probability[position]),
        pixels=pixels,
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
