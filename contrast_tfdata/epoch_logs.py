"""What TensorBoard shows besides the curves that Keras writes: figures of each epoch's validation, and HParams."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api

from contrast_tfdata.report.epoch_figures import auc_of_counts, epoch_figures
from contrast_tfdata.report.style import rgba

_NO_HYPERPARAMETERS = ("initial_weights", "records", "phantom_records")
"""Hashes: every run has its own, and nobody compares by them."""
_VALIDATION = "validation"  # The folder in which Keras's callback writes the scalars of this split.


class EpochFigures(tf.keras.callbacks.Callback):
    """Writes images, and the AUC, of each epoch's validation, from counts that the network keeps in passing.

    Args:
        logs: folder of the TensorBoard logs. Nothing is written where there is no validation split.
    """

    def __init__(self, logs: Path):
        super().__init__()
        self._folder = str(logs / _VALIDATION)
        self._writer: tf.summary.SummaryWriter | None = None

    def on_test_begin(self, logs=None):
        """Starts to count."""
        self.model.score_counts.reset_state()

    def on_epoch_end(self, epoch, logs=None):
        """Writes what the epoch's validation counted."""
        counts = self.model.score_counts.result().numpy()
        if not counts.any():
            return
        self._writer = self._writer or tf.summary.create_file_writer(self._folder)
        with self._writer.as_default(step=epoch):
            auc = auc_of_counts(counts)
            if auc is not None:
                tf.summary.scalar("epoch_auc", auc)
            for name, figure in epoch_figures(counts).items():
                tf.summary.image(name, rgba(figure)[None])

    def on_train_end(self, logs=None):
        """Closes the file."""
        if self._writer:
            self._writer.close()


def callbacks(logs: Path, recipe: Mapping[str, object], *, figures: bool = True) -> list[tf.keras.callbacks.Callback]:
    """Returns what writes the recipe, for comparing runs, and figures of each epoch.

    Args:
        logs: folder of the TensorBoard logs.
        recipe: see `Hyperparameters`.
        figures: not with several workers: only all of them together can read their counts, and one writes.
    """
    return [*([EpochFigures(logs)] if figures else []), Hyperparameters(logs, recipe)]


class Hyperparameters(tf.keras.callbacks.Callback):
    """Writes the recipe, by which runs can be compared in TensorBoard's HParams.

    Args:
        logs: folder of the TensorBoard logs.
        recipe: by name; values other than numbers, booleans and texts are written as text, and None is left out.
    """

    def __init__(self, logs: Path, recipe: Mapping[str, object]):
        super().__init__()
        self._logs = str(logs)
        self._recipe = {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in recipe.items()
            if value is not None and name not in _NO_HYPERPARAMETERS
        }
        self._session: tf.keras.callbacks.Callback | None = None

    def on_train_begin(self, logs=None):
        """Writes the recipe."""
        # Made here, because it opens its file at once: one that starts over removes the logs of the run before first.
        self._session = api.KerasCallback(self._logs, self._recipe)
        self._session.on_train_begin()

    def on_train_end(self, logs=None):
        """Writes that the run has ended."""
        if self._session:
            self._session.on_train_end()
