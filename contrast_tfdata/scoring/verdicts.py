"""What all slices of one series say together, whether that is an answer, and whether its header says the same."""

import dataclasses

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Choices
from contrast_tfdata.evaluation.operating_point import answers
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.intake.stacks import NOT_T1, Stack

INDETERMINATE = "indeterminate"
"""The verdict where the network should not answer."""
UNLIKE_T1 = "unlike_t1"
"""Why a series is not T1, where its pictures say so and not its header."""
IN_BAND = "unsure"
"""Why a series is indeterminate: its probability lies in the band that the model carries."""


@dataclasses.dataclass(frozen=True)
class SeriesVerdict:
    """What all slices of one acquisition say together.

    Attributes:
        stack: the series.
        num_slices: slices that were scored.
        probability: of contrast: the sigmoid of the mean logit; None where nothing was scored.
        prediction: 0 or 1 at the operating point, also where the verdict is indeterminate; None likewise.
        claim: what the headers of its files say.
        reason: why the verdict is not the prediction; "" where it is.
    """

    stack: Stack
    num_slices: int
    probability: float | None
    prediction: int | None
    claim: Claim = Claim.SILENT
    reason: str = ""

    @classmethod
    def at(
        cls, choices: Choices, stack: Stack, logits: np.ndarray, claim: Claim = Claim.SILENT, refusal: str = ""
    ) -> "SeriesVerdict":
        """Returns the verdict on a series: the one place where its probability becomes an answer.

        Args:
            choices: where the answer changes, and the band around it, if there is one, in which none is given.
            stack: the series.
            logits: (n,) of its slices, n >= 1.
            claim: of its headers.
            refusal: why the network should not have been asked, "" where it may be.
        """
        probability = float(sigmoid(np.mean(logits)))
        is_unsure = choices.band is not None and bool(choices.band.is_indeterminate(probability))
        prediction = int(answers(probability, choices.operating_point.threshold))
        return cls(stack, len(logits), probability, prediction, claim, refusal or (IN_BAND if is_unsure else ""))

    @classmethod
    def unscored(cls, stack: Stack, reason: str, claim: Claim = Claim.SILENT) -> "SeriesVerdict":
        """Returns the verdict on a series of which nothing was scored, for a reason of `slices.OUT_OF_SCOPE`."""
        return cls(stack, 0, None, None, claim, reason)

    @property
    def name(self) -> str:
        """Path of its first file."""
        return self.stack.name

    @property
    def verdict(self) -> str:
        """`no_gad`, `with_gad`, `indeterminate` or `not_t1`."""
        if self.reason in (NOT_T1, UNLIKE_T1):
            return NOT_T1
        return INDETERMINATE if self.reason else CLASS_NAMES[self.prediction]

    @property
    def header(self) -> str:
        """How the header stands to the verdict: one of `HEADERS`.

        A header that says both is no conflict: in a dynamic series it is right, and otherwise the pixels settle it.
        Where the network does not answer, a header that does neither agrees nor conflicts with it: `unanswered`.
        """
        if self.claim in (Claim.SILENT, Claim.CONTRADICTORY):
            return self.claim.code
        if self.verdict in (INDETERMINATE, NOT_T1):
            return "unanswered"
        return "agree" if self.claim.code == self.verdict else "conflict"


HEADERS = ("agree", "conflict", "silent", "contradictory", "unanswered")
"""All that `SeriesVerdict.header` may be."""
