"""The TensorFlow Lite file of a network, in float32 or with 8-bit weights and features."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.exporting.served import INPUT, ServedNetwork
from contrast_tfdata.storage.plain_path import plain_temporary_files


def write(served: ServedNetwork, path: Path, representative: np.ndarray | None = None) -> None:
    """Writes the file.

    Args:
        served: the network.
        path: where to.
        representative: (N, S, S) uint8, slices from whose features the ranges of 8 bits are taken; None: float32.

    Raises:
        ContrastError: it cannot be converted.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([served.answer.get_concrete_function()], served)
    if representative is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ({INPUT: each[np.newaxis]} for each in representative)
    with _said() as said, plain_temporary_files():  # It saves and loads a SavedModel there.
        try:
            content = converter.convert()
        except Exception as error:  # ConverterError, ValueError, RuntimeError: it raises many
            raise ContrastError(f"TensorFlow Lite cannot convert the network: {error}\n{said()}") from error
    path.write_bytes(content)


@contextlib.contextmanager
def _said() -> Iterator:
    """Keeps what the converter prints, statistics of its own, out of the output; gives a function that returns it."""
    with tempfile.TemporaryFile() as file:
        streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
        for stream in streams:
            stream.flush()
        kept = [os.dup(number) for number in (1, 2)]
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield lambda: os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")
        finally:
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
