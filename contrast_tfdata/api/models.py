"""Trained networks as Keras models."""

from contrast_tfdata.model import pretrained
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import network_with
from contrast_tfdata.model.weights import load_model as load_weights


def load_model(workdir: str = pretrained.NAME) -> ContrastNet:
    """Returns a trained network.

    It answers slices that were made as those that it was trained on: same size, same greys (see `make_records`).

    Args:
        workdir: `shipped` for the weights of this package, or the folder of a trained run.

    Raises:
        DataError: it cannot be read.
    """
    weights, _ = load_weights(pretrained.model_folder(workdir))
    return network_with(weights)
