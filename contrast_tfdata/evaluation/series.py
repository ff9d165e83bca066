"""Slices to series: what the slices of one acquisition say together."""

from collections import defaultdict

import numpy as np

from contrast_tfdata.evaluation.predictions import Predictions


def per_series(predictions: Predictions) -> Predictions:
    """Returns one row a series, in the order of its first slice, whose logit is the mean of its slices' logits.

    Records do not hold the UID of a DICOM series. So a series is here what they do tell apart: the slices of one file,
    where a file holds several (a NIfTI volume); else the slices of one group and class whose files lie in one folder,
    as those of a DICOM series do. Two acquisitions of one patient in one folder of single-slice files count as one. A
    file whose group is not known is a series of its own.

    Args:
        predictions: any split.

    Returns:
        Predictions in which path, slice_index, example_id, group and label are those of each series' first slice. A
        file with slices of both classes, which no acquisition can be, gives a series for each class.
    """
    members = members_of_series(predictions)
    first = predictions.select(np.array([positions[0] for positions in members], np.int64))
    logits = [float(np.mean(predictions.logit[positions])) for positions in members]
    return Predictions(first.path, first.slice_index, first.example_id, first.group, first.label, logits)


def members_of_series(predictions: Predictions) -> list[list[int]]:
    """Returns the rows of each series, rising, in the order of `per_series`."""
    rows = defaultdict(list)
    for position, key in enumerate(_keys(predictions)):
        rows[key].append(position)
    return list(rows.values())


def _keys(predictions: Predictions) -> list[tuple]:
    slices = defaultdict(int)
    for path in predictions.path:
        slices[path] += 1
    columns = zip(predictions.path, predictions.group, predictions.label.tolist(), strict=True)
    return [
        (path.rpartition("/")[0], group, label) if slices[path] == 1 and group else (path, label)
        for path, group, label in columns
    ]
