"""The slides' architecture as numbers: layer names, filters, and the shapes that follow from an image size.

Free of TensorFlow, so that weight files can be checked without it.
"""

import dataclasses
import math

IMAGE_SIZE = 331
"""Side of the square input image in pixels."""

IMAGE_CHANNELS = 3
"""Input channels of the first kernel; a grey image stands for three equal channels."""

FILTERS = (16, 16, 32, 32, 64, 64)
"""Filters of each block of [3x3 valid convolution, ReLU, 2x2 max pooling]."""

DENSE_UNITS = 64

DROPOUT = 0.2
"""Share of the flattened features that is dropped in training."""


def numbered(name: str, index: int) -> str:
    """Returns the name Keras gives to the `index`-th layer of one type: `conv2d`, `conv2d_1`, ..."""
    return name if index == 0 else f"{name}_{index}"


def feature_size(image_size: int) -> int:
    """Returns the side in pixels of the last feature map of an image of side `image_size`.

    A valid 3x3 convolution takes 2 from the side; 2x2 pooling with stride 2 halves it, dropping an odd last row.

    Raises:
        ValueError: if nothing of the image is left after the last block.
    """
    size = image_size
    for _ in FILTERS:
        size = (size - 2) // 2
    if size < 1:
        raise ValueError(f"`image_size` must be at least {_needed_size(1)} pixels. Received: image_size={image_size}")
    return size


def visible_size(image_size: int) -> int:
    """Returns the side of the top-left square of the image that can reach the output, in pixels.

    Valid convolutions and floor pooling discard the last rows and columns: walking back from the last feature map, each
    pixel needs 2 pixels before pooling, and those 2 more before the convolution. Cropping to this square changes
    neither the output nor any gradient, and makes every pooling window full (331 -> 318).

    Raises:
        ValueError: if the image is too small for the network.
    """
    return _needed_size(feature_size(image_size))


def _needed_size(features: int) -> int:
    size = features
    for _ in FILTERS:
        size = 2 * size + 2
    return size


def weight_shapes(image_size: int = IMAGE_SIZE) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each weight array by name, in the order of `get_weights()`.

    16 arrays, 109,073 numbers for the slides' 331 pixels.
    """
    shapes = {}
    channels = IMAGE_CHANNELS
    for index, filters in enumerate(FILTERS):
        layer = numbered("conv2d", index)
        shapes[f"{layer}/kernel"] = (3, 3, channels, filters)
        shapes[f"{layer}/bias"] = (filters,)
        channels = filters
    flat = feature_size(image_size) ** 2 * channels
    shapes["dense/kernel"] = (flat, DENSE_UNITS)
    shapes["dense/bias"] = (DENSE_UNITS,)
    shapes["dense_1/kernel"] = (DENSE_UNITS, 1)
    shapes["dense_1/bias"] = (1,)
    return shapes


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """A layer as a summary shows it.

    Attributes:
        name: as Keras numbers it.
        kind: class of the layer.
        shape: of what it gives for one image.
        parameters: how many numbers it learns.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = 0

    @property
    def shown_shape(self) -> str:
        """The shape with the number of images, which is open, as in (None, 329, 329, 16)."""
        return f"({', '.join(['None', *map(str, self.shape)])}{',' if not self.shape else ''})"


def layer_table(image_size: int = IMAGE_SIZE) -> list[LayerRow]:
    """Returns the layers of the slides' network, which are its own: the rewrites change none of these shapes.

    Raises:
        ValueError: if the image is too small for the network.
    """
    feature_size(image_size)
    size, rows = image_size, [LayerRow("input", "InputLayer", (image_size, image_size, IMAGE_CHANNELS))]
    counts = _parameters(image_size)
    for index, filters in enumerate(FILTERS):
        name = numbered("conv2d", index)
        rows.append(LayerRow(name, "Conv2D", (size - 2, size - 2, filters), counts[name]))
        size = (size - 2) // 2
        rows.append(LayerRow(numbered("max_pooling2d", index), "MaxPooling2D", (size, size, filters)))
    flat = size * size * FILTERS[-1]
    rows += [LayerRow("flatten", "Flatten", (flat,)), LayerRow("dropout", "Dropout", (flat,))]
    rows.append(LayerRow("dense", "Dense", (DENSE_UNITS,), counts["dense"]))
    return [*rows, LayerRow("dense_1", "Dense", (1,), counts["dense_1"])]


def _parameters(image_size: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, shape in weight_shapes(image_size).items():
        layer = name.partition("/")[0]
        counts[layer] = counts.get(layer, 0) + math.prod(shape)
    return counts
