"""Scores of files as a clinic has them: pictures, DICOM series, NIfTI volumes; folders, archives or single files."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.evaluation import Choices, InputGate, Predictions
from contrast_tfdata.evaluation.input_gate import series_refusal
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.intake import bids, file_warnings, files
from contrast_tfdata.intake.decoding import DecodedSlice, decode_unit
from contrast_tfdata.intake.scanning import Progress, Rejection, scan
from contrast_tfdata.intake.selection import SeriesKey, SliceSelection, choose_slices, series_key
from contrast_tfdata.intake.units import FileUnit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.grouping import patient_of
from contrast_tfdata.patients.identity import example_id, group_key
from contrast_tfdata.scoring.batching import score_stream
from contrast_tfdata.scoring.verdicts import SeriesVerdict

_Series = SeriesKey | str
"""Of a file of no DICOM series its path. A key holds a PatientID, so nothing writes or shows it."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """Outcome of a prediction.

    Attributes:
        predictions: one row a slice.
        series: for each row the key of its series: files of a DICOM series share one.
        rejected: files that could not be used.
        copies: exact copies of files of a DICOM series, left out.
        claims: what the headers of each series say, by its key; silent where it is not named.
        refusals: for each row why the network should not answer it, "" where it may; empty where nobody asked.
        warnings: lines for people about files that are odd, and were scored all the same.
    """

    predictions: Predictions
    series: tuple[_Series, ...]
    rejected: tuple[Rejection, ...]
    copies: int = 0
    claims: Mapping[_Series, Claim] = dataclasses.field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def verdicts(self, choices: Choices) -> list[SeriesVerdict]:
        """Summarises each series, in the order of its first slice."""
        rows = defaultdict(list)
        for position, key in enumerate(self.series):
            rows[key].append(position)
        return [self._verdict(choices, key, positions) for key, positions in rows.items()]

    def _verdict(self, choices: Choices, key: _Series, positions: list[int]) -> SeriesVerdict:
        refusal = series_refusal([self.refusals[position] for position in positions]) if self.refusals else ""
        name, claim = self.predictions.path[positions[0]], self.claims.get(key, Claim.SILENT)
        return SeriesVerdict.at(choices, name, self.predictions.logit[positions], claim, refusal)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What was found to be predicted.

    Attributes:
        units: files by the path under which a person finds them again.
        rejected: files that cannot be read.
        notes: a line for each entry that is no image by its nature (a link out of the folder, a device).
        claims: what stands beside files about contrast agent, by their path; see `bids`.
        ignored: how many entries are an operating system's own, as in `Listing.ignored`.
    """

    units: dict[str, FileUnit]
    rejected: tuple[Rejection, ...]
    notes: tuple[str, ...]
    claims: Mapping[str, Claim] = dataclasses.field(default_factory=dict)
    ignored: int = 0


def find_inputs(inputs: Sequence[str], *, max_bytes: int) -> Inputs:
    """Lists the files below all inputs.

    A folder called like a class gives its files that label, so that predictions on sorted data can be scored.

    Raises:
        DataError: an input does not exist or is a damaged archive, or there is no file at all.
    """
    units, rejected, notes, seen, ignored = {}, [], [], set(), {}
    for name in inputs:
        listing = files.list_files(name, max_bytes)
        ignored[os.path.realpath(name)] = listing.ignored
        for file in listing.files:
            if (file.root, file.path) not in seen:  # an input may lie within another one
                path = _shown_path(name, file)
                units[path] = FileUnit(file, _label_of_any_folder(path))
            seen.add((file.root, file.path))
        for problem in listing.problems:
            path = os.path.join(name, problem.path)
            if problem.is_no_image:
                notes.append(f"{path} passed over: {problem.detail}")
            else:
                rejected.append(Rejection(path, problem.code, problem.detail))
    if not units and not rejected:
        raise DataError(f"no file in {', '.join(inputs)}")
    claims, sidecars = bids.claims_beside(units)
    units = {path: unit for path, unit in units.items() if path not in sidecars}
    return Inputs(units, tuple(rejected), tuple(notes), claims, _without_nested(ignored))


def _without_nested(counts: Mapping[str, int]) -> int:
    """Returns the sum of what was counted in each input, without those folders that lie within another one."""
    paths = set(map(Path, counts))
    return sum(count for path, count in counts.items() if not (os.path.isdir(path) and paths & {*Path(path).parents}))


