"""history.csv: one row of figures an epoch."""

import csv
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.atomic_file import replacing

FILE_NAME = "history.csv"


class HistoryFile(tf.keras.callbacks.Callback):
    """Rewrites the file at the end of each epoch, so that it is complete at any moment.

    Keras's CSVLogger appends, which leaves a row too many where a run is killed between the row and the checkpoint.

    Args:
        path: the file.
        done: epochs of an earlier run to keep.
    """

    def __init__(self, path: Path, done: int):
        super().__init__()
        self._path = path
        self.rows = read_history(path)[:done] if done and path.exists() else []

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch's row."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.rows.append({"epoch": epoch + 1, **figures})
        with replacing(self._path) as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def read_history(path: Path) -> list[dict[str, float]]:
    """Reads the file: one dict per epoch, `epoch` counted from 1."""
    with path.open(newline="") as stream:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    return [{**row, "epoch": int(row["epoch"])} for row in rows]
