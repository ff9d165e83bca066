"""What all slices of one series say together, and whether its header says the same."""

import dataclasses

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.images.contrast_claims import Claim


@dataclasses.dataclass(frozen=True)
class SeriesVerdict:
    """What all slices of one acquisition say together.

    Attributes:
        name: path of its file, or of the first file of a DICOM series.
        num_slices: slices that were scored.
        probability: of contrast: the sigmoid of the mean logit.
        prediction: 0 or 1 at the operating point.
        claim: what the headers of its files say.
    """

    name: str
    num_slices: int
    probability: float
    prediction: int
    claim: Claim = Claim.SILENT

    @classmethod
    def at(cls, point: OperatingPoint, name: str, logits: np.ndarray, claim: Claim = Claim.SILENT) -> "SeriesVerdict":
        """Returns the verdict on a series: the one place where its probability becomes an answer.

        Args:
            point: where the answer changes.
            name: of the series.
            logits: (n,) of its slices, n >= 1.
            claim: of its headers.
        """
        probability = float(sigmoid(np.mean(logits)))
        return cls(name, len(logits), probability, int(probability > point.threshold), claim)

    @property
    def class_name(self) -> str:
        """`no_gad` or `with_gad`."""
        return CLASS_NAMES[self.prediction]

    @property
    def header(self) -> str:
        """How the header stands to the verdict: `agree`, `conflict`, `silent` or `contradictory` (in itself).

        A header that says both is no conflict: in a dynamic series it is right, and otherwise the pixels settle it.
        """
        if self.claim in (Claim.SILENT, Claim.CONTRADICTORY):
            return self.claim.code
        return "agree" if self.claim.code == self.class_name else "conflict"


HEADERS = ("agree", "conflict", "silent", "contradictory")
"""All that `SeriesVerdict.header` may be."""
