"""Scores of files as a clinic has them: pictures, DICOM series, NIfTI volumes; folders, archives or single files."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL, sigmoid
from contrast_tfdata.images import files
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.selection import SliceSelection, choose_slices
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.records.decoding import DecodedSlice, decode_unit
from contrast_tfdata.records.identity import example_id, group_key
from contrast_tfdata.records.plan import Rejection, scan_unit
from contrast_tfdata.records.units import FileUnit
from contrast_tfdata.records.workers import Workers


@dataclasses.dataclass(frozen=True)
class SeriesVerdict:
    """What all slices of one acquisition say together.

    Attributes:
        name: path of its file, or of the first file of a DICOM series.
        num_slices: slices that were scored.
        probability: of contrast: the sigmoid of the mean logit.
        prediction: 0 or 1 at the operating point.
    """

    name: str
    num_slices: int
    probability: float
    prediction: int

    @property
    def class_name(self) -> str:
        """`no_gad` or `with_gad`."""
        return CLASS_NAMES[self.prediction]


@dataclasses.dataclass(frozen=True)
class Scores:
    """Outcome of a prediction.

    Attributes:
        predictions: one row a slice.
        series: for each row the key of its series: files of a DICOM series share one.
        rejected: files that could not be used.
    """

    predictions: Predictions
    series: tuple[str, ...]
    rejected: tuple[Rejection, ...]

    def verdicts(self, threshold: float) -> list[SeriesVerdict]:
        """Summarises each series, in the order of its first slice."""
        rows = defaultdict(list)
        for position, key in enumerate(self.series):
            rows[key].append(position)
        verdicts = []
        for positions in rows.values():
            probability = float(sigmoid(np.mean(self.predictions.logit[positions])))
            name = self.predictions.path[positions[0]]
            verdicts.append(SeriesVerdict(name, len(positions), probability, int(probability > threshold)))
        return verdicts


Found = dict[str, FileUnit]


def find_inputs(inputs: Sequence[str], *, max_bytes: int) -> tuple[Found, list[Rejection]]:
    """Lists the files below all inputs, by the path under which a person would find them again.

    A folder called like a class gives its files that label, so that predictions on sorted data can be scored.

    Raises:
        DataError: an input does not exist or is a damaged archive.
    """
    found, rejected = {}, []
    for name in inputs:
        listing = files.list_files(name, max_bytes)
        for file in listing.files:
            path = _shown_path(name, file)
            found[path] = FileUnit(file, _label_of(path))
        rejected += [Rejection(os.path.join(name, each.path), each.code, each.detail) for each in listing.problems]
    return found, rejected


def score_files(
    found: Found,
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    preprocessing: Preprocessing,
    selection: SliceSelection,
    batch_size: int,
    workers: Workers,
    progress: Callable[[str, int, int], None],
) -> Scores:
    """Decodes in parallel and scores in batches, holding a batch of slices at a time.

    Args:
        found: files by path.
        predict: (N, S, S) uint8 to (N,) logits.
        preprocessing: what the network was trained with.
        selection: which slices of volumes and series are scored.
        batch_size: slices scored at once.
        workers: processes that decode.
        progress: called as progress(stage, done, total).
    """
    facts, rejected = _scan(found, workers, progress)
    chosen = {path: indices for path, indices in choose_slices(facts, selection).items() if indices}
    rows, series, logits, batch = [], [], [], []
    work = ((found[path], facts[path], tuple(indices), preprocessing) for path, indices in chosen.items())
    for done, (path, decoded) in enumerate(zip(chosen, workers.map(decode_unit, work), strict=True), start=1):
        progress("convert", done, len(chosen))
        if isinstance(decoded, RejectedImageError):
            rejected.append(Rejection(path, decoded.code, decoded.detail))
            continue
        rows += _rows(path, facts[path], decoded)
        series += [facts[path].series_uid or path] * len(decoded)
        batch += [each.pixels for each in decoded]
        while len(batch) >= batch_size:
            logits.append(predict(np.stack(batch[:batch_size])))
            del batch[:batch_size]
    if batch:
        logits.append(predict(np.stack(batch)))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return Scores(Predictions(*columns, np.concatenate([np.zeros(0), *logits])), tuple(series), tuple(rejected))


def _scan(found: Found, workers: Workers, progress) -> tuple[dict[str, FileFacts], list[Rejection]]:
    facts, rejected = {}, []
    results = zip(found, workers.map(scan_unit, found.values()), strict=True)
    for done, (path, result) in enumerate(results, start=1):
        progress("scan", done, len(found))
        if isinstance(result, RejectedImageError):
            rejected.append(Rejection(path, result.code, result.detail))
        else:
            facts[path] = result
    return facts, rejected


def _rows(path: str, facts: FileFacts, decoded: Sequence[DecodedSlice]) -> Iterator[tuple]:
    group = group_key(facts.patient_id or facts.series_uid or path)
    for each in decoded:
        yield path, each.index, example_id(facts.sha256, each.index), group, each.label


def _shown_path(given: str, file: files.FileRef) -> str:
    if file.archived or os.path.isdir(given):
        return str(PurePosixPath(given, file.path))
    return given


def _label_of(path: str) -> int:
    names = [part.lower() for part in Path(path).parts[:-1]]
    labels = {CLASS_NAMES.index(name) for name in names if name in CLASS_NAMES}
    return labels.pop() if len(labels) == 1 else UNKNOWN_LABEL