@dataclasses.dataclass(frozen=True)
class ScoringOptions:
    """How files are turned into scores.

    Attributes:
        preprocessing: what the network was trained with.
        selection: which slices of volumes and series are scored.
        batch_size: slices in memory at once.
        secret: key of the hash that stands for a patient, as for the records.
        gate: which slices the network should not answer.
    """

    preprocessing: Preprocessing
    selection: SliceSelection = SliceSelection()
    batch_size: int = 64
    secret: bytes = b""
    gate: InputGate = InputGate()


def score_files(
    inputs: Inputs,
    predict: Callable[[np.ndarray], np.ndarray],
    options: ScoringOptions,
    workers: Workers,
    progress: Progress,
) -> Scores:
    """Decodes in parallel and scores in batches, holding a batch of slices at a time.

    Args:
        inputs: what `find_inputs` found.
        predict: (N, S, S) uint8 to (N,) logits.
        options: how.
        workers: processes that decode.
        progress: called as progress(stage, done, total).
    """
    scanned, unreadable = scan(list(inputs.units.items()), workers, progress)
    facts = {path: each for path, _, each in scanned}
    rejected = [*inputs.rejected, *unreadable]
    distinct = _without_copies(facts)
    chosen = {path: tuple(indices) for path, indices in choose_slices(distinct, options.selection).items() if indices}
    rows, series, refusals = [], [], []

    def pixels() -> Iterator[np.ndarray]:
        work = ((inputs.units[path], facts[path], indices, options.preprocessing) for path, indices in chosen.items())
        for done, (path, decoded) in enumerate(zip(chosen, workers.map(decode_unit, work), strict=True), start=1):
            progress("convert", done, len(chosen))
            if isinstance(decoded, RejectedImageError):
                rejected.append(Rejection(path, decoded.code, decoded.detail))
                continue
            for each in decoded:
                rows.append(_row(path, facts[path], each, options.secret))
                series.append(_series_of(path, facts[path]))
                refusals.append(options.gate.refusal(each.pixels))
                yield each.pixels

    logits = score_stream(predict, pixels(), options.batch_size)
    columns = list(zip(*rows, strict=True)) or [()] * 5
    copies, claims = len(facts) - len(distinct), _claims(distinct, inputs.claims)
    told = tuple(file_warnings.lines(distinct.items(), examples=True))
    return Scores(Predictions(*columns, logits), tuple(series), tuple(rejected), copies, claims, tuple(refusals), told)


def _claims(facts: dict[str, FileFacts], beside: Mapping[str, Claim]) -> dict[_Series, Claim]:
    """Returns what the headers of each series say together, those of files whose slices are not scored too.

    Args:
        facts: of each file, by path.
        beside: what is said about files elsewhere than in them.
    """
    claims = defaultdict(lambda: Claim.SILENT)
    for path, each in facts.items():
        claims[_series_of(path, each)] |= each.claim | beside.get(path, Claim.SILENT)
    return dict(claims)


def _series_of(path: str, facts: FileFacts) -> _Series:
    return series_key(facts) or path


def _without_copies(facts: dict[str, FileFacts]) -> dict[str, FileFacts]:
    """Keeps the first of copies of a DICOM file, which would count twice in its series; other files all stay."""
    first = {}
    for path, each in facts.items():
        first.setdefault(_key(each), path)
    return {path: each for path, each in facts.items() if not each.series_uid or first[_key(each)] == path}


def _key(facts: FileFacts) -> tuple[bytes, str | None]:
    return facts.sha256, facts.series_uid


def _row(path: str, facts: FileFacts, decoded: DecodedSlice, secret: bytes) -> tuple:
    group = group_key(patient_of(facts) or path, secret)
    return path, decoded.index, example_id(facts.sha256, decoded.index), group, decoded.label


def _shown_path(given: str, file: files.FileRef) -> str:
    if file.archived or os.path.isdir(given):
        return str(PurePosixPath(given, file.path))
    return given


def _label_of_any_folder(path: str) -> int:
    names = [part.lower() for part in Path(path).parts[:-1]]
    labels = {CLASS_NAMES.index(name) for name in names if name in CLASS_NAMES}
    return labels.pop() if len(labels) == 1 else UNKNOWN_LABEL
