"""TensorFlow's errors in the words of a user."""

import tensorflow as tf

from contrast_tfdata.errors import ContrastError, DataError, StorageError
from contrast_tfdata.records.codec import PARSING

_WHICH = "make_records --verify_only names shard and record"


def explain(error: Exception) -> ContrastError | None:
    """Returns what a TensorFlow error means for whoever runs a command, or None where it is nobody's but ours.

    TensorFlow reports a full disk, damaged records and a full memory by errors of its own, not by Python's.
    """
    if isinstance(error, UnicodeDecodeError) and PARSING.encode() in error.object:
        return DataError(f"damaged records: one cannot be parsed; {_WHICH}")  # TensorFlow's message quotes its bytes
    if not isinstance(error, tf.errors.OpError):
        return None
    text = error.message or str(error)
    if "No space left" in text or isinstance(error, tf.errors.PermissionDeniedError):
        return StorageError(f"writing failed: {_first_line(text)}; the checkpoints that were complete are kept")
    if isinstance(error, tf.errors.DataLossError):
        return DataError(f"damaged records: {_first_line(text)}; {_WHICH}")
    if isinstance(error, tf.errors.InvalidArgumentError) and PARSING in text:
        return DataError(f"damaged records: {_first_line(text)}; {_WHICH}")
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return ContrastError(f"out of memory; try a smaller --batch_size. {_first_line(text)}")
    if "xla" in text.lower():
        return ContrastError(f"XLA cannot compile this; --jit_compile=false does without. {_first_line(text)}")
    return None


def reason(error: Exception) -> str:
    """Returns in a few words why something failed, without the operation and the file that TensorFlow names too."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    line = _first_line(str(error))
    return line.rpartition("; ")[2].partition(" [Op:")[0] if isinstance(error, tf.errors.OpError) else line


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no details")
