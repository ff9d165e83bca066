"""Whether slices show a T1-weighted head at all: the second network of the package, asked beside the first.

It was learned from synthetic patients as the first one was (flags/sequences.flags), and is asked only where the header
does not say T1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from contrast_tfdata.evaluation.predictions import logit
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.model.weights import load_model
from contrast_tfdata.scoring import carried
from contrast_tfdata.scoring.predictor import Predictor


class SequenceDetector:
    """A network that tells other sequences from T1.

    Attributes:
        threshold: the mean logit of a series above which it shows another sequence.
    """

    def __init__(self, predict: Predictor, threshold: float):
        self._predict = predict
        self.threshold = threshold

    @classmethod
    def for_slices(cls, preprocessing: Mapping[str, Any]) -> "SequenceDetector | None":
        """Returns the package's detector; None where slices are made in another way than those it learned from.

        Args:
            preprocessing: of the slices, as model.json has it.

        Raises:
            DataError: the package is damaged.
        """
        weights, description = load_model(pretrained.sequence_directory())
        if dict(description["preprocessing"]) != dict(preprocessing):
            return None
        threshold = float(logit(carried.choices(description).operating_point.threshold))
        return cls(Predictor([weights], views.stored(description)), threshold)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits, (N,) float32, of (N, S, S) uint8: above `threshold` for another sequence."""
        return self._predict(images)
