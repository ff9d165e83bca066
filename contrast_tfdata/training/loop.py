"""One training run, from records to weights."""

import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from rich.console import Console

from contrast_tfdata.errors import DataError
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset, steps_per_epoch
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.records.manifest import Manifest
from contrast_tfdata.training.checkpoints import Checkpoints
from contrast_tfdata.training.compiling import compile_model, take_averaged_weights
from contrast_tfdata.training.history import FILE_NAME, HistoryFile, read_history
from contrast_tfdata.training.options import TrainingOptions
from contrast_tfdata.training.progress import ProgressDisplay, StopOnNonFiniteLoss


def train(
    model: ContrastNet,
    *,
    records_dir: Path,
    manifest: Manifest,
    workdir: Path,
    training: TrainingOptions,
    pipeline: PipelineOptions,
    plan: RuntimePlan,
    resume: bool,
    on_start: Callable[[], None],
    console: Console,
) -> list[dict[str, float]]:
    """Fits `model` in place; its weights are the run's result afterwards.

    Writes checkpoints/, logs/ (TensorBoard) and history.csv into `workdir`.

    Args:
        model: built, with its initial weights.
        records_dir: folder of records.
        manifest: of these records, already checked.
        workdir: folder of the run.
        training: the recipe.
        pipeline: how batches are made.
        plan: how the step runs.
        resume: go on from a checkpoint in `workdir` where there is one.
        on_start: called once nothing stands against the run, before anything of it is written.
        console: for progress.

    Returns:
        One dict per epoch: epoch (from 1), loss, accuracy and, with a validation split, val_loss, val_accuracy.

    Raises:
        DataError: no training example.
        ContrastError: the loss is no finite number.
    """
    if not manifest.splits.get("train") or not manifest.splits["train"].records:
        raise DataError(f"{records_dir}: the training split is empty")
    pipeline = dataclasses.replace(pipeline, class_weights=training.weight_of_classes(manifest.splits["train"].classes))
    compile_model(model, training, jit_compile=plan.jit_compile)
    recipe = {
        **dataclasses.asdict(training),
        **_describe(pipeline),
        "precision": plan.precision,
        "jit_compile": plan.jit_compile,
        "deterministic": plan.deterministic,
        "initial_weights": _digest(model),
        "records": manifest.fingerprint,
    }
    checkpoints = Checkpoints(workdir / "checkpoints", model, recipe)
    if not resume:
        _start_over(workdir)
    done = checkpoints.begin(resume=resume, console=console)
    on_start()
    if done < training.epochs:
        try:
            _fit(model, records_dir, manifest, workdir, training, pipeline, checkpoints, done, console)
        finally:
            if pipeline.cache == "disk":
                shutil.rmtree(pipeline.cache_dir, ignore_errors=True)
    if not take_averaged_weights(model) and training.final_weights == "best":
        checkpoints.take_best()
    return read_history(workdir / FILE_NAME)


def _fit(model, records_dir, manifest, workdir, training, pipeline, checkpoints, done, console) -> None:
    steps = steps_per_epoch(manifest.splits["train"].records, pipeline.batch_size)
    batches = create_train_dataset(
        records_dir=records_dir, manifest=manifest, options=pipeline, first_epoch=done, epochs=training.epochs
    )
    validation = None
    if "validation" in manifest.splits:
        validation = create_eval_dataset(
            records_dir=records_dir, manifest=manifest, split="validation", options=pipeline
        )
    examples = manifest.splits["train"].records
    console.print(f"training: {examples} slices, {steps} steps an epoch, epochs {done + 1} to {training.epochs}")
    display = ProgressDisplay(console, training.epochs, steps)
    callbacks = [
        StopOnNonFiniteLoss(),  # before the checkpoint, so that broken weights are never saved
        HistoryFile(workdir / FILE_NAME, done),  # before the checkpoint: a row too many is dropped, one too few is lost
        checkpoints,
        tf.keras.callbacks.TensorBoard(str(workdir / "logs"), write_graph=False),
        display,
    ]
    try:
        model.fit(
            batches,
            epochs=training.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            validation_data=validation,
            callbacks=callbacks,
            verbose=0,
        )
    finally:
        display.stop()


def _start_over(workdir: Path) -> None:
    for name in ("checkpoints", "logs"):
        shutil.rmtree(workdir / name, ignore_errors=True)
    (workdir / FILE_NAME).unlink(missing_ok=True)


def _digest(model: ContrastNet) -> str:
    """SHA-256 of the weights: tells apart runs that began otherwise."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()


def _describe(pipeline: PipelineOptions) -> dict:
    fields = dataclasses.asdict(pipeline)
    # Where examples are cached changes nothing about the result.
    return {name: value for name, value in fields.items() if name not in ("cache", "cache_dir", "seed")}
