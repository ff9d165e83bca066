"""Scores of one split of a folder of records."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from contrast_tfdata.evaluation import ConfounderScores, InputGate, Predictions, SplitScores
from contrast_tfdata.evaluation.confounders import trivial_scores
from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.images.perturbations import PERTURBATIONS, Perturbation
from contrast_tfdata.model.views import PLAIN
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.records.codec import SliceRecord
from contrast_tfdata.records.manifest import Manifest
from contrast_tfdata.records.verification import read_split
from contrast_tfdata.scoring.batching import batches, score_stream
from contrast_tfdata.scoring.predictor import Predictor

MAX_MEASURED = 2000
"""Slices that a gate is made of: about three seconds."""


class Scorer:
    """Networks that answer together, and the records that they score.

    Args:
        networks: a network's weights, or those of an ensemble's members.
        records_dir: the records.
        manifest: theirs.
        batch_size: slices in memory at once.
        views: a logit is the mean over these views of its slice.
    """

    def __init__(
        self,
        networks: Sequence[NetworkWeights],
        records_dir: Path,
        manifest: Manifest,
        *,
        batch_size: int,
        views: Sequence[str] = PLAIN,
    ):
        self._predict = Predictor(networks, views)
        self._records_dir = records_dir
        self._manifest = manifest
        self._batch_size = batch_size

    def score(self, split: str, *, check: bool = False) -> SplitScores | None:
        """Reads and scores every record of a split once.

        Args:
            split: its name.
            check: score each slice again without its brightness, and measure what is trivial about it.

        Returns:
            The scores; None where there is no such split.

        Raises:
            DataError: a record cannot be read; names it.
        """
        if split not in self._manifest.splits:
            return None
        rows, metadata, trivial, logits, matched = [], [], [], [], []
        for batch in batches(self._records(split), self._batch_size):
            rows += [(each.source, each.slice_index, each.example_id, each.group, each.label) for each in batch]
            metadata += [dict(each.subgroups) for each in batch]
            logits.append(self._predict(np.stack([each.pixels for each in batch])))
            if check:
                trivial += map(_trivial, batch)
                matched.append(self._predict(np.stack([match_foreground(each.pixels) for each in batch])))
        predictions = Predictions(*zip(*rows, strict=True), np.concatenate(logits))
        columns = {name: np.array([each[name] for each in trivial]) for name in trivial[0]} if check else {}
        checked = ConfounderScores(np.concatenate(matched), columns) if check else None
        return SplitScores(predictions, metadata, checked)

    def score_perturbed(self, split: str, scores: SplitScores, seed: int = 0) -> SplitScores:
        """Scores every record of a split after each perturbation; needs the time of `score` for each of them.

        Args:
            split: its name.
            scores: what `score` returned of it.
            seed: of what the perturbations draw.

        Returns:
            The same with `perturbed`.

        Raises:
            DataError: a record cannot be read; names it.
        """

        def changed(perturbation: Perturbation) -> Iterator[np.ndarray]:
            for number, record in enumerate(self._records(split)):
                yield perturbation(record.pixels, seed, number)

        logits = {each: score_stream(self._predict, changed(each), self._batch_size) for each in PERTURBATIONS}
        return dataclasses.replace(scores, perturbed=logits)

    def _records(self, split: str) -> Iterator[SliceRecord]:
        return read_split(self._records_dir, self._manifest.splits[split])


def _trivial(record: SliceRecord) -> dict[str, float]:
    """Returns scores of a slice for which nobody has to look at anatomy, by name."""
    size = {"file_bytes": record.source_bytes, "image_pixels": math.prod(record.source_shape)}
    return {**trivial_scores(record.pixels), **size}


def gate_around(records_dir: Path, manifest: Manifest, split: str) -> InputGate:
    """Returns the gate around the slices of a split, evenly spaced `MAX_MEASURED` of them where it has more."""
    if split not in manifest.splits:
        return InputGate.around(())
    info = manifest.splits[split]
    step = math.ceil(info.records / MAX_MEASURED) or 1
    return InputGate.around(record.pixels for record in islice(read_split(records_dir, info), 0, None, step))


def are_synthetic(records_dir: Path, manifest: Manifest) -> bool:
    """Returns whether the records are of synthetic patients, which have no files; one source makes all records."""
    first = next(iter(manifest.splits.values()))
    return next(read_split(records_dir, first)).source_bytes == 0


def read_images(
    records_dir: Path, manifest: Manifest, split: str, example_ids: Collection[str]
) -> dict[str, np.ndarray]:
    """Returns the pixels, (S, S) uint8, of some records of a split by their id."""
    if split not in manifest.splits or not example_ids:
        return {}
    records = read_split(records_dir, manifest.splits[split])
    return {record.example_id: record.pixels for record in records if record.example_id in example_ids}
