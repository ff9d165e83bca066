"""Short trainings as the command does them, for tests: as a function, and as a program that can be killed."""

import contextlib
import dataclasses
import io
import shutil
import sys
from pathlib import Path

import numpy as np
from bright_records import SIZE
from rich.console import Console

from contrast_tfdata.model import starting_point
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.training import loop
from contrast_tfdata.training.options import TrainingOptions

PLAN = RuntimePlan("float32", jit_compile=False, onednn=True, pooling="native", static_shapes=False)
FAST = TrainingOptions(epochs=4, learning_rate=2e-3, seed=3)


def run(
    records, workdir, training=FAST, *, resume=False, batch_size=8, console=None, pipeline=None, plan=PLAN, **options
):
    """Trains; returns the model and its history.

    Args:
        records: their folder and manifest.
        workdir: made where it does not exist.
        training: the recipe.
        resume: go on from a checkpoint.
        batch_size: examples a step.
        console: for what it says.
        pipeline: instead of `batch_size`.
        plan: how the step runs.
        **options: others of the job.
    """
    workdir.mkdir(exist_ok=True)
    pipeline = pipeline or PipelineOptions(batch_size=batch_size, seed=training.seed)
    job = loop.Job(*records, workdir, training, pipeline, plan, **options)
    model = starting_point.build(SIZE, pooling=plan.pooling, seed=training.seed, initial_logit=job.initial_logit)
    console = console or Console(file=io.StringIO())
    history = loop.train(model, job, resume=resume, on_start=lambda: None, console=console)
    return model, history


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        workdir: where it wrote.
        weights: its network's, when it ended.
        history: one dict per epoch.
        said: what it told its user.
    """

    workdir: Path
    weights: list[np.ndarray]
    history: list[dict[str, float]]
    said: str = ""

    def copied_to(self, workdir: Path) -> Path:
        """Copies the workdir, for a test that goes on with it; returns the copy."""
        return Path(shutil.copytree(self.workdir, workdir))


class Stop(Exception):
    """Ends a run as a crash would."""


def interrupt(records, workdir, training, monkeypatch) -> Run:
    """Begins a run that ends after its second epoch; returns it, with its weights then."""
    original = loop.Checkpoints.on_epoch_end
    weights = []

    def stop_after_two(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            weights.extend(self.model.get_weights())
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(loop.Checkpoints, "on_epoch_end", stop_after_two)
        with contextlib.suppress(Stop):
            run(records, workdir, training)
            raise AssertionError("not stopped")
    return Run(workdir, weights, [])


def main(records_dir: Path, workdir: Path) -> None:
    """Trains, or goes on, with a checkpoint after every step; writes the weights when done."""
    records = records_dir, manifests.load(records_dir)
    model, _ = run(records, workdir, resume=True, console=Console(file=sys.stderr), checkpoint_steps=1)
    np.savez(workdir / "weights.npz", *model.get_weights())
