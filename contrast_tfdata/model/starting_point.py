"""The network with which a training run begins, and the one with which it is scored."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from contrast_tfdata.errors import DataError
from contrast_tfdata.model.architecture import feature_size
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.weights import load_model, read_h5_weights


def build(
    image_size: int,
    *,
    pooling: str,
    early_parts: int = 1,
    seed: int,
    initial_logit: float = 0.0,
    init_weights: str | None = None,
) -> ContrastNet:
    """Returns a network with the seed's random weights, or with given ones.

    Sets the global seeds of Python, NumPy and TensorFlow: dropout follows them too.

    Args:
        image_size: side of the slices in pixels.
        pooling: as the runtime plan says.
        early_parts: likewise.
        seed: of weights and dropout.
        initial_logit: bias of the output among random weights.
        init_weights: workdir of another run, or an .h5 file of the slides' network.

    Raises:
        DataError: the slices are too small, or the weights cannot be read or are for another image size.
    """
    try:
        feature_size(image_size)
    except ValueError as error:
        raise DataError(f"the network cannot take slices of this size: {error}; make the records larger") from error
    tf.keras.utils.set_random_seed(seed)
    model = ContrastNet(image_size, pooling=pooling, early_parts=early_parts)
    if init_weights:
        model.set_weights(_read(Path(init_weights), image_size))
    elif initial_logit:
        *others, bias = model.get_weights()
        model.set_weights([*others, np.full_like(bias, initial_logit)])
    return model


def float32_twin(model: ContrastNet) -> ContrastNet:
    """Returns a network of the same weights that computes in float32.

    Scores are taken with it, so that they are the same on every machine, whatever precision the training ran in.
    """
    twin = ContrastNet(model.image_size, pooling=model.pooling, dropout=model.dropout_rate, dtype="float32")
    twin.set_weights(model.get_weights())
    return twin


def _read(path: Path, image_size: int) -> list:
    if path.is_file():
        return read_h5_weights(path, image_size)
    other, _ = load_model(path / "model")
    if other.image_size != image_size:
        raise DataError(f"{path}: trained on slices of {other.image_size} pixels, these records have {image_size}")
    return other.get_weights()
