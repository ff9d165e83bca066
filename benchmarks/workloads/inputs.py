"""Input pipelines alone: epochs of batches that nobody trains on."""

import time
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from benchmarks.serving import serve
from benchmarks.workloads.steps import BATCH, slides_generator
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import manifest as manifests


def own(records: str, cache: str, cache_dir: str, epochs: int) -> dict:
    """Reads epochs of this project's batches, shuffled anew each; the first one is cold."""
    found = manifests.load(Path(records))
    options = PipelineOptions(batch_size=BATCH, cache=cache, cache_dir=Path(cache_dir))
    batches = create_train_dataset(
        records_dir=Path(records), manifest=found, options=options, first_epoch=0, epochs=epochs
    )
    return _epochs(batches, found.splits["train"].records, epochs)


def image_data_generator(pictures: str, epochs: int) -> dict:
    """Reads epochs of the slides' generator."""
    batches = slides_generator(Path(pictures))
    return _epochs(batches, batches.samples, epochs)


def image_dataset_from_directory(pictures: str, epochs: int) -> dict:
    """Reads epochs of what Keras offers in its place, prefetched as its guide advises."""
    arguments = {"validation_split": 0.2, "subset": "training", "seed": 0, "label_mode": "binary"}
    batches = tf.keras.utils.image_dataset_from_directory(
        pictures, image_size=(IMAGE_SIZE, IMAGE_SIZE), batch_size=BATCH, **arguments
    )
    images = len(batches.file_paths)
    return _epochs(batches.prefetch(tf.data.AUTOTUNE).repeat(), images, epochs)


def _epochs(batches: Iterable, images: int, epochs: int) -> dict:
    """Returns seconds and CPU seconds (of all threads) of each epoch, and images and batches in one."""
    count = -(-images // BATCH)
    iterator, seconds, cpu_seconds = iter(batches), [], []
    for _ in range(epochs):
        started, cpu_started = time.perf_counter(), time.process_time()
        for _ in range(count):
            next(iterator)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    return {"images": images, "batches": count, "seconds": seconds, "cpu_seconds": cpu_seconds}


if __name__ == "__main__":
    serve(own, image_data_generator, image_dataset_from_directory)
