"""What a person sees while a network is trained."""

import time

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressDisplay(tf.keras.callbacks.Callback):
    """A live bar over the steps of an epoch, and a line that stays for each epoch.

    Args:
        console: where to write; without a terminal only the lines appear.
        epochs: number of the last epoch, for the display.
        steps: steps in an epoch.
    """

    def __init__(self, console: Console, epochs: int, steps: int):
        super().__init__()
        self._console = console
        self._epochs = epochs
        self._steps = steps
        self._progress: Progress | None = None

    def on_train_begin(self, logs=None):
        """Starts the bar."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task("training", total=self._epochs * self._steps)

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the epoch's clock."""
        self._epoch = epoch
        self._started = time.perf_counter()
        self._training_seconds = 0.0
        self._steps_done = 0

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self._training_seconds = time.perf_counter() - self._started
        self._steps_done += 1
        if self._progress:
            text = f"epoch {self._epoch + 1}/{self._epochs}  loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}"
            self._progress.update(self._task, completed=self._epoch * self._steps + batch + 1, description=text)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's line."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        pace = self._training_seconds / self._steps_done  # fewer than there are where a run went on within the epoch
        self._console.print(f"epoch {epoch + 1:>3}/{self._epochs}  {pace:6.3f} s/step  {figures}")

    def on_train_end(self, logs=None):
        """Removes the bar."""
        self.stop()

    def stop(self) -> None:
        """Removes the bar also where training ended by an error."""
        if self._progress:
            self._progress.stop()
