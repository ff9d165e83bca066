"""Several networks, or several views of a slice, that answer as one: by the mean of their logits."""

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from contrast_tfdata.model.contrast_net import ContrastNet


def mean_logits(pairs: Iterable[tuple[Any, tf.Tensor]]) -> tf.Tensor:
    """Returns the mean of the logits, (N, 1) float32, that each network gives to its slices.

    Args:
        pairs: of what is called as a `ContrastNet` is, and (N, S, S[, C]) slices; N is the same for all.
    """
    logits = []
    for network, slices in pairs:
        # One after the other: TensorFlow would start all, with the memory of all.
        with tf.control_dependencies(logits[-1:]):
            logits.append(network(tf.identity(slices), training=False))
    return tf.add_n(logits) / len(logits)


class Ensemble(tf.Module):
    """Networks whose logits are averaged: for scoring, as a `ContrastNet` is called.

    Args:
        members: one or more, in float32 and of one image size.

    Raises:
        ValueError: there is none, or their image sizes differ.
    """

    def __init__(self, members: Sequence[ContrastNet]):
        super().__init__(name="ensemble")
        sizes = sorted({member.image_size for member in members})
        if len(sizes) != 1:
            raise ValueError(f"`members` must be networks of one image size. Received: sizes {sizes}")
        self.members = tuple(members)
        self.image_size = sizes[0]

    def __call__(self, images, training: bool = False) -> tf.Tensor:
        """Returns the mean of the members' logits, (N, 1) float32, of images as `ContrastNet` takes them."""
        if training:
            raise ValueError("An ensemble is not trained; its members are.")
        return mean_logits([(member, images) for member in self.members])

    def count_params(self) -> int:
        """Returns how many numbers all members hold together."""
        return sum(member.count_params() for member in self.members)


def members_of(network: ContrastNet | Ensemble) -> tuple[ContrastNet, ...]:
    """Returns the members of an ensemble, or the one network that it is."""
    return network.members if isinstance(network, Ensemble) else (network,)
