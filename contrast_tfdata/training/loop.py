"""One training run, from records to weights."""

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from contrast_tfdata.errors import InterruptedRunError
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.private_interfaces import beginning_at_step
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.datasets import (
    create_eval_dataset,
    create_train_dataset,
    example_ids_of_step,
    steps_per_epoch,
)
from contrast_tfdata.pipeline.mixing import PhantomPart, refuse_unlike_records
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records.manifest import Manifest, require_split
from contrast_tfdata.training.checkpoints import Checkpoints, Progress
from contrast_tfdata.training.compiling import compile_model, take_averaged_weights
from contrast_tfdata.training.distribution import Distribution, StopTogether
from contrast_tfdata.training.history import FILE_NAME, HistoryFile
from contrast_tfdata.training.log_files import LogFiles
from contrast_tfdata.training.non_finite import StopOnNonFiniteLoss
from contrast_tfdata.training.options import TrainingOptions
from contrast_tfdata.training.progress import ProgressDisplay
from contrast_tfdata.training.starting_over import start_over
from contrast_tfdata.training.stopping import Stop, StopRequest

CHECKPOINTS = "checkpoints"
LOGS = "logs"
"""Folder of the TensorBoard logs, in that of the run, beside that of the checkpoints."""


@dataclasses.dataclass(frozen=True)
class Job:
    """All that decides what a training run does.

    Attributes:
        records_dir: folder of records.
        manifest: of these records, already checked.
        workdir: folder of the run.
        training: the recipe.
        pipeline: how batches are made.
        plan: how the step runs.
        phantom: synthetic slices for a part of every batch, or None.
        checkpoint_steps: save after so many steps of an epoch too, not only at its end; 0: at its end only.
        profile_steps: first and last step, counted from 1, that TensorFlow's profiler watches, or None.
        distribution: the devices and machines; the model must have been made within its scope.

    Raises:
        UsageError: a batch cannot be divided among the replicas.
        DataError: there is no training example, or the synthetic ones were made in another way than the others.
    """

    records_dir: Path
    manifest: Manifest
    workdir: Path
    training: TrainingOptions
    pipeline: PipelineOptions
    plan: RuntimePlan
    phantom: PhantomPart | None = None
    checkpoint_steps: int = 0
    profile_steps: tuple[int, int] | None = None
    distribution: Distribution = Distribution()

    def __post_init__(self):
        self.distribution.share.rows_of_each(self.pipeline.batch_size)
        for part in filter(None, (self, self.phantom)):
            require_split(part.records_dir, part.manifest, "train")
        if self.phantom:
            refuse_unlike_records(self.phantom, self.manifest)

    @property
    def num_examples(self) -> int:
        """Slices in the training split, all of which an epoch shows."""
        return self.manifest.splits["train"].records

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer updates in an epoch."""
        return steps_per_epoch(self.num_examples, self.pipeline.batch_size, self.phantom)

    @property
    def batches(self) -> PipelineOptions:
        """The pipeline's options with all that recipe, plan and data add to them."""
        return dataclasses.replace(
            self.pipeline,
            class_weights=self.training.class_weights,
            static_shapes=self.plan.static_shapes,
            replicas=self.distribution.replicas,
        )

    @property
    def initial_logit(self) -> float:
        """The bias with which the network's output begins."""
        return self.training.initial_logit(self._classes_of_an_epoch)

    @property
    def _classes_of_an_epoch(self) -> dict[str, float]:
        classes = self.manifest.splits["train"].classes
        if not self.phantom:
            return classes
        synthetic = self.phantom.manifest.splits["train"]
        division = self.phantom.divide(self.num_examples, self.pipeline.batch_size)
        passes = division.steps * division.synthetic / synthetic.records
        return {
            name: division.real_weight * count + passes * synthetic.classes[name] for name, count in classes.items()
        }

    def recipe(self, model: ContrastNet) -> dict:
        """Everything that the result depends on; a run goes on only with the same."""
        # Where examples are cached, and how far the last batch is padded, changes nothing about the result.
        left_out = {"cache", "cache_dir", "static_shapes", "replicas", "seed"}
        batches = {name: value for name, value in dataclasses.asdict(self.batches).items() if name not in left_out}
        return {
            **dataclasses.asdict(self.training),
            **batches,
            "precision": self.plan.precision,
            "jit_compile": self.plan.jit_compile,
            "deterministic": self.plan.deterministic,
            "initial_weights": _digest(model),
            "records": self.manifest.fingerprint,
            **self._recipe_of_phantom,
            # Other replicas sum in another order.
            **({"replicas": self.distribution.replicas} if self.plan.deterministic else {}),
        }

    @property
    def _recipe_of_phantom(self) -> dict:
        if not self.phantom:
            return {}
        return {"phantom_records": self.phantom.manifest.fingerprint, "phantom_fraction": self.phantom.fraction}


