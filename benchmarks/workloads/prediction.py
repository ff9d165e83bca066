"""The forward pass alone, images to probabilities or logits: the slides' code and this project."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.serving import serve
from benchmarks.workloads.steps import BATCH
from contrast_tfdata.model import runtime_plan
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.inference import Predictor
from contrast_tfdata.model.reference import reference_network

IMAGES = 4 * BATCH
"""Images of one measurement."""


class Prediction:
    """The variants that this process has built; the pictures lie decoded in memory."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self._grey = rng.integers(0, 256, (IMAGES, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self._variants: dict[str, Callable[[], np.ndarray]] = {}

    def build_slides(self, name: str) -> None:
        """Builds the slides' `Model.predict` on scaled images of three channels, float32."""
        tf.keras.mixed_precision.set_global_policy("float32")
        network = reference_network()
        images = np.repeat(self._grey[..., np.newaxis], 3, axis=-1).astype(np.float32) / 255
        self._variants[name] = lambda: network.predict(images, batch_size=BATCH, verbose=0)

    def build_own(self, name: str, precision: str, jit_compile: str) -> None:
        """Builds this project's predictor; `float32` without XLA is what the commands score with."""
        plan = runtime_plan.plan(precision, jit_compile)
        runtime_plan.apply(plan)
        predictor = Predictor(ContrastNet(pooling=plan.pooling), BATCH, jit_compile=plan.jit_compile)
        self._variants[name] = lambda: predictor(self._grey)

    def images_per_second(self, name: str) -> float:
        """Predicts `IMAGES` images once."""
        started = time.perf_counter()
        self._variants[name]()
        return IMAGES / (time.perf_counter() - started)


if __name__ == "__main__":
    prediction = Prediction()
    serve(prediction.build_slides, prediction.build_own, prediction.images_per_second)
