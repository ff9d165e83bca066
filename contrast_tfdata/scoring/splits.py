"""Scores of one split of a folder of records."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from contrast_tfdata.evaluation import ConfounderScores, InputGate, Predictions
from contrast_tfdata.evaluation.confounders import trivial_scores
from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.images.perturbations import PERTURBATIONS, Perturbation
from contrast_tfdata.model.inference import Predictor
from contrast_tfdata.model.views import PLAIN
from contrast_tfdata.records.codec import SliceRecord
from contrast_tfdata.records.manifest import Manifest
from contrast_tfdata.records.verification import read_split
from contrast_tfdata.scoring.batching import score_stream

MAX_MEASURED = 2000
"""Slices that a gate is made of: about three seconds."""


@dataclasses.dataclass(frozen=True)
class Scoring:
    """Where records are, and how a network scores them.

    Attributes:
        records_dir: the records.
        manifest: theirs.
        batch_size: slices scored at once.
        jit_compile: whether XLA compiles the forward pass.
        views: a logit is the mean over these views of its slice.
    """

    records_dir: Path
    manifest: Manifest
    batch_size: int
    jit_compile: bool
    views: Sequence[str] = PLAIN

    def records(self, split: str) -> Iterator[SliceRecord]:
        """Yields a split's records in their order; it must exist."""
        return read_split(self.records_dir, self.manifest.splits[split])

    def predictor(self, model: tf.keras.Model) -> Predictor:
        """Returns a `ContrastNet` as a function from slices to logits."""
        return Predictor(model, self.batch_size, jit_compile=self.jit_compile, views=self.views)


def score_split(model: tf.keras.Model, scoring: Scoring, split: str) -> Predictions | None:
    """Scores every record of a split once, in the order of the records.

    Args:
        model: a `ContrastNet`.
        scoring: how, and which records.
        split: name of the split.

    Returns:
        The predictions; None where there is no such split.

    Raises:
        DataError: a record cannot be read; names it.
    """
    if split not in scoring.manifest.splits:
        return None
    rows = []

    def pixels() -> Iterator[np.ndarray]:
        for record in scoring.records(split):
            rows.append((record.source, record.slice_index, record.example_id, record.group, record.label))
            yield record.pixels

    logits = score_stream(scoring.predictor(model), pixels(), scoring.batch_size)
    return Predictions(*zip(*rows, strict=True), logits)


def check_split(model: tf.keras.Model, scoring: Scoring, split: str) -> ConfounderScores:
    """Scores every record of a split again without its brightness, and measures what is trivial about it.

    Arguments are those of `score_split`.

    Returns:
        The scores, in the order of the records, as `score_split` has them.

    Raises:
        DataError: a record cannot be read; names it.
    """
    rows = []

    def matched() -> Iterator[np.ndarray]:
        for record in scoring.records(split):
            size = {"file_bytes": record.source_bytes, "image_pixels": math.prod(record.source_shape)}
            rows.append({**trivial_scores(record.pixels), **size})
            yield match_foreground(record.pixels)

    logits = score_stream(scoring.predictor(model), matched(), scoring.batch_size)
    return ConfounderScores(logits, {name: np.array([row[name] for row in rows]) for name in rows[0]})


def score_perturbed(
    model: tf.keras.Model, scoring: Scoring, split: str, seed: int = 0
) -> dict[Perturbation, np.ndarray]:
    """Scores every record of a split again after each perturbation; needs the time of `score_split` for each of them.

    Arguments are those of `score_split`, and the seed of what the perturbations draw.

    Returns:
        (n,) logits in the order of the records, as `score_split` has them, by perturbation.

    Raises:
        DataError: a record cannot be read; names it.
    """
    predictor = scoring.predictor(model)

    def changed(perturbation: Perturbation) -> Iterator[np.ndarray]:
        for number, record in enumerate(scoring.records(split)):
            yield perturbation(record.pixels, seed, number)

    return {each: score_stream(predictor, changed(each), scoring.batch_size) for each in PERTURBATIONS}


def told_of(scoring: Scoring, split: str) -> list[dict[str, str]]:
    """Returns what each record of a split says about its slice, by kind, in the order of the records.

    Raises:
        DataError: a record cannot be read; names it.
    """
    return [dict(record.subgroups) for record in scoring.records(split)]


def gate_around(records_dir: Path, manifest: Manifest, split: str) -> InputGate:
    """Returns the gate around the slices of a split, evenly spaced `MAX_MEASURED` of them where it has more."""
    if split not in manifest.splits:
        return InputGate.around(())
    info = manifest.splits[split]
    step = math.ceil(info.records / MAX_MEASURED) or 1
    return InputGate.around(record.pixels for record in islice(read_split(records_dir, info), 0, None, step))


def read_images(
    records_dir: Path, manifest: Manifest, split: str, example_ids: Collection[str]
) -> dict[str, np.ndarray]:
    """Returns the pixels, (S, S) uint8, of some records of a split by their id."""
    if split not in manifest.splits or not example_ids:
        return {}
    records = read_split(records_dir, manifest.splits[split])
    return {record.example_id: record.pixels for record in records if record.example_id in example_ids}
