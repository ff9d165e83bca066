"""Scores of what was found: decoded in parallel, asked in batches, put together to a verdict a series."""

import dataclasses
import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from contrast_tfdata.evaluation import Choices, InputGate, Predictions
from contrast_tfdata.evaluation.input_gate import series_refusal
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import ImageKind
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import OUT_OF_SCOPE, FileFacts, RejectedImageError
from contrast_tfdata.intake import file_warnings, stacks
from contrast_tfdata.intake.decoding import DecodedSlice, decode_unit
from contrast_tfdata.intake.scanning import Progress, Rejection, scan
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.intake.stacks import Stack
from contrast_tfdata.intake.units import FileUnit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.grouping import patient_of
from contrast_tfdata.patients.identity import example_id, group_key
from contrast_tfdata.scoring.batching import score_stream
from contrast_tfdata.scoring.detector import SequenceDetector
from contrast_tfdata.scoring.inputs import Inputs
from contrast_tfdata.scoring.verdicts import UNLIKE_T1, SeriesVerdict


@dataclasses.dataclass(frozen=True)
class Scores:
    """Outcome of a prediction.

    Attributes:
        predictions: one row a slice.
        stacks: what the files were put together to: one verdict each.
        stack_of: for each row the number of its stack.
        skipped: files that are out of scope, with a code of `slices.OUT_OF_SCOPE`.
        rejected: files that are damaged.
        outside: files of which no slice lies in the slice range.
        copies: files that repeat another one of their series, left out.
        claims: what the headers of each stack say, by its number; silent where it is not named.
        refusals: for each row why the network should not answer it, "" where it may; empty where nobody asked.
        unlike: for each row by how much its logit of another sequence than T1 exceeds what is taken for one; 0
            where the header says T1; None where nobody asked.
        warnings: lines for people about files that are odd, and were scored all the same.
        secret: key of the hash that stands for a series or study.
        pictures: by the number of a stack the pixels of its middle slice; empty where nobody asked.
    """

    predictions: Predictions
    stacks: tuple[Stack, ...]
    stack_of: tuple[int, ...]
    skipped: tuple[Rejection, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    outside: int = 0
    copies: int = 0
    claims: Mapping[int, Claim] = dataclasses.field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    unlike: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    secret: bytes = b""
    pictures: Mapping[int, np.ndarray] = dataclasses.field(default_factory=dict)

    def verdicts(self, choices: Choices) -> list[SeriesVerdict]:
        """Summarises each stack, in the order of their first files, but those of which nothing could be read."""
        return [verdict for _, verdict in self._numbered_verdicts(choices)]

    def pictures_by_verdict(self, choices: Choices) -> dict[int, np.ndarray]:
        """Returns the kept pictures by the place of their series among `verdicts`."""
        numbers = [number for number, _ in self._numbered_verdicts(choices)]
        return {place: self.pictures[number] for place, number in enumerate(numbers) if number in self.pictures}

    def _numbered_verdicts(self, choices: Choices) -> Iterator[tuple[int, SeriesVerdict]]:
        """Yields each verdict with the number of its stack."""
        rows = defaultdict(list)
        for position, number in enumerate(self.stack_of):
            rows[number].append(position)
        for number, stack in enumerate(self.stacks):
            claim = self.claims.get(number, Claim.SILENT)
            if reason := stack.left_out():
                yield number, SeriesVerdict.unscored(stack, reason, claim)
            elif number in rows:
                yield number, self._verdict(choices, stack, rows[number], claim)

    def damaged(self) -> list[tuple[str, list[str]]]:
        """Returns the reason, and a line for each file, of those that are damaged: the rarest reason first."""
        lines = defaultdict(list)
        for each in self.rejected:
            lines[each.code].append(f"{each.path}: {each.detail}")
        return sorted(lines.items(), key=lambda each: (len(each[1]), each[0]))

    def _verdict(self, choices: Choices, stack: Stack, positions: list[int], claim: Claim) -> SeriesVerdict:
        refusal = series_refusal([self.refusals[position] for position in positions]) if self.refusals else ""
        if not refusal and not stack.kind.says_t1 and self.unlike is not None and self.unlike[positions].mean() > 0:
            refusal = UNLIKE_T1
        return SeriesVerdict.at(choices, stack, self.predictions.logit[positions], claim, refusal)


@dataclasses.dataclass(frozen=True)
class ScoringOptions:
    """How files are turned into scores.

    Attributes:
        preprocessing: what the network was trained with.
        selection: which slices of volumes and series are scored.
        batch_size: slices in memory at once.
        secret: key of the hash that stands for a patient, as for the records.
        gate: which slices the network should not answer.
        always_reformat: cut volumes in the sagittal plane however thick their slices are.
        keep_pictures: keep the middle slice of each stack, of the first `MAX_PICTURES`.
    """

    preprocessing: Preprocessing
    selection: SliceSelection = SliceSelection()
    batch_size: int = 64
    secret: bytes = b""
    gate: InputGate = InputGate()
    always_reformat: bool = False
    keep_pictures: bool = False


MAX_PICTURES = 2000
"""Middle slices that are kept: 220 MB of memory at most."""


def score_files(
    inputs: Inputs,
    predict: Callable[[np.ndarray], np.ndarray],
    options: ScoringOptions,
    workers: Workers,
    progress: Progress,
    detector: SequenceDetector | None = None,
) -> Scores:
    """Decodes in parallel and scores in batches, holding a batch of slices at a time.

    Args:
        inputs: what `find_inputs` found.
        predict: (N, S, S) uint8 to (N,) logits.
        options: how.
        workers: processes that decode.
        progress: called as progress(stage, done, total).
        detector: what tells T1 from other sequences; None where nobody asks.
    """
    scanned, unreadable = scan(list(inputs.units.items()), workers, progress)
    scanned = [(path, unit, _with_kind(facts, inputs.kinds.get(path))) for path, unit, facts in scanned]
    distinct = _without_copies(scanned)
    assembled = stacks.assemble(distinct, always_reformat=options.always_reformat)
    work, outside = _work(assembled.stacks, options.selection)
    slices = _DecodedSlices(assembled.stacks, work, options)
    networks = _Networks(predict, detector, slices.silent)
    answers = score_stream(networks, slices.pixels(workers, progress), options.batch_size)
    answers = answers.reshape(-1, 2)  # Of no slices, too.
    refused = [*inputs.rejected, *unreadable, *slices.refused]
    return Scores(
        Predictions(*(list(zip(*slices.rows, strict=True)) or [()] * 5), answers[:, 0]),
        assembled.stacks,
        tuple(slices.stack_of),
        skipped=(*_not_scored(assembled), *(each for each in refused if each.is_out_of_scope)),
        rejected=tuple(each for each in refused if not each.is_out_of_scope),
        outside=outside,
        copies=len(scanned) - len(distinct) + assembled.copies,
        claims=_claims(assembled.stacks, inputs.claims),
        refusals=tuple(slices.refusals),
        unlike=answers[:, 1] if detector else None,
        warnings=_warnings(distinct, assembled.stacks),
        secret=options.secret,
        pictures=slices.pictures,
    )


class _Work(NamedTuple):
    """What is decoded at once.

    Attributes:
        stack: number of its stack.
        path: of its first file.
        unit: the file or files.
        facts: of the first of them.
        indices: which slices of it are scored.
    """

    stack: int
    path: str
    unit: FileUnit
    facts: FileFacts
    indices: tuple[int, ...]


class _DecodedSlices:
    """Slices as they are decoded, and what is kept of each once its pixels are gone.

    Attributes:
        rows: what `Predictions` holds of each, but its logit.
        stack_of: the number of its stack.
        silent: whether its header says nothing of its sequence; taken away by `_Networks`.
        refusals: why the network should not answer it.
        pictures: by the number of a stack its middle slice.
        refused: what could not be decoded.
    """

    def __init__(self, found: Sequence[Stack], work: Sequence[_Work], options: ScoringOptions):
        self._stacks, self._work, self._options = found, work, options
        self._middles = _middles(work) if options.keep_pictures else {}
        self.rows: list[tuple] = []
        self.stack_of: list[int] = []
        self.silent: list[bool] = []
        self.refusals: list[str] = []
        self.pictures: dict[int, np.ndarray] = {}
        self.refused: list[Rejection] = []

    def pixels(self, workers: Workers, progress: Progress) -> Iterator[np.ndarray]:
        """Yields each slice, (S, S) uint8, once all else about it is noted."""
        prepare = self._options.preprocessing
        decoded = workers.map(decode_unit, ((each.unit, each.facts, each.indices, prepare) for each in self._work))
        for place, (work, found) in enumerate(zip(self._work, decoded, strict=True)):
            progress("convert", place + 1, len(self._work))
            if isinstance(found, RejectedImageError):
                self.refused.append(Rejection(work.path, found.code, found.detail))
                continue
            middle = self._middles.get(work.stack)
            if middle and middle[0] == place:
                self.pictures[work.stack] = found[middle[1]].pixels
            for each in found:
                self._note(work, each)
                yield each.pixels

    def _note(self, work: _Work, decoded: DecodedSlice) -> None:
        self.rows.append(_row(work.path, work.facts, decoded, self._options.secret))
        self.stack_of.append(work.stack)
        self.silent.append(not self._stacks[work.stack].kind.says_t1)
        self.refusals.append(self._options.gate.refusal(decoded.pixels))


def _middles(work: Sequence[_Work]) -> dict[int, tuple[int, int]]:
    """Returns, by the number of a stack, in which piece of work its middle slice is, and where in that."""
    pieces = defaultdict(list)
    for place, each in enumerate(work):
        pieces[each.stack] += [(place, position) for position in range(len(each.indices))]
    return {number: slices[len(slices) // 2] for number, slices in list(pieces.items())[:MAX_PICTURES]}


class _Networks:
    """Asks one network about contrast and, where headers are silent, the other whether it is T1 at all.

    Args:
        predict: the one.
        detector: the other, if there is one.
        silent: for each slice that is to come, whether its header is; taken away as they come.
    """

    def __init__(
        self, predict: Callable[[np.ndarray], np.ndarray], detector: SequenceDetector | None, silent: list[bool]
    ):
        self._predict, self._detector, self._silent = predict, detector, silent

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns (N, 2) float32: logits of contrast, and what `Scores.unlike` says."""
        silent = np.array(self._silent[: len(images)])
        del self._silent[: len(images)]
        answers = np.zeros((len(images), 2), np.float32)
        answers[:, 0] = self._predict(images)
        if self._detector and silent.any():
            answers[silent, 1] = self._detector(images[silent]) - self._detector.threshold
        return answers


def _with_kind(facts: FileFacts, kind: ImageKind | None) -> FileFacts:
    return facts if kind is None else dataclasses.replace(facts, kind=kind)


def _work(found: Sequence[Stack], selection: SliceSelection) -> tuple[list[_Work], int]:
    """Returns what is to be decoded, and how many files hold none of it."""
    work, outside = [], 0
    for number, stack in enumerate(found):
        if not stack.left_out():
            chosen = stack.chosen(selection)
            work += [_Work(number, *each) for each in chosen]
            outside += len(stack.parts) - len(chosen)
    return work, outside


def _not_scored(assembled: stacks.Assembled) -> Iterator[Rejection]:
    yield from assembled.skipped
    for stack in assembled.stacks:
        if reason := stack.left_out():
            yield from (Rejection(name, reason, OUT_OF_SCOPE[reason]) for name in stack.file_names)


def _claims(found: Sequence[Stack], beside: Mapping[str, Claim]) -> dict[int, Claim]:
    """Returns what the headers of each stack say together, those of files whose slices are not scored too.

    Args:
        found: the stacks.
        beside: what is said about files elsewhere than in them, by path.
    """
    return {
        number: functools.reduce(
            operator.or_, (facts.claim | beside.get(name, Claim.SILENT) for name, _, facts in stack.parts), Claim.SILENT
        )
        for number, stack in enumerate(found)
    }


def _warnings(scanned: Sequence[stacks.Scanned], found: Sequence[Stack]) -> tuple[str, ...]:
    of_files = file_warnings.lines(((path, facts) for path, _, facts in scanned), examples=True)
    notes = defaultdict(list)
    for stack in found:
        for note in stack.notes:
            notes[note].append(stack)
    of_stacks = (
        f"{len(each)} series of {sum(stack.num_files for stack in each)} files {stacks.NOTES[note]}; for example "
        f"{each[0].name}"
        for note, each in sorted(notes.items())
    )
    return (*of_files, *of_stacks)


def _without_copies(scanned: Sequence[stacks.Scanned]) -> list[stacks.Scanned]:
    """Keeps the first of copies of a DICOM file, which would count twice in its series; other files all stay."""
    first: dict[tuple[bytes, str | None], str] = {}
    for path, _, facts in scanned:
        first.setdefault((facts.sha256, facts.series_uid), path)
    return [
        (path, unit, facts)
        for path, unit, facts in scanned
        if not facts.frames or first[facts.sha256, facts.series_uid] == path
    ]


def _row(path: str, facts: FileFacts, decoded: DecodedSlice, secret: bytes) -> tuple:
    group = group_key(patient_of(facts) or path, secret)
    return path, decoded.index, example_id(facts.sha256, decoded.index), group, decoded.label
