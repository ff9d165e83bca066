"""Checkpoints at the end of each epoch, and going on from them."""

import json
from pathlib import Path

import tensorflow as tf
from rich.console import Console

from contrast_tfdata.atomic_file import replacing
from contrast_tfdata.errors import DataError, UsageError

_KEPT = 2
_RECIPE = "recipe.json"


class Checkpoints(tf.keras.callbacks.Callback):
    """Keeps the last two epochs with the optimizer's state, and the weights of the epoch of smallest validation loss.

    Args:
        directory: made where it does not exist.
        model: built and compiled.
        recipe: everything that training depends on; a run goes on only with the same.
        writes: whether anything is saved. Of several workers one does; all have the same to save.
    """

    def __init__(self, directory: Path, model: tf.keras.Model, recipe: dict, *, writes: bool = True):
        super().__init__()
        self._writes = writes
        self._directory = directory
        self._recipe = json.loads(json.dumps(recipe))
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._best_loss = tf.Variable(float("inf"), trainable=False)
        self._best = tf.train.Checkpoint(model=model)
        self._state = tf.train.Checkpoint(
            model=model, optimizer=model.optimizer, epoch=self._epoch, best_loss=self._best_loss
        )
        # Made now, by all workers: the first save would make it, and only one of them saves.
        self._best.save_counter, self._state.save_counter  # noqa: B018
        self._manager = tf.train.CheckpointManager(self._state, str(directory / "last"), max_to_keep=_KEPT)

    def begin(self, *, resume: bool, console: Console) -> int:
        """Takes up the last complete checkpoint where there is one and `resume` allows it.

        Returns:
            The number of epochs that are done.

        Raises:
            UsageError: there is a checkpoint of another recipe; the differences are listed.
            DataError: there are checkpoints, but none can be read.
        """
        if self._manager.latest_checkpoint and resume:
            self._refuse_other_recipe()
            self._restore(console)
            return int(self._epoch.numpy())
        if not self._writes:
            return 0
        self._directory.mkdir(parents=True, exist_ok=True)
        with replacing(self._directory / _RECIPE) as file:
            json.dump(self._recipe, file, indent=2, sort_keys=True)
            file.write("\n")
        return 0

    def _restore(self, console: Console) -> None:
        """Reads the latest checkpoint that can be read."""
        for path in reversed(self._manager.checkpoints):
            try:
                # Every variable that exists must be found: a part left at its initial value would pass unnoticed.
                self._state.restore(path).assert_existing_objects_matched()
                return
            except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
                console.print(
                    f"warning: checkpoint {path} cannot be read ({type(error).__name__}); trying an older one"
                )
        raise DataError(f"{self._directory}: no checkpoint can be read; --resume=never starts over")

    def on_epoch_end(self, epoch, logs=None):
        """Saves the epoch."""
        if not self._writes:
            return
        self._epoch.assign(epoch + 1)
        loss = (logs or {}).get("val_loss")
        if loss is not None and loss < self._best_loss.numpy():
            self._best_loss.assign(loss)
            self._best.write(str(self._directory / "best"))
        self._manager.save(checkpoint_number=epoch + 1)

    def take_best(self) -> None:
        """Replaces the model's weights by those of the best epoch, where a validation split has named one."""
        if self._best_loss.numpy() < float("inf"):
            self._best.read(str(self._directory / "best")).expect_partial()

    def _refuse_other_recipe(self) -> None:
        path = self._directory / _RECIPE
        before = json.loads(path.read_text()) if path.exists() else {}
        keys = sorted(before.keys() | self._recipe.keys())
        differences = [
            f"  {key}: was {before.get(key)!r}, now {self._recipe.get(key)!r}"
            for key in keys
            if before.get(key) != self._recipe.get(key)
        ]
        if differences:
            raise UsageError(
                f"{self._directory}: a run with other flags or data stands here; use another --workdir, or "
                "--resume=never to start over:\n" + "\n".join(differences)
            )
