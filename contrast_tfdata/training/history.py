"""history.csv: one row of figures an epoch."""

import csv
from pathlib import Path

import tensorflow as tf
from rich.console import Console

from contrast_tfdata.storage.atomic_file import replacing

FILE_NAME = "history.csv"


class HistoryFile(tf.keras.callbacks.Callback):
    """Rewrites the file at the end of each epoch, so that it is complete at any moment.

    The rows themselves are part of every checkpoint: Keras's CSVLogger appends to what stands in the file, which has a
    row too many where a run is killed between the row and the checkpoint.

    Args:
        path: the file.
        rows: of the epochs that are done; each epoch's row is added to this list.
        console: where to say that the file cannot be written, which is no reason to stop.
    """

    def __init__(self, path: Path, rows: list[dict[str, float]], console: Console):
        super().__init__()
        self._path = path
        self._rows = rows
        self._console = console

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch's row."""
        self._rows.append({"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}})
        self.write()

    def write(self) -> None:
        """Writes the rows."""
        try:
            with replacing(self._path) as file:
                writer = csv.DictWriter(file, fieldnames=list(self._rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(self._rows)
        except OSError as error:
            self._console.print(f"warning: {self._path} cannot be written ({error.strerror}); training goes on")
