"""Whole epochs of `Model.fit`, input included: the slides' code and this project, each in a process of its own."""

import time
from pathlib import Path

import tensorflow as tf

from benchmarks.serving import serve
from benchmarks.workloads import steps
from contrast_tfdata.model.architecture import IMAGE_SIZE


class _EpochClock(tf.keras.callbacks.Callback):
    """Notes the seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stops the clock."""
        self.seconds.append(time.perf_counter() - self._started)


def slides(pictures: str, epochs: int, batch: int) -> dict:
    """Fits the slides' network on their generator."""
    network, batches = steps.compiled_slides_network(), steps.slides_generator(Path(pictures), batch)
    # Building the program is not part of an epoch: it is done once, before the clock runs.
    network.fit(tf.zeros((batch, IMAGE_SIZE, IMAGE_SIZE, 3)), tf.zeros((batch, 1)), verbose=0)
    return _fit(network, batches, len(batches), epochs)


def own(records: str, epochs: int, batch: int) -> dict:
    """Fits this project's network on its records, by the plan that the command `train` makes."""
    plan = steps.plan_for("auto", "auto", imitate_avx2=False)
    network = steps.compiled_own_network(plan)
    images = tf.zeros((batch, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)
    labels, weights = tf.zeros((batch, 1)), tf.zeros(batch)
    network.fit(tf.data.Dataset.from_tensors((images, labels, weights)), verbose=0)
    batches = steps.own_batches(Path(records), plan, batch, epochs)
    return _fit(network, batches, len(batches) // epochs, epochs)


def _fit(network: tf.keras.Model, batches, count: int, epochs: int) -> dict:
    clock = _EpochClock()
    network.fit(batches, epochs=epochs, steps_per_epoch=count, callbacks=[clock], verbose=0)
    return {"steps": count, "seconds": clock.seconds}


if __name__ == "__main__":
    serve(slides, own)
