"""Input pipelines alone: epochs of batches that nobody trains on."""

import time
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from benchmarks.serving import serve
from benchmarks.workloads import steps
from benchmarks.workloads.steps import slides_generator
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import manifest as manifests


def own(records: str, cache: str, cache_dir: str, epochs: int, batch: int) -> dict:
    """Reads epochs of this project's batches, shuffled anew each; the first one is cold."""
    found = manifests.load(Path(records))
    options = PipelineOptions(batch_size=batch, cache=cache, cache_dir=Path(cache_dir))
    batches = create_train_dataset(
        records_dir=Path(records), manifest=found, options=options, first_epoch=0, epochs=epochs
    )
    return _epochs(batches, found.splits["train"].records, epochs, batch)


def cold_and_warm(records: str, batch: int) -> dict:
    """Trains the first two epochs as `train` does: the iterator is made, then the program is built, then steps follow.

    Records were just written, so that the system holds them: reading from a cold disk is not part of it.

    Returns:
        `build`, seconds to trace and compile with both batch sizes; and by epoch the seconds that each step waited for
        its batch, `input`, and trained, `train`.
    """
    plan = steps.plan_for("auto", "auto", imitate_avx2=False)
    network = steps.compiled_own_network(plan)
    count = -(-manifests.load(Path(records)).splits["train"].records // batch)
    batches = iter(steps.own_batches(Path(records), plan, batch, epochs=2))
    started = time.perf_counter()
    for size in (batch, batch - 1):
        images = tf.zeros((size, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)
        network.train_on_batch(images, tf.zeros((size, 1)), tf.ones(size))
    build = time.perf_counter() - started
    waited, trained = ([[], []] for _ in range(2))
    for epoch in (0, 1):
        for _ in range(count):
            started = time.perf_counter()
            following = next(batches)
            fed = time.perf_counter()
            network.train_on_batch(*following)
            waited[epoch].append(fed - started)
            trained[epoch].append(time.perf_counter() - fed)
    return {"build": build, "input": waited, "train": trained}


def image_data_generator(pictures: str, epochs: int, batch: int) -> dict:
    """Reads epochs of the slides' generator."""
    batches = slides_generator(Path(pictures), batch)
    return _epochs(batches, batches.samples, epochs, batch)


def image_dataset_from_directory(pictures: str, epochs: int, batch: int) -> dict:
    """Reads epochs of what Keras offers in its place, prefetched as its guide advises."""
    arguments = {"validation_split": 0.2, "subset": "training", "seed": 0, "label_mode": "binary"}
    batches = tf.keras.utils.image_dataset_from_directory(
        pictures, image_size=(IMAGE_SIZE, IMAGE_SIZE), batch_size=batch, **arguments
    )
    images = len(batches.file_paths)
    return _epochs(batches.prefetch(tf.data.AUTOTUNE).repeat(), images, epochs, batch)


def _epochs(batches: Iterable, images: int, epochs: int, batch: int) -> dict:
    """Returns seconds and CPU seconds (of all threads) of each epoch, and images and batches in one."""
    count = -(-images // batch)
    iterator, seconds, cpu_seconds = iter(batches), [], []
    for _ in range(epochs):
        started, cpu_started = time.perf_counter(), time.process_time()
        for _ in range(count):
            next(iterator)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    return {"images": images, "batches": count, "seconds": seconds, "cpu_seconds": cpu_seconds}


if __name__ == "__main__":
    serve(own, cold_and_warm, image_data_generator, image_dataset_from_directory)
