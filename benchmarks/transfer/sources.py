"""Real slices with labels, prepared as a network's own preprocessing says."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.transfer.figures import Scored
from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.images import reading
from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake.files import list_files
from contrast_tfdata.intake.selection import SliceSelection

PATIENT = {"jpeg": re.compile("([^_/]+)_[^/]*$"), "nifti": re.compile(r"([^/.]+)\.nii")}
"""For each folder of real images: its first group, searched in a file's name, is the patient (or what stands for it).

A series is what one patient has in one class: the pictures of a name, or a volume.
"""


@dataclasses.dataclass(frozen=True)
class Source:
    """Slices of one folder.

    Attributes:
        images: (n, S, S) uint8.
        matched: the same with their foreground histograms matched to one reference.
        labels: (n,) int64.
        series, patients: (n,) names.
    """

    images: np.ndarray
    matched: np.ndarray
    labels: np.ndarray
    series: np.ndarray
    patients: np.ndarray

    def scored(self, predict: Callable[[np.ndarray], np.ndarray]) -> Scored:
        """Returns the answers of a network, given as a function from images to logits."""
        return Scored(self.labels, self.series, self.patients, predict(self.images), predict(self.matched))


def read(folder: Path, preprocessing: Preprocessing) -> Source:
    """Reads folder/no_gad and folder/with_gad; of volumes the middle third of the sagittal slices, as commands do."""
    images, rows = [], []
    for label, name in enumerate(CLASS_NAMES):
        for file in list_files(folder / name).files:
            data = file.read()
            facts = reading.scan(data)
            indices = SliceSelection().indices(facts.num_slices) if facts.num_slices > 1 else (0,)
            patient = PATIENT[folder.name].search(file.path).group(1)
            for each in reading.read(data, facts, indices):
                images.append(preprocessing(each))
                rows.append((label, f"{patient} {name}", patient))
    labels, series, patients = map(np.array, zip(*rows, strict=True))
    return Source(np.stack(images), np.stack([match_foreground(each) for each in images]), labels, series, patients)
