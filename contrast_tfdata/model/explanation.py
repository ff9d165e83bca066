"""Where in a slice a network finds its evidence for contrast agent, and where against it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.contrast_net import ContrastNet

EXPLAINED_BLOCK = 2
"""The block whose features are explained, of six: chosen by what was measured (`benchmarks/explanation.py`)."""
_BATCH_SIZE = 16


def evidence_maps(
    model: ContrastNet,
    images: np.ndarray,
    views: Sequence[str] = model_views.PLAIN,
    *,
    num_blocks: int = EXPLAINED_BLOCK,
) -> np.ndarray:
    """Returns a map of each slice: how much each place raised the logit (above 0) or lowered it (below 0).

    It is the product that HiResCAM takes (R. L. Draelos and L. Carin, arXiv:2011.08891, 2020): each feature times the
    logit's gradient by it, place by place, added over the channels. Theirs is of the last convolution with one dense
    layer behind it, where the map adds up to the logit but for the bias. Here more follows, all of it linear in pieces:
    the map adds up to the logit less what the later biases add on the piece that the slice lies on. Grad-CAM (R. R.
    Selvaraju et al., ICCV 2017) averages the gradient over all places first; behind a dense layer, which weighs every
    place by itself, that loses where the evidence is.

    Args:
        model: in float32.
        images: (N, S, S) uint8; N may be 0.
        views: those over which logits are averaged; a map is the mean of the views' maps, each put back in place.
        num_blocks: explained are the features after so many blocks, 1 to 6. A cell of theirs is 2^num_blocks pixels
            wide.

    Returns:
        (N, S, S) float32, in units of the logit per cell.
    """
    starts = range(0, len(images), _BATCH_SIZE)
    maps = [_mean_map(model, images[start : start + _BATCH_SIZE], views, num_blocks) for start in starts]
    return np.concatenate([np.zeros((0, model.image_size, model.image_size), np.float32), *maps])


def _mean_map(model: ContrastNet, images: np.ndarray, views: Sequence[str], num_blocks: int) -> np.ndarray:
    total = np.zeros(images.shape, np.float32)
    for name, view in zip(views, model_views.make(images, views), strict=True):
        cells = contributions(model, view, num_blocks)
        (placed,) = model_views.make(on_pixels(cells, num_blocks, model.image_size), [name])  # its own inverse
        total += placed / len(views)
    return total


def contributions(model: ContrastNet, images: np.ndarray, num_blocks: int) -> np.ndarray:
    """Returns (N, h, w) float32: features times the logit's gradient, added over the channels of a block's output."""
    features, gradient = features_and_gradient(model, images, num_blocks)
    return tf.reduce_sum(features * gradient, axis=-1).numpy()


def features_and_gradient(model: ContrastNet, images: np.ndarray, num_blocks: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the features after some blocks and the logit's gradient by them, each (N, h, w, filters) float32."""
    features = model.features(tf.constant(images), num_blocks)
    with tf.GradientTape() as tape:
        tape.watch(features)
        logits = model.logits_of(features, num_blocks, training=False)
    return features, tape.gradient(logits, features)


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
