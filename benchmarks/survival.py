"""What checkpoints and deterministic operations cost, and how soon a stopped training goes on.

    TF_ENABLE_ONEDNN_OPTS=1 python -m benchmarks.survival [ROUNDS]

Steps with and without `--deterministic` take turns in one process. A checkpoint is timed by itself, since it takes less
than steps vary, and set against the 12 steps of the slides' epoch.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from tensorflow.python.framework import config as framework_config  # the public part of it turns determinism on only

from benchmarks.measuring import Spread, interleave, paired_ratios
from contrast_tfdata.model import runtime_plan, starting_point
from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.training.checkpoints import Checkpoints
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

BATCH, STEPS_PER_EPOCH = 64, 12


def network() -> tf.keras.Model:
    """Returns the network as `train` compiles it on this machine in float32."""
    plan = runtime_plan.plan("float32")
    model = starting_point.build(IMAGE_SIZE, pooling=plan.pooling, micro_batches=plan.micro_batches, seed=1)
    compile_model(model, TrainingOptions(), steps_per_epoch=STEPS_PER_EPOCH, jit_compile=plan.jit_compile)
    return model


def step_of(*, deterministic: bool) -> Callable[[], float]:
    """Returns a function that takes a step of a network of its own and returns its seconds."""
    images = np.random.default_rng(1).integers(0, 256, (BATCH, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    labels = (np.arange(BATCH) % 2).astype(np.float32)[:, np.newaxis]
    model = network()

    def step() -> float:
        switch = framework_config.enable_op_determinism if deterministic else framework_config.disable_op_determinism
        switch()
        began = time.perf_counter()
        model.train_on_batch(images, labels)
        return time.perf_counter() - began

    return step


def save_and_restore(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Returns the seconds of each checkpoint, and those of each taking up in a network that is built anew."""
    saved, restored = [], []
    model = network()
    for number in range(rounds):
        checkpoints = Checkpoints(folder, model, {}, steps_per_epoch=STEPS_PER_EPOCH)
        checkpoints.set_model(model)
        began = time.perf_counter()
        checkpoints.on_epoch_end(number)
        saved.append(time.perf_counter() - began)
        other = Checkpoints(folder, network(), {}, steps_per_epoch=STEPS_PER_EPOCH)
        began = time.perf_counter()
        other.begin(resume=True, console=Console(file=io.StringIO()))
        restored.append(time.perf_counter() - began)
    return saved, restored


def main(rounds: int) -> None:
    """Measures and prints."""
    steps = interleave(
        {"plain": step_of(deterministic=False), "deterministic": step_of(deterministic=True)}, rounds, warm_up=2
    )
    framework_config.disable_op_determinism()
    with tempfile.TemporaryDirectory() as folder:
        saved, restored = save_and_restore(Path(folder), rounds)
    step, save = Spread.of(steps["plain"]), Spread.of(saved)
    ratio = Spread.of(paired_ratios(steps["deterministic"], steps["plain"]))
    print(f"a step of {BATCH} slices: {step.median:.3f} s ({step.least:.3f} to {step.most:.3f}), {rounds} rounds")
    print(f"--deterministic: {ratio.median:.3f} times as long (quartiles {ratio.lower:.3f} to {ratio.upper:.3f})")
    share = save.median / (STEPS_PER_EPOCH * step.median)
    print(f"a checkpoint: {save.median * 1000:.0f} ms ({save.least * 1000:.0f} to {save.most * 1000:.0f}),", end=" ")
    print(f"{share:.2%} of an epoch of {STEPS_PER_EPOCH} steps; {save.median / step.median:.1%} of a step")
    print(f"taking one up: {Spread.of(restored).median * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
