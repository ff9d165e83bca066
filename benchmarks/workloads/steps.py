"""Training steps of the slides' code and of this project, built once and timed one at a time."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.serving import serve
from contrast_tfdata.model import runtime_plan, starting_point
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

SLIDES_LEARNING_RATE = 5e-4
_ENDLESS = 10_000


class Steps:
    """The variants that this process has built."""

    def __init__(self):
        self._variants: dict[str, tuple[Callable, Iterator]] = {}

    def build_slides(
        self, name: str, precision: str, jit_compile: bool, batch: int, pictures: str | None = None
    ) -> None:
        """Builds the slides' code: from a batch in memory, or from files by their generator.

        Args:
            name: to call it by.
            precision: Keras dtype policy.
            jit_compile: as for `Model.compile`.
            batch: slices of a step.
            pictures: folder of class folders; None for a batch in memory.
        """
        tf.keras.mixed_precision.set_global_policy(precision)
        network = compiled_slides_network(jit_compile)
        batches = slides_generator(Path(pictures), batch) if pictures else _repeated(_float_batch(batch))
        self._variants[name] = (network.train_on_batch, batches)

    def build_own(
        self, name: str, precision: str, jit_compile: str, imitate_avx2: bool, batch: int, records: str | None = None
    ) -> dict:
        """Builds this project's network as the runtime plan has it, and returns the plan.

        Args:
            name: to call it by.
            precision: `auto` or a Keras dtype policy.
            jit_compile: `auto`, `true` or `false`.
            imitate_avx2: the plan is made as for a CPU without native bfloat16.
            batch: slices of a step.
            records: folder of records, cached in memory; None for a batch in memory.
        """
        plan = plan_for(precision, jit_compile, imitate_avx2)
        network = compiled_own_network(plan)
        if records:
            batches = iter(own_batches(Path(records), plan, batch, _ENDLESS))
        else:
            batches = _repeated(_uint8_batch(batch))
        self._variants[name] = (network.train_on_batch, batches)
        return dataclasses.asdict(plan)

    def step(self, name: str) -> dict[str, float]:
        """Does a step, and another, which is counted as by `steps`.

        The first is not counted: while the others had their turn, caches and memory went to them.
        """
        return self.steps(name, 2)[-1]

    def steps(self, name: str, count: int) -> list[dict[str, float]]:
        """Does steps one after the other; returns the seconds of each: waiting for its batch, `input`, and `train`."""
        train, batches = self._variants[name]
        found = []
        for _ in range(count):
            started = time.perf_counter()
            batch = next(batches)
            fed = time.perf_counter()
            train(*batch)
            found.append({"input": fed - started, "train": time.perf_counter() - fed})
        return found

    def auto_plan(self, imitate_avx2: bool) -> dict:
        """Returns what `--precision=auto --jit_compile=auto` chooses here."""
        return dataclasses.asdict(plan_for("auto", "auto", imitate_avx2))

    def native_bfloat16(self) -> bool:
        """Returns whether the device multiplies bfloat16 natively."""
        return runtime_plan.detect_device().bfloat16


def plan_for(precision: str, jit_compile: str, imitate_avx2: bool) -> RuntimePlan:
    """Returns the plan for this machine, or for it without native bfloat16."""
    device = runtime_plan.detect_device()
    device = dataclasses.replace(device, bfloat16=False) if imitate_avx2 else device
    return runtime_plan.plan(precision, jit_compile, device=device)


def compiled_slides_network(jit_compile: bool = False) -> tf.keras.Model:
    """Returns the slides' network, compiled as on the slides, under the global policy."""
    network = reference_network()
    optimizer = tf.keras.optimizers.Adam(learning_rate=SLIDES_LEARNING_RATE)
    network.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
    return network


def compiled_own_network(plan: RuntimePlan) -> ContrastNet:
    """Returns this project's network, made and compiled as the command `train` does it."""
    runtime_plan.apply(plan)
    options = TrainingOptions()
    network = starting_point.build(
        IMAGE_SIZE, pooling=plan.pooling, micro_batches=plan.micro_batches, seed=options.seed
    )
    compile_model(network, options, steps_per_epoch=1, jit_compile=plan.jit_compile)
    return network


def slides_generator(pictures: Path, batch: int) -> Iterator:
    """Returns the slides' generator: (N, 331, 331, 3) float32 and labels, 80 % of each class's files."""
    generator = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255, validation_split=0.2)
    return generator.flow_from_directory(
        pictures, (IMAGE_SIZE, IMAGE_SIZE), class_mode="binary", batch_size=batch, subset="training", seed=0
    )


def own_batches(records: Path, plan: RuntimePlan, batch: int, epochs: int) -> tf.data.Dataset:
    """Returns this project's batches for some epochs, cached in memory."""
    options = PipelineOptions(batch_size=batch, static_shapes=plan.static_shapes)
    found = manifests.load(records)
    return create_train_dataset(records_dir=records, manifest=found, options=options, first_epoch=0, epochs=epochs)


def _uint8_batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (size, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    return images, (np.arange(size, dtype=np.float32) % 2)[:, np.newaxis]


def _float_batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _uint8_batch(size)
    return np.repeat(images[..., np.newaxis], 3, axis=-1).astype(np.float32) / 255, labels


def _repeated(batch: tuple[np.ndarray, np.ndarray]) -> Iterator:
    tensors = tuple(tf.constant(each) for each in batch)
    while True:
        yield tensors


if __name__ == "__main__":
    steps = Steps()
    serve(steps.build_slides, steps.build_own, steps.step, steps.steps, steps.auto_plan, steps.native_bfloat16)
