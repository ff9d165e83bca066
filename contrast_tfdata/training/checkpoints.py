"""Saving a training so that it can be killed at any moment, and going on from there, bit for bit."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from contrast_tfdata.errors import (
    ContrastError,
    DataError,
    InterruptedRunError,
    Problems,
    StorageError,
    UsageError,
    differences,
)
from contrast_tfdata.model.failures import reason
from contrast_tfdata.storage.bounded_file import read_json
from contrast_tfdata.storage.plain_path import plain_path
from contrast_tfdata.training import checkpoint_files
from contrast_tfdata.training.stopping import Stop, StopRequest

_PROGRESS = "progress.json"
_STATE = "state"


@dataclasses.dataclass
class Progress:
    """How far a training is, besides what its variables hold.

    The order of examples follows from seed and epoch, and dropout from a count among the variables, so this is all.

    Attributes:
        recipe: everything that training depends on; a run goes on only with the same.
        epoch: epochs that are done, validation included.
        step: steps that are done of the next epoch.
        metrics: state of the metrics of that epoch, one number for each of their variables.
        best_loss: smallest validation loss; None before the first.
        history: one row of figures an epoch.
    """

    recipe: dict
    epoch: int = 0
    step: int = 0
    metrics: list[float] = dataclasses.field(default_factory=list)
    best_loss: float | None = None
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)


class Checkpoints(tf.keras.callbacks.Callback):
    """Saves a training at the end of each epoch, every some steps, and when it is asked to stop.

    It must come after the callbacks that add to the history and that end a training gone wrong.

    Args:
        directory: made where it does not exist.
        model: built and compiled.
        recipe: everything that training depends on; JSON values.
        steps_per_epoch: steps in an epoch.
        every_steps: save after so many steps of an epoch, too; 0: at its end only.
        keep_best: keep the weights of the epoch of smallest validation loss.
        stop: where a request to stop shows; None: there is none.
        writes: whether anything is saved. Of several workers one saves, and all must save at the same steps: what the
            metrics have is the sum over all of them.

    Attributes:
        progress: how far the training is.
    """

    def __init__(
        self,
        directory: Path,
        model: tf.keras.Model,
        recipe: dict,
        *,
        steps_per_epoch: int,
        every_steps: int = 0,
        keep_best: bool = False,
        stop: Stop | None = None,
        writes: bool = True,
    ):
        super().__init__()
        self.progress = Progress(json.loads(json.dumps(recipe)))
        self._directory = directory
        self._steps_per_epoch = steps_per_epoch
        self._every_steps = every_steps
        self._stop = stop or StopRequest()
        self._writes = writes
        self._trained = model
        self._best = [tf.Variable(weight, trainable=False) for weight in model.get_weights()] if keep_best else []
        self._state = tf.train.Checkpoint(model=model, optimizer=model.optimizer, best=self._best)

    def begin(self, *, resume: bool, console: Console) -> None:
        """Takes up the newest complete checkpoint where there is one and `resume` allows it.

        Raises:
            UsageError: there is a checkpoint of another recipe; the differences are listed.
            DataError: there are checkpoints, but none can be read.
        """
        if self._writes:
            checkpoint_files.tidy(self._directory)
        found = checkpoint_files.saved(self._directory) if resume else []
        for number, path in enumerate(found):
            problem = self._restore(path)
            if problem is None:
                for damaged in found[:number] if self._writes else ():
                    checkpoint_files.remove(damaged)  # They must not count among those that are kept.
                return
            console.print(f"warning: checkpoint {path} cannot be read ({problem}); trying an older one")
        if found:
            raise DataError(f"{self._directory}: no checkpoint can be read; --resume=never starts over")

    def _restore(self, path: Path) -> str | None:
        """Takes up a checkpoint; returns what is wrong with it, or None."""
        problem = checkpoint_files.damage(path)
        if problem:
            return problem
        try:
            progress = Progress(**read_json(path / _PROGRESS))
            self._refuse_other(progress.recipe)
            # Every variable that exists must be found: a part left at its initial value would pass unnoticed.
            with plain_path(path) as folder:
                self._state.read(str(folder / _STATE)).assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, OSError, TypeError, ValueError, IndexError) as error:
            return f"{type(error).__name__}: {reason(error)}"
        self.progress = progress
        return None

    def on_epoch_begin(self, epoch, logs=None):
        """Gives the metrics back what they had in the middle of this epoch: Keras has just reset them."""
        if self.progress.step:
            for variable, value in zip(self._metric_variables(), self.progress.metrics, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        """Saves where it is time to, and ends the training where that was asked for."""
        step = batch + 1
        due = self._stop.name or (self._every_steps and step % self._every_steps == 0)
        if not due or step == self._steps_per_epoch:
            return  # After the last step comes validation, and then the epoch is saved.
        self.progress.step = step
        self.progress.metrics = [float(variable.numpy()) for variable in self._metric_variables()]
        self._save()

    def on_epoch_end(self, epoch, logs=None):
        """Saves the epoch."""
        loss = (logs or {}).get("val_loss")
        if loss is not None and loss < (math.inf if self.progress.best_loss is None else self.progress.best_loss):
            self.progress.best_loss = float(loss)
            for variable, weight in zip(self._best, self.model.weights, strict=False):  # none are kept, or all
                variable.assign(weight)
        self.progress.epoch, self.progress.step, self.progress.metrics = epoch + 1, 0, []
        self._save()

    def take_best(self) -> None:
        """Replaces the model's weights by those of the best epoch, where a validation split has named one."""
        if self.progress.best_loss is not None:
            self._trained.set_weights([variable.numpy() for variable in self._best])

    def _save(self) -> None:
        done = self.progress
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise ContrastError(
                f"weights became NaN or infinite by step {done.step or self._steps_per_epoch} of epoch "
                f"{done.epoch + bool(done.step)}; {last_good(self._directory)}; try a smaller --learning_rate or "
                "--precision=float32"
            )
        number = done.epoch * self._steps_per_epoch + done.step
        path = checkpoint_files.path_of(self._directory, number)
        if self._writes:
            try:
                checkpoint_files.save(self._directory, number, self._write)
            except (OSError, tf.errors.OpError) as error:
                raise _storage_error(self._directory, error) from error
        if self._stop.name:
            raise InterruptedRunError(
                f"stopped by {self._stop.name}; {_in_words(done, self._steps_per_epoch)} is saved in {path}\n"
                "the same command goes on from there"
            )

    def _write(self, folder: Path) -> None:
        self._state.write(str(folder / _STATE))
        (folder / _PROGRESS).write_text(json.dumps(dataclasses.asdict(self.progress), indent=2) + "\n")

    def _metric_variables(self) -> list[tf.Variable]:
        return [variable for metric in self.model.metrics for variable in metric.variables]

    def _refuse_other(self, before: dict) -> None:
        found = differences({"was": before, "now": self.progress.recipe})
        if found:
            headline = (
                "a run with other flags or data stands here; use another --workdir, or --resume=never to start over:"
            )
            raise UsageError(Problems(f"{self._directory}: {headline}", found).text())


def last_good(directory: Path) -> str:
    """Says which checkpoint a training that went wrong leaves."""
    found = checkpoint_files.saved(directory)
    return f"the checkpoint before is kept in {found[0]}" if found else "there is no checkpoint yet"


def _in_words(done: Progress, steps_per_epoch: int) -> str:
    return f"step {done.step} of {steps_per_epoch} of epoch {done.epoch + 1}" if done.step else f"epoch {done.epoch}"


def _storage_error(directory: Path, error: Exception) -> StorageError:
    kept = ", ".join(path.name for path in checkpoint_files.saved(directory)) or "none yet"
    return StorageError(
        f"{directory}: a checkpoint cannot be written: {reason(error)}; kept: {kept}\n"
        "make room and give the same command again: it goes on from there"
    )
