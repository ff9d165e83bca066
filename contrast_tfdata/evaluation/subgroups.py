"""The figures of a split by scanner, field strength and whatever else tells its slices apart."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from contrast_tfdata.evaluation.metrics import metrics_at
from contrast_tfdata.evaluation.predictions import Predictions
from contrast_tfdata.evaluation.series import members_of_series

KEYS = ("num_examples", "num_groups", "auc", "auc_ci95", "accuracy", "accuracy_ci95", "sensitivity", "specificity")
"""Figures of each part, as `metrics_at` explains them."""

PLACE = "place in the volume"
"""What tells slices near the middle of those taken of a volume from the lateral ones; known wherever a volume is."""
MIDDLE, LATERAL = "middle half", "lateral half"

UNKNOWN = "unknown"
"""Where a slice does not say what others say."""
MAX_PARTS = 20
"""Most parts of one kind; the smallest ones beyond are left out: by so many a table tells nothing."""

_FEWEST = 4  # Slices of a series below which it has no middle half.


def subgroups(predictions: Predictions, metadata: Sequence[Mapping[str, str]], threshold: float) -> list[dict]:
    """Returns what metrics.json says about parts of a split.

    Args:
        predictions: all slices of a split; those of unknown class are left out.
        metadata: for each of them what its record says, by kind: {"vendor": "GE"}; slices may say different kinds.
        threshold: the operating point, the same for all parts.

    Returns:
        For each part `name` (the kind), `value` and the `KEYS`: kinds in the order of their names, the place in the
        volume last, the largest part of a kind first. A kind in which all slices are alike is left out.

    Raises:
        ValueError: `metadata` is of another length.
    """
    if len(metadata) != len(predictions):
        raise ValueError(f"One mapping a slice is needed. Received: {len(metadata)} for {len(predictions)} slices")
    kinds = {
        name: [each.get(name, UNKNOWN) for each in metadata]
        for name in sorted({name for each in metadata for name in each})
    }
    kinds[PLACE] = places(predictions)
    return [row for name, values in kinds.items() for row in _parts(name, np.array(values), predictions, threshold)]


def _parts(name: str, values: np.ndarray, predictions: Predictions, threshold: float) -> list[dict]:
    counts = Counter(values.tolist())
    if len(counts) < 2:
        return []
    largest = sorted(counts, key=lambda value: (-counts[value], value))[:MAX_PARTS]
    rows = []
    for value in largest:
        part = predictions.select(values == value)
        if len(part.labelled()):
            figures = metrics_at(part, threshold)
            rows.append({"name": name, "value": value, **{key: figures[key] for key in KEYS}})
    return rows


def places(predictions: Predictions) -> list[str]:
    """Returns for each slice whether it lies in the middle half of its series' slices; `UNKNOWN` in short series.

    The slices of a volume are taken evenly to both sides of its middle (see `images.selection`), which mostly is the
    midline of the head.
    """
    found = [UNKNOWN] * len(predictions)
    for members in members_of_series(predictions):
        indices = predictions.slice_index[members]
        low, high = int(indices.min()), int(indices.max())
        if len(members) < _FEWEST or low == high:
            continue
        for position, index in zip(members, indices, strict=True):
            off_centre = abs(2 * int(index) - low - high)
            found[position] = MIDDLE if 2 * off_centre <= high - low else LATERAL
    return found
