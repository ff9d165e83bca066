"""Which slices a person should look at again."""

import numpy as np

from contrast_tfdata.evaluation.metrics import log_losses
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL, Predictions


def misclassified(predictions: Predictions, threshold: float) -> np.ndarray:
    """Returns the int64 positions of slices whose answer contradicts their label, the most confident errors first."""
    ranked = suspected_labels(predictions)
    return ranked[predictions.prediction(threshold)[ranked] != predictions.label[ranked]]


def suspected_labels(predictions: Predictions) -> np.ndarray:
    """Returns the positions of all labelled slices, the one whose label the network believes least first.

    The order is that of the self-confidence of C. G. Northcutt et al., Journal of Artificial Intelligence Research 70
    (2021) 1373-1411: the probability given to the label that stands in the data. It means something only for slices
    that the network was not trained on.

    Args:
        predictions: any split; slices of unknown class are left out.

    Returns:
        (k,) int64 positions in `predictions`; equal ones in their given order.
    """
    known = np.flatnonzero(predictions.label != UNKNOWN_LABEL)
    return known[np.argsort(-log_losses(predictions.label[known], predictions.logit[known]), kind="stable")]
