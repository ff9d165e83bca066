"""What answers for files: networks, how their slices are made, and what was chosen for them."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from contrast_tfdata.evaluation import Choices, InputGate, OperatingPoint
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.h5_weights import read_h5_weights
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.scoring import carried, networks
from contrast_tfdata.scoring.evidence import evidence_maps
from contrast_tfdata.scoring.predictor import Predictor


@dataclasses.dataclass(frozen=True)
class Answerer:
    """Networks with all that it takes to answer with them.

    Attributes:
        networks: one, or the members of an ensemble.
        views: a slice's logit is the mean over these views of it.
        preprocessing: how slices are made.
        choices: where the answer changes, and the band around it.
        gate: which slices should not be answered.
        said: lines about the networks, for people.
    """

    networks: Sequence[NetworkWeights]
    views: Sequence[str]
    preprocessing: Preprocessing
    choices: Choices
    gate: InputGate
    said: Sequence[str]

    @classmethod
    def of_runs(cls, workdir: str) -> "Answerer":
        """Returns that of a run, of several, or of the shipped weights; raises as `networks.load`."""
        loaded, description = networks.load(workdir)
        return cls(
            loaded,
            model_views.stored(description),
            Preprocessing.from_json(description["preprocessing"]),
            carried.choices(description),
            carried.gate(description),
            networks.announcements(workdir, description),
        )

    @classmethod
    def of_slides(cls, path: str | os.PathLike, interpolation: str) -> "Answerer":
        """Returns that of an .h5 file with weights of the slides' network, fed as the slides fed it.

        Raises:
            DataError: it is no such file.
        """
        # Grey as stored, stretched to the square.
        preprocessing = Preprocessing(interpolation=interpolation, intensity="stored", aspect="stretch")
        arrays = read_h5_weights(path, preprocessing.image_size)
        point = OperatingPoint.fixed(reason="the slides' network carries no threshold")
        weights = NetworkWeights(preprocessing.image_size, tuple(arrays))
        said = [f"weights: of the SIIM notebook's network, from {os.fspath(path)}"]
        return cls([weights], model_views.PLAIN, preprocessing, Choices(point), InputGate(), said)

    def predictor(self) -> Predictor:
        """Returns the networks, ready to answer."""
        return Predictor(self.networks, self.views)

    def evidence(self, images: np.ndarray) -> np.ndarray:
        """Returns maps of the evidence, (N, S, S) float32, of (N, S, S) uint8."""
        return evidence_maps(self.networks, images, self.views)
