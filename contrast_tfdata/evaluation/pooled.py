"""Predictions of several networks taken together, each answering at its own threshold."""

from collections.abc import Sequence

import numpy as np

from contrast_tfdata.evaluation.contents import Figures
from contrast_tfdata.evaluation.metrics import classification, confusion_matrix, metrics_at
from contrast_tfdata.evaluation.operating_point import DEFAULT_THRESHOLD
from contrast_tfdata.evaluation.predictions import Predictions, join


def pooled_figures(parts: Sequence[tuple[Predictions, float]]) -> Figures:
    """Returns the figures of all parts as one split.

    The AUC compares logits of different networks as if they had one scale: B. J. Parker et al., BMC Bioinformatics 8
    (2007) 326, show that it is a little too low where they have not.

    Args:
        parts: predictions and the threshold of the network that made them, one or more.

    Returns:
        As `metrics_at`, but that answers are those at each part's own threshold; `threshold` says nothing then.
    """
    whole = join([predictions for predictions, _ in parts])
    given = np.concatenate([predictions.labelled().prediction(threshold) for predictions, threshold in parts])
    matrix = confusion_matrix(whole.labelled().label, given)
    return {**metrics_at(whole, DEFAULT_THRESHOLD), **classification(matrix)}
