"""Figures that a notebook shows by themselves, and that can be saved."""

import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.model.architecture import LayerRow, layer_table
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.report import figures, style


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
    """The layers of a network, a row each, as Keras's `summary` has them."""

    @property
    def num_parameters(self) -> int:
        """Parameters of all layers."""
        return sum(row.parameters for row in self)

    def __str__(self) -> str:
        lines = [f"{row.name:<18} {row.kind:<14} {row.shown_shape:<22} {row.parameters:>9,}" for row in self]
        return "\n".join([*lines, f"parameters: {self.num_parameters:,}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = ((row.name, row.kind, row.shown_shape, f"{row.parameters:,}") for row in self)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in row)}</tr>" for row in cells)
        head = "<tr><th>layer</th><th>kind</th><th>output shape</th><th>parameters</th></tr>"
        return f"<table>{head}{rows}<tr><th>all</th><td></td><td></td><th>{self.num_parameters:,}</th></tr></table>"


def layers(model: ContrastNet) -> LayerTable:
    """Returns the table of the network's layers: name, kind, output shape, parameters."""
    return LayerTable(layer_table(model.image_size))


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
def slices(batches: tf.data.Dataset, number: int = 4) -> Plot:
    """Shows slices before and after contrast, as many of each class.

    Args:
        batches: of (images, labels, ...), as those of `Records`.
        number: of each class.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in CLASS_NAMES}
    for images, labels, *_ in batches:
        for image, label in zip(images.numpy(), labels.numpy().ravel().astype(int), strict=True):
            found[CLASS_NAMES[label]].append(image)
        if min(map(len, found.values())) >= number:
            break
    return Plot(figures.slices({name: images[:number] for name, images in found.items()}))
