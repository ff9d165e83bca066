"""Where in a slice networks find their evidence for contrast agent, and where against it."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.architecture import DENSE_UNITS, FILTERS, feature_size
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.scoring import graph
from contrast_tfdata.scoring.predictor import common_image_size, session

EXPLAINED_BLOCK = 2
"""The block whose features are explained, of six: chosen by what was measured (`benchmarks/explanation.py`)."""
_SLICES_AT_ONCE = 16
_CELLS = "cells"


def evidence_maps(
    networks: Sequence[NetworkWeights], images: np.ndarray, views: Sequence[str] = model_views.PLAIN
) -> np.ndarray:
    """Returns a map of each slice: how much each place raised the logit (above 0) or lowered it (below 0).

    It is the product that HiResCAM takes (R. L. Draelos and L. Carin, arXiv:2011.08891, 2020): each feature times the
    logit's gradient by it, place by place, added over the channels. Theirs is of the last convolution with one dense
    layer behind it, where the map adds up to the logit but for the bias. Here more follows, all of it linear in pieces:
    the map adds up to the logit less what the later biases add on the piece that the slice lies on. Grad-CAM (R. R.
    Selvaraju et al., ICCV 2017) averages the gradient over all places first; behind a dense layer, which weighs every
    place by itself, that loses where the evidence is.

    Args:
        networks: those whose logits are averaged; a map is the mean of theirs.
        images: (N, S, S) uint8; N may be 0.
        views: those over which logits are averaged; a map is the mean of the views' maps, each put back in place.

    Returns:
        (N, S, S) float32, in units of the logit per cell of 2^`EXPLAINED_BLOCK` pixels.
    """
    size = common_image_size(networks)
    total = np.zeros((len(images), size, size), np.float32)
    if not len(images):
        return total
    for network in networks:
        explained = Explainer(network, EXPLAINED_BLOCK)
        for name, view in zip(views, model_views.make(images, views), strict=True):
            (placed,) = model_views.make(on_pixels(explained(view), EXPLAINED_BLOCK, size), [name])  # its own inverse
            total += placed / (len(views) * len(networks))
    return total


class Explainer:
    """The product of a block's features and the logit's gradient by them, as one program.

    The network is linear in pieces, so that its gradient is a network too, with the same kernels run backwards: through
    a dense layer by the transposed kernel, through ReLU where its value is above 0, through max pooling to where the
    maximum stood, and through a convolution by the transposed one.

    Args:
        network: whose logit it is.
        num_blocks: explained are the features after so many blocks, 1 to 6.
    """

    def __init__(self, network: NetworkWeights, num_blocks: int):
        writer = graph.GraphWriter(network.image_size)
        cells = _contributions(writer, network, num_blocks)
        self._session = session(writer.finished({_CELLS: (cells, TensorProto.FLOAT, 3)}))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns (n, h, w) float32, features times gradient added over the channels, of (n, S, S) uint8, n >= 1."""
        starts = range(0, len(images), _SLICES_AT_ONCE)
        batches = [np.ascontiguousarray(images[start : start + _SLICES_AT_ONCE]) for start in starts]
        return np.concatenate([self._session.run([_CELLS], {graph.INPUT: batch})[0] for batch in batches])


def _contributions(writer: graph.GraphWriter, network: NetworkWeights, num_blocks: int) -> str:
    features = graph.visible_pixels(writer, *model_views.PLAIN)
    for block in range(num_blocks):
        features = graph.convolved_and_pooled(writer, network, block, features)
    explained, later = features, []
    for block in range(num_blocks, len(FILTERS)):
        convolved = graph.convolved(writer, network, block, features)
        features, places = writer.node("MaxPool", convolved, outputs=2, kernel_shape=[2, 2], strides=[2, 2])
        later.append((block, writer.node("Shape", convolved), features, places))
    gradient = _gradient_of_dense_layers(writer, network, graph.hidden_units(writer, network, features))
    for block, shape, pooled, places in reversed(later):
        passed = _where_positive(writer, pooled, gradient)
        spread = writer.node("MaxUnpool", passed, places, shape, kernel_shape=[2, 2], strides=[2, 2])
        kernel = writer.constant(graph.kernel_of(network, block))
        gradient = writer.node("ConvTranspose", spread, kernel, kernel_shape=[3, 3])
    return writer.node("ReduceSum", writer.node("Mul", explained, gradient), writer.constant([1]), keepdims=0)


def _gradient_of_dense_layers(writer: graph.GraphWriter, network: NetworkWeights, hidden: str) -> str:
    """Returns the logit's gradient by the last block's features, (N, filters, side, side)."""
    weights = writer.constant(network.arrays[-2].reshape(1, DENSE_UNITS))
    flat = writer.node(
        "MatMul", _where_positive(writer, hidden, weights), writer.constant(graph.dense_kernel_of(network).T)
    )
    side = feature_size(network.image_size)
    return writer.node("Reshape", flat, writer.constant([-1, FILTERS[-1], side, side]))


def _where_positive(writer: graph.GraphWriter, values: str, gradient: str) -> str:
    zero = writer.constant(np.float32(0))
    return writer.node("Where", writer.node("Greater", values, zero), gradient, zero)


def on_pixels(cells: np.ndarray, num_blocks: int, image_size: int) -> np.ndarray:
    """Returns maps of a block's output, (N, h, w), as (N, image_size, image_size) float32, linear between the cells.

    A cell stands at the middle of the 3 * 2^b - 2 pixels that it sees after b blocks; cells are 2^b pixels apart.
    Resizing the map to the picture instead would shift it by up to half of that.
    """
    spacing = 2**num_blocks
    places = (np.arange(image_size) - 3 * (spacing - 1) / 2) / spacing
    count = cells.shape[1]
    spread = np.stack([np.interp(places, np.arange(count), unit) for unit in np.eye(count)], 1).astype(np.float32)
    return spread @ cells.astype(np.float32) @ spread.T
