"""Slices on which an exported network is compared with the original, and from which 8-bit ranges are taken."""

import dataclasses
import math
from itertools import islice
from pathlib import Path

import numpy as np

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.records.manifest import Manifest, require_split
from contrast_tfdata.records.verification import read_split

MAX_COMPARED = 1000
"""Slices that are compared: the AUC of more would hardly be surer, and these take 110 MB."""
MAX_REPRESENTATIVE = 200
"""Slices from which the ranges of 8 bits are taken."""
COMPARED_SEED, REPRESENTATIVE_SEED = 20, 21
"""Of synthetic patients: other ones for the one than for the other."""
_PATIENTS = 4


@dataclasses.dataclass(frozen=True)
class Sample:
    """Slices as a network gets them.

    Attributes:
        pixels: (N, S, S) uint8.
        labels: (N,) int64, 0 or 1.
        source: what they are, for people.
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.labels)


def of_records(records_dir: Path, manifest: Manifest, split: str, most: int) -> Sample:
    """Returns the slices of a split, evenly spaced `most` of them where it has more.

    Raises:
        DataError: there is no such split.
    """
    info = require_split(records_dir, manifest, split)
    step = math.ceil(info.records / most)
    records = list(islice(read_split(records_dir, info), 0, None, step))
    pixels, labels = np.stack([each.pixels for each in records]), np.array([each.label for each in records])
    return Sample(pixels, labels, f"{len(records)} of {info.records} {split} slices")


def of_phantom(preprocessing: Preprocessing, seed: int) -> Sample:
    """Returns slices of a few synthetic patients, painted here and now: for want of others.

    Raises:
        DataError: the brain maps are not installed.
    """
    from contrast_tfdata import phantom

    slices, labels = [], []
    for number in range(_PATIENTS):
        patient = phantom.generate_patient(seed, number, phantom.PhantomOptions())
        slices += [*patient.pre, *patient.post]
        labels += [0] * len(patient.pre) + [1] * len(patient.post)
    pixels = np.stack([preprocessing(each) for each in slices])
    return Sample(pixels, np.array(labels), f"{len(labels)} synthetic slices of {_PATIENTS} patients")
