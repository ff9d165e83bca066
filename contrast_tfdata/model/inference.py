"""Images to logits with one compiled program: batches of one size, the last one padded."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.ensemble import mean_logits


class Predictor:
    """A network's compiled forward pass at a fixed batch size.

    Args:
        model: a `ContrastNet`.
        batch_size: images per run; a last, smaller batch is padded with zeros up to it.
        jit_compile: whether XLA compiles the pass.
        views: pictures of each slice whose logits are averaged, within the one compiled pass (see `views`).

    Raises:
        ValueError: if the batch size is not positive, or a view is not known.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        batch_size: int = 64,
        *,
        jit_compile: bool = False,
        views: Sequence[str] = model_views.PLAIN,
    ):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
        self._batch_size = batch_size
        self._views = model_views.checked(views)
        self._forward = tf.function(
            lambda batches: mean_logits([(model, batch) for batch in batches]), jit_compile=jit_compile
        )

    def __call__(self, images: np.ndarray | tf.Tensor) -> np.ndarray:
        """Returns the logits, (N,) float32, of images as `ContrastNet` takes them; N may be 0."""
        images = np.asarray(images)
        starts = range(0, len(images), self._batch_size)
        logits = [self._batch(images[start : start + self._batch_size]) for start in starts]
        return np.concatenate([np.zeros(0, np.float32), *logits])

    def _batch(self, images: np.ndarray) -> np.ndarray:
        padded = [tf.constant(self._padded(view)) for view in model_views.make(images, self._views)]
        return self._forward(padded).numpy()[: len(images), 0]

    def _padded(self, images: np.ndarray) -> np.ndarray:
        missing = self._batch_size - len(images)
        return np.pad(images, [(0, missing)] + [(0, 0)] * (images.ndim - 1)) if missing else images
