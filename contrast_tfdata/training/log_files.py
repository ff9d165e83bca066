"""Logs for TensorBoard, without which a training goes on."""

from pathlib import Path

import tensorflow as tf
from rich.console import Console

from contrast_tfdata.model.failures import reason


class LogFiles(tf.keras.callbacks.TensorBoard):
    """Writes each epoch's figures; the first failure, of a full disk say, is told and ends only the logs.

    Args:
        directory: of the logs.
        console: where to say it.
        profile_steps: first and last step, counted from 1, that TensorFlow's profiler watches, or None.
    """

    def __init__(self, directory: Path, console: Console, *, profile_steps: tuple[int, int] | None = None):
        super().__init__(str(directory), write_graph=False, profile_batch=profile_steps or 0)
        self._directory = directory
        self._console = console
        self._failed = False

    def on_train_begin(self, logs=None):
        """Opens a file for training."""
        self._unless_failed("on_train_begin", logs)

    def on_test_begin(self, logs=None):
        """Opens a file for validation."""
        self._unless_failed("on_test_begin", logs)

    def on_test_end(self, logs=None):
        """Writes the figures of a validation."""
        self._unless_failed("on_test_end", logs)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's figures."""
        self._unless_failed("on_epoch_end", epoch, logs)

    def on_train_end(self, logs=None):
        """Closes the files, those of failed logs too."""
        self._told("on_train_end", logs)

    def _unless_failed(self, moment: str, *arguments) -> None:
        if not self._failed:
            self._told(moment, *arguments)

    def _told(self, moment: str, *arguments) -> None:
        """Writes what is written then; tells the first error, and none after it."""
        try:
            getattr(super(), moment)(*arguments)
        except (OSError, tf.errors.OpError) as error:
            if not self._failed:
                self._console.print(
                    f"warning: {self._directory}: logs cannot be written ({reason(error)}); training goes on"
                )
            self._failed = True