def train(
    model: ContrastNet,
    job: Job,
    *,
    resume: bool,
    on_start: Callable[[], None],
    console: Console,
) -> list[dict[str, float]]:
    """Fits `model` in place; its weights are the run's result afterwards.

    Writes checkpoints/, logs/ (TensorBoard) and history.csv into the job's folder. Of several workers the chief writes
    alone, and has the result alone: the others' weights are those of the last step, and their history is empty.

    Args:
        model: built, with its initial weights.
        job: what to do.
        resume: go on from a checkpoint where there is one; otherwise what stands there of an earlier run is removed.
        on_start: called once nothing stands against the run, before anything of it is written.
        console: for progress.

    Returns:
        One dict per epoch: epoch (from 1), loss, accuracy and, with a validation split, val_loss, val_accuracy.

    Raises:
        UsageError: a run with another recipe stands there, or not all workers have the same one; or what would be
            removed is not, or not only, a run's.
        ContrastError: the loss or a weight is no finite number.
        InterruptedRunError: asked to stop by SIGTERM or Ctrl-C, and what was done is saved; or another worker is gone.
        StorageError: a checkpoint cannot be written.
    """
    distribution = job.distribution
    if not resume and distribution.is_chief:
        folder = job.workdir
        start_over(folder, checkpoints=folder / CHECKPOINTS, logs=folder / LOGS, history=folder / FILE_NAME)
    with distribution.watching(), StopRequest() as asked:
        with distribution.scope():
            compile_model(model, job.training, steps_per_epoch=job.steps_per_epoch, jit_compile=job.plan.jit_compile)
            stop = StopTogether(asked, distribution.strategy) if distribution.cluster else asked
            checkpoints = _make_checkpoints(model, job, stop)
        distribution.chief_first(lambda: checkpoints.begin(resume=resume, console=console))
        done = checkpoints.progress
        distribution.agree({"recipe": done.recipe, "epoch": done.epoch, "step": done.step})
        if distribution.is_chief:
            on_start()
        if done.epoch < job.training.epochs:
            try:
                _fit(model, job, checkpoints, stop, console)
            finally:
                if job.pipeline.cache == "disk":
                    shutil.rmtree(job.pipeline.cache_dir, ignore_errors=True)
    if asked.name:  # after the last checkpoint
        raise InterruptedRunError(
            f"stopped by {asked.name}; training is complete, and the same command goes on from there"
        )
    if not distribution.is_chief:
        return []
    if not take_averaged_weights(model) and job.training.final_weights == "best":
        checkpoints.take_best()
    return checkpoints.progress.history


def _make_checkpoints(model: ContrastNet, job: Job, stop: Stop) -> Checkpoints:
    return Checkpoints(
        job.workdir / CHECKPOINTS,
        model,
        job.recipe(model),
        steps_per_epoch=job.steps_per_epoch,
        every_steps=job.checkpoint_steps,
        keep_best=job.training.final_weights == "best",
        stop=stop,
        writes=job.distribution.is_chief,
    )


def _fit(model: ContrastNet, job: Job, checkpoints: Checkpoints, stop: Stop, console: Console) -> None:
    source = {"records_dir": job.records_dir, "manifest": job.manifest, "options": job.batches}
    done, steps = checkpoints.progress, job.steps_per_epoch
    first = {"first_epoch": done.epoch, "first_step": done.step, "epochs": job.training.epochs}
    _announce(job, done, console)
    batches = create_train_dataset(**source, **first, phantom=job.phantom)
    display = ProgressDisplay(console, job.training.epochs, steps)
    callbacks = [
        StopOnNonFiniteLoss(
            job.workdir / CHECKPOINTS,
            lambda epoch, step: example_ids_of_step(**source, epoch=epoch, step=step, phantom=job.phantom),
        ),
        *(_files(job, done, console) if job.distribution.is_chief else ()),
        display,
        *([stop] if isinstance(stop, StopTogether) else []),
        checkpoints,  # last: what it saves, and where it may end the training, the others have seen
    ]
    try:
        with beginning_at_step(model, done.epoch, done.step):
            model.fit(
                job.distribution.distribute(batches),
                epochs=job.training.epochs,
                initial_epoch=done.epoch,
                steps_per_epoch=steps,
                **_validation(job, source),
                callbacks=callbacks,
                verbose=0,
            )
    finally:
        display.stop()


def _files(job: Job, done: Progress, console: Console) -> tuple[HistoryFile, LogFiles]:
    return (
        HistoryFile(job.workdir / FILE_NAME, done.history, console),
        LogFiles(job.workdir / LOGS, console, profile_steps=job.profile_steps),
    )


def _validation(job: Job, source: Mapping[str, Any]) -> dict:
    """Returns what `fit` needs to validate, from the records of `source`; nothing where there is no such split."""
    if "validation" not in job.manifest.splits:
        return {}
    batches = create_eval_dataset(**source, split="validation")
    steps = steps_per_epoch(job.manifest.splits["validation"].records, job.pipeline.batch_size)
    return {"validation_data": job.distribution.distribute(batches), "validation_steps": steps}


def _announce(job: Job, done: Progress, console: Console) -> None:
    within = f", from step {done.step + 1} on" if done.step else ""
    console.print(
        f"training: {job.num_examples} slices, {job.steps_per_epoch} steps an epoch, epochs {done.epoch + 1} to "
        f"{job.training.epochs}{within}"
    )
    if job.phantom:
        division = job.phantom.divide(job.num_examples, job.pipeline.batch_size)
        console.print(f"a batch: {division.real} of these slices and {division.synthetic} of synthetic patients")


def _digest(model: ContrastNet) -> str:
    """SHA-256 of the weights: tells apart runs that began otherwise."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()
