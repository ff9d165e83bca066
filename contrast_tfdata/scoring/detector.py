"""Whether slices show a T1-weighted head at all: the second network of the package, asked beside the first.

It was learned from synthetic patients as the first one was (flags/sequences.flags), and is asked only where the header
does not say T1.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from contrast_tfdata.evaluation.predictions import logit
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.model.weights import load_description, load_model
from contrast_tfdata.scoring import carried
from contrast_tfdata.scoring.predictor import Predictor


class SequenceDetector:
    """A network that tells other sequences from T1; its weights are read when it is first asked.

    Args:
        description: of the network, as `weights.load_description` returns it.

    Attributes:
        threshold: the mean logit of a series above which it shows another sequence.
    """

    def __init__(self, description: Mapping[str, Any]):
        self._views = views.stored(description)
        self.threshold = float(logit(carried.choices(description).operating_point.threshold))

    @classmethod
    def for_slices(cls, preprocessing: Mapping[str, Any]) -> "SequenceDetector | None":
        """Returns the package's detector; None where slices are made in another way than those it learned from.

        Args:
            preprocessing: of the slices, as model.json has it.

        Raises:
            DataError: the package is damaged.
        """
        description = load_description(pretrained.sequence_directory())
        return cls(description) if dict(description["preprocessing"]) == dict(preprocessing) else None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits, (N,) float32, of (N, S, S) uint8: above `threshold` for another sequence.

        Raises:
            DataError: the package is damaged.
        """
        return self._predict(images)

    @functools.cached_property
    def _predict(self) -> Predictor:
        weights, _ = load_model(pretrained.sequence_directory())
        return Predictor([weights], self._views)
