"""Tell pre- from post-contrast sagittal T1 brain MRI.

The rooms, in the order in which data goes through them (imports run the same way, never back): `storage`, `images`,
`phantom`, `intake`, `patients`, `records`, `pipeline`, `model`, `training`, `evaluation`, `scoring`, `exporting`,
`report`, `console`, `runs`.
Entry points: `python -m contrast_tfdata.make_records`, `.train`, `.evaluate`, `.predict`, `.export`.
"""

import importlib.util
import os

from contrast_tfdata.version import __version__

if importlib.util.find_spec("tf_keras"):
    # The network is written for Keras 2. TensorFlow 2.16 and later has it as tf_keras, and asks for it at its import.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

CLASS_NAMES = ("no_gad", "with_gad")
"""Class names; a label is the position of its name here: 0 before contrast, 1 after."""

SPLITS = ("train", "validation", "test")
"""What records are divided into, in this order everywhere."""

__all__ = ["CLASS_NAMES", "SPLITS", "__version__"]
