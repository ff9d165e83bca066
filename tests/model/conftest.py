"""Every test here starts from and leaves behind float32 and an empty Keras session."""

from pathlib import Path

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def keras_state_restored():
    policy = tf.keras.mixed_precision.global_policy()
    yield
    tf.keras.mixed_precision.set_global_policy(policy)
    tf.keras.backend.clear_session()


@pytest.fixture(scope="session")
def siim_h5(real_data) -> Path:
    """The weights that the slides' original notebook saved."""
    return real_data / "siim" / "SimpleGadClass.h5"
