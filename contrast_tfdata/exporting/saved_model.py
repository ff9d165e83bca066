"""The SavedModel of a network: what TensorFlow Serving and `tf.saved_model.load` read."""

from pathlib import Path

import tensorflow as tf

from contrast_tfdata.exporting.served import ServedNetwork

SIGNATURE = "serving_default"


def write(served: ServedNetwork, folder: Path) -> None:
    """Writes the SavedModel into an existing, empty folder, with one signature."""
    tf.saved_model.save(served, str(folder), signatures={SIGNATURE: served.answer.get_concrete_function()})
