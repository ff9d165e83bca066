"""The forward pass alone, images to probabilities or logits: the slides' code and this project."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.serving import serve
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.scoring.predictor import Predictor

BATCHES = 4
"""Of one measurement."""


class Prediction:
    """The variants that this process has built; the pictures lie decoded in memory."""

    def __init__(self):
        self._variants: dict[str, Callable[[], np.ndarray]] = {}

    def build_slides(self, name: str, batch: int) -> None:
        """Builds the slides' `Model.predict` on scaled images of three channels, float32."""
        tf.keras.mixed_precision.set_global_policy("float32")
        network = reference_network()
        images = np.repeat(_grey(batch)[..., np.newaxis], 3, axis=-1).astype(np.float32) / 255
        self._variants[name] = lambda: network.predict(images, batch_size=batch, verbose=0)

    def build_own(self, name: str, batch: int) -> None:
        """Builds what the commands score with."""
        predictor = Predictor([weights_of(ContrastNet())])
        images = _grey(batch)
        self._variants[name] = lambda: predictor(images)

    def images_per_second(self, name: str) -> float:
        """Predicts all images once."""
        started = time.perf_counter()
        images = len(self._variants[name]())
        return images / (time.perf_counter() - started)


def _grey(batch: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCHES * batch, IMAGE_SIZE, IMAGE_SIZE), np.uint8)


if __name__ == "__main__":
    prediction = Prediction()
    serve(prediction.build_slides, prediction.build_own, prediction.images_per_second)
