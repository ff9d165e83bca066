"""Maps of what a network took for contrast agent, as colours to lay over a slice."""

import numpy as np

from contrast_tfdata.images.preprocessing import resize
from contrast_tfdata.report.colours import BLUE, VERMILLION

_SIDE = 96
"""Of a map on the page, in pixels at most: a browser smooths them, and a page of many stays small."""
_DENSEST = 0.7
"""Opacity of the strongest evidence: what lies below must stay visible."""
_FULL_PERCENTILE = 99.0
"""Evidence from this percentile of a map's values (signs apart) has the densest colour."""


def overlay(evidence: np.ndarray) -> np.ndarray:
    """Returns a map as (h, w, 4) uint8 RGBA: vermillion where it is above 0, blue below, clear where it is 0.

    Strength is opacity and sign is hue, of two colours that can be told apart with any kind of colour vision, so the
    grey picture below shows through unchanged where the network saw nothing. Every map is scaled for itself.

    Args:
        evidence: (height, width), finite; above 0 speaks for with_gad.

    Raises:
        ValueError: another shape, or values that are not finite.
    """
    if evidence.ndim != 2 or not np.isfinite(evidence).all():
        raise ValueError(f"A map must be (height, width) and finite. Received: shape={evidence.shape}")
    scale = min(1.0, _SIDE / max(evidence.shape))
    height, width = (max(1, round(scale * side)) for side in evidence.shape)
    small = resize(evidence, (height, width), "area")
    full = np.percentile(np.abs(small), _FULL_PERCENTILE) or np.abs(small).max()
    strength = np.minimum(np.abs(small) / full, 1) if full > 0 else np.zeros(small.shape)
    colours = np.where((small > 0)[..., np.newaxis], _rgb(VERMILLION), _rgb(BLUE))
    opacity = np.rint(255 * _DENSEST * strength)[..., np.newaxis]
    return np.concatenate([colours, opacity], axis=-1).astype(np.uint8)


def _rgb(colour: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
