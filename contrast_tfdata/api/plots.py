"""Figures that a notebook shows by themselves, and that can be saved."""

import html
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.api import batches as labelled
from contrast_tfdata.model.architecture import LayerRow, layer_table
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.report import figures, style

__all__ = ["LayerTable", "Plot", "layers", "learning_curves", "slices"]


def __dir__() -> list[str]:
    return __all__


class Plot:
    """A figure; the last expression of a notebook's cell is shown.

    Attributes:
        figure: Matplotlib's, to be changed before it is shown.
    """

    def __init__(self, figure: Figure):
        self.figure = figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a PNG; raises OSError where it cannot be written."""
        style.write_png(self.figure, Path(path))

    @style.own_settings
    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        Image.fromarray(style.rgba(self.figure)).save(content, "PNG")
        return content.getvalue()


class LayerTable(list[LayerRow]):
    """The layers of a network, a row each, as the SIIM notebook's summary has them.

    Attributes:
        num_trainable: parameters that training changes.
    """

    def __init__(self, rows: Iterable[LayerRow], num_trainable: int):
        super().__init__(rows)
        self.num_trainable = num_trainable

    @property
    def num_parameters(self) -> int:
        """Parameters of all layers."""
        return sum(row.parameters for row in self)

    @property
    def _totals(self) -> dict[str, int]:
        frozen = self.num_parameters - self.num_trainable
        return {"parameters": self.num_parameters, "trainable": self.num_trainable, "not trainable": frozen}

    def __str__(self) -> str:
        lines = [f"{row.name:<18} {row.kind:<14} {row.shown_shape:<22} {row.parameters:>9,}" for row in self]
        return "\n".join([*lines, *(f"{name}: {number:,}" for name, number in self._totals.items())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = ((row.name, row.kind, row.shown_shape, f"{row.parameters:,}") for row in self)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in row)}</tr>" for row in cells)
        head = "<tr><th>layer</th><th>kind</th><th>output shape</th><th>parameters</th></tr>"
        totals = "".join(
            f"<tr><th>{name}</th><td></td><td></td><th>{number:,}</th></tr>" for name, number in self._totals.items()
        )
        return f"<table>{head}{rows}{totals}</table>"


def layers(model: ContrastNet) -> LayerTable:
    """Returns the table of the SIIM notebook's layers: name, kind, output shape, parameters.

    The network computes the same with fewer operations, so `model.summary()` shows six blocks of convolution and
    pooling, with the same parameters. The last row is what `model.probabilities` adds.

    Raises:
        TypeError: for another model.
    """
    if not isinstance(model, ContrastNet):
        raise TypeError(
            "This table is that of ct.ContrastNet; any Keras model has model.summary(). "
            f"Received: {type(model).__name__}"
        )
    rows = [*layer_table(model.image_size), LayerRow("sigmoid", "Activation", (1,))]
    return LayerTable(rows, sum(math.prod(each.shape) for each in model.trainable_weights))


@style.own_settings
def learning_curves(history: tf.keras.callbacks.History | Sequence[Mapping[str, float]]) -> Plot:
    """Draws loss and accuracy over epochs, on training and, where known, validation data.

    Args:
        history: what `fit` returned; or a mapping for each epoch, as history.csv has its rows.
    """
    rows = getattr(history, "history", history)
    if isinstance(rows, Mapping):
        rows = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    return Plot(figures.training_curves([{"epoch": number, **row} for number, row in enumerate(rows, start=1)]))


@style.own_settings
def slices(batches: tf.data.Dataset | Sequence, number: int = 4) -> Plot:
    """Shows slices before and after contrast, as many of each class.

    Args:
        batches: a data set of (images, labels, ...), as those of `Records`; or (images, labels), arrays or one batch.
        number: of each class.

    Raises:
        TypeError: for anything else.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in CLASS_NAMES}
    for batch in labelled.as_batches(batches):
        images, labels, *_ = labelled.parts(batch)
        for image, label in zip(labelled.as_pictures(images), labels.ravel().astype(int), strict=True):
            found[CLASS_NAMES[label]].append(image)
        if min(map(len, found.values())) >= number:
            break
    return Plot(figures.slices({name: images[:number] for name, images in found.items()}))
