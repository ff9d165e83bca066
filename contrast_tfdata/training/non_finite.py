"""What ends a training that went wrong: a loss that is NaN or infinite."""

import math
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.training.checkpoints import last_good

_ADVICE = "try a smaller --learning_rate or --precision=float32"


class StopOnNonFiniteLoss(tf.keras.callbacks.Callback):
    """Ends training with an error at the step whose loss is no finite number; it must come before the checkpoints.

    Under loss scaling (mixed_float16) a step whose gradients overflow is skipped with half the scale for the next ones,
    and `ContrastNet` leaves its loss out of the mean: that is as it should be, until the scale has come down to 1 and
    steps are still skipped.

    Args:
        checkpoints: their folder, for the message.
        example_ids: returns the ids of the examples of a step, given its epoch and its number there, both from 0.
    """

    def __init__(self, checkpoints: Path, example_ids: Callable[[int, int], list[str]]):
        super().__init__()
        self._checkpoints = checkpoints
        self._example_ids = example_ids

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Checks the mean loss so far, in which one loss that is no finite number stays."""
        if not math.isfinite(logs["loss"]):
            self._end(batch, f"the loss became {logs['loss']}")
        if self._always_skips():
            self._end(batch, "gradients overflow even without loss scaling")

    def on_epoch_end(self, epoch, logs=None):
        """Checks that some step had a loss."""
        if not self.model.metrics[0].count.numpy():
            raise ContrastError(
                f"every step of epoch {epoch + 1} overflowed; {last_good(self._checkpoints)}; {_ADVICE}"
            )

    def _always_skips(self) -> bool:
        optimizer = self.model.optimizer
        if not isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer) or not optimizer.dynamic:
            return False
        # The counter is that of good steps in a row.
        return float(optimizer.loss_scale) <= 1 and not int(optimizer.dynamic_counter)

    def _end(self, batch: int, what: str) -> None:
        examples = ", ".join(self._example_ids(self._epoch, batch))
        raise ContrastError(
            f"{what} in epoch {self._epoch + 1}, step {batch + 1}; {last_good(self._checkpoints)}; {_ADVICE}\n"
            f"the step's examples: {examples}"
        )
