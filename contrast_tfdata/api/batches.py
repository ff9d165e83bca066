"""Labelled slices as users give them: data sets, or arrays."""

import numpy as np
import tensorflow as tf

from contrast_tfdata.api.data import Records

_BATCH_SIZE = 64


def as_batches(given):
    """Returns what gives (images, labels) or (images, labels, weights), batch by batch.

    Args:
        given: a data set, as those of `Records`; or (images, labels[, weights]) as arrays or tensors, one batch or all.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(given, Records):
        raise TypeError(f"Name the split, as in records.test(). Received: {given!r}")
    if isinstance(given, tuple | list) and len(given) in (2, 3) and all(np.ndim(each) for each in given):
        return tf.data.Dataset.from_tensor_slices(tuple(given)).batch(_BATCH_SIZE)
    if not hasattr(given, "__iter__") or isinstance(given, np.ndarray | tf.Tensor | str | dict):
        raise TypeError(
            f"Give a data set of (images, labels), as records.test(), or (images, labels). Received: {_shown(given)}"
        )
    return given


def parts(batch) -> list[np.ndarray]:
    """Returns images, labels and, where there are any, weights of a batch; raises TypeError for anything else."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise TypeError(f"Batches must be (images, labels) or (images, labels, weights). Received: {_shown(batch)}")
    return [np.asarray(each) for each in batch]


def as_pictures(images: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them as (N, S, S) uint8, to be looked at."""
    grey = images.mean(axis=3) if images.ndim == 4 else images
    if np.issubdtype(images.dtype, np.floating):
        grey = grey * 255
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)


def _shown(given) -> str:
    shape = getattr(given, "shape", None)
    return type(given).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")
