"""What could fake a good AUC: scores that look at no anatomy, and what the network's AUC owes to brightness.

A trivial score is one number of a slice that nobody would take for a finding. Where its AUC is high, the classes of
that data set differ in something besides contrast (scanner, window, framing), and a network may have learned no more.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.evaluation.metrics import discrimination, known_groups
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL, Predictions
from contrast_tfdata.images.preprocessing import foreground_floor

BRIGHT_GREY = 180
"""A pixel above it is bright."""
_GREYS = np.arange(256)


@dataclasses.dataclass(frozen=True, eq=False)
class ConfounderScores:
    """What was measured beside the predictions of a split, in the order of their rows.

    Attributes:
        matched_logit: (n,) what the network says of each slice after `images.histogram.match_foreground`.
        trivial: (n,) values of each trivial score by its name.

    Raises:
        ValueError: columns of different length.
    """

    matched_logit: np.ndarray
    trivial: Mapping[str, np.ndarray]

    def __post_init__(self):
        lengths = {"matched_logit": len(self.matched_logit), **{key: len(each) for key, each in self.trivial.items()}}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"All columns must be of one length. Received: {lengths}")


def trivial_scores(pixels: np.ndarray) -> dict[str, float]:
    """Returns the trivial scores of a slice's pixels as the network gets them, by name.

    Args:
        pixels: (height, width) uint8, 0 black.

    Returns:
        `mean_grey`, of the foreground (as `images.preprocessing` defines it), 0 where there is none;
        `mean_grey_image`, of all pixels; `bright_share`, pixels above `BRIGHT_GREY` among the foreground's;
        `foreground_share`, of the image: how much of the frame the head fills.
    """
    counts = np.bincount(pixels.ravel(), minlength=256)
    foreground = counts * (foreground_floor(pixels) < _GREYS)
    size = max(int(foreground.sum()), 1)
    return {
        "mean_grey": float(foreground @ _GREYS / size),
        "mean_grey_image": float(counts @ _GREYS / pixels.size),
        "bright_share": float(foreground[BRIGHT_GREY + 1 :].sum() / size),
        "foreground_share": float(foreground.sum() / pixels.size),
    }


def confounders(predictions: Predictions, scores: ConfounderScores) -> dict:
    """Returns what metrics.json says about them.

    Args:
        predictions: of the same slices; those of unknown class are left out.
        scores: what was measured.

    Returns:
        A mapping that JSON can hold: `auc_histogram_matched`, its `..._ci95` and `..._ci95_by_group` as in
        `metrics_at`, and `trivial`: of each score its `auc` in the better direction, so in [0.5, 1], that figure's
        `..._ci95` and `..._ci95_by_group`, and `higher_in`, the class whose slices have the higher values (None where
        neither has). Where a class is missing, all are None.

    Raises:
        ValueError: another number of slices.
    """
    if len(scores.matched_logit) != len(predictions):
        received = f"{len(scores.matched_logit)} scores of {len(predictions)} slices"
        raise ValueError(f"Each slice must have its scores. Received: {received}")
    known = predictions.label != UNKNOWN_LABEL
    scored = predictions.labelled()
    groups = known_groups(scored.group)
    matched = discrimination(scored.label, np.asarray(scores.matched_logit)[known], groups)
    return {
        **{key.replace("auc", "auc_histogram_matched", 1): value for key, value in matched.items()},
        "trivial": {name: _separation(scored.label, each[known], groups) for name, each in scores.trivial.items()},
    }


def _separation(labels: np.ndarray, values: np.ndarray, groups: Sequence[str] | None) -> dict:
    values = np.asarray(values, np.float64)
    components = auc_components(labels, values)
    if components is None:
        return {"auc": None, "auc_ci95": None, "auc_ci95_by_group": None, "higher_in": None}
    higher = None if components.auc == 0.5 else CLASS_NAMES[int(components.auc > 0.5)]
    better_way = values if components.auc >= 0.5 else -values
    return {**discrimination(labels, better_way, groups), "higher_in": higher}
