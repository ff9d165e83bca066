"""The network with which a training run begins, and networks to weights and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from contrast_tfdata.errors import DataError
from contrast_tfdata.model import pretrained
from contrast_tfdata.model.architecture import feature_size
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.h5_weights import read_h5_weights
from contrast_tfdata.model.weights import NetworkWeights, load_model, refuse_other_preprocessing


def build(
    image_size: int,
    *,
    pooling: str,
    micro_batches: int = 1,
    seed: int,
    initial_logit: float = 0.0,
    init_weights: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> ContrastNet:
    """Returns a network with the seed's random weights, or with given ones.

    Sets the global seeds of Python, NumPy and TensorFlow.

    Args:
        image_size: side of the slices in pixels.
        pooling: as the runtime plan says.
        micro_batches: likewise.
        seed: of weights and dropout.
        initial_logit: bias of the output among random weights.
        init_weights: `shipped`, workdir of another run, or an .h5 file of the slides' network.
        preprocessing: of the records that the network will see. Those that `init_weights` were trained on must have
            been made in the same way: other greys mean other things to them. An .h5 file says nothing about it, so
            nothing is compared; nor is it where this is None.

    Raises:
        DataError: the slices are too small, or the weights cannot be read, are for another image size, or come from
            records that were made in another way.
    """
    try:
        feature_size(image_size)
    except ValueError as error:
        raise DataError(f"the network cannot take slices of this size: {error}; make the records larger") from error
    tf.keras.utils.set_random_seed(seed)
    model = ContrastNet(image_size, pooling=pooling, micro_batches=micro_batches, dropout_seed=seed)
    if init_weights:
        model.set_weights(_read(init_weights, image_size, preprocessing))
    elif initial_logit:
        *others, bias = model.get_weights()
        model.set_weights([*others, np.full_like(bias, initial_logit)])
    return model


def weights_of(model: ContrastNet) -> NetworkWeights:
    """Returns the weights of a network, whatever precision it computes in: they are float32."""
    return NetworkWeights(model.image_size, tuple(model.get_weights()), model.dropout_rate)


def network_with(weights: NetworkWeights, *, pooling: str = "native") -> ContrastNet:
    """Returns a network of given weights, under the current dtype policy.

    Args:
        weights: its weights.
        pooling: as the runtime plan says.
    """
    model = ContrastNet(weights.image_size, pooling=pooling, dropout=weights.dropout)
    model.set_weights(weights.arrays)
    return model


def _read(name: str, image_size: int, preprocessing: Mapping[str, Any] | None) -> Sequence[np.ndarray]:
    if pretrained.is_weight_file(name):
        return read_h5_weights(Path(name), image_size)
    other, description = load_model(pretrained.model_folder(name))
    if preprocessing is not None:
        refuse_other_preprocessing(preprocessing, description, name)
    if other.image_size != image_size:
        raise DataError(f"{name}: trained on slices of {other.image_size} pixels, these records have {image_size}")
    return other.arrays
