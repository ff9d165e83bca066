"""Verdicts on files, as `python -m contrast_tfdata.predict` gives them."""

import dataclasses
import html
import os
from collections.abc import Iterable, Sequence

from contrast_tfdata.intake import files
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.model import pretrained
from contrast_tfdata.patients import group_keys
from contrast_tfdata.scoring import file_scores, inputs
from contrast_tfdata.scoring.answerer import Answerer
from contrast_tfdata.scoring.detector import SequenceDetector
from contrast_tfdata.scoring.tables import Tables
from contrast_tfdata.wording import plural

_SHOWN = ("series", "slices", "probability", "verdict", "reason", "header")
"""What a table of answers shows of each."""
_SHOWN_ROWS = 20


@dataclasses.dataclass(frozen=True)
class SeriesAnswer:
    """The verdict on a series.

    Attributes:
        series: its first file.
        slices: how many were scored.
        probability: of with_gad, in [0, 1]; None where nothing was scored.
        verdict: `no_gad`, `with_gad`, `indeterminate` or `not_t1`.
        reason: why the verdict is `indeterminate` or `not_t1`, a code; "" otherwise.
        study: of the study, a keyed hash of its UID; "" where it has none.
        series_id: of the series, likewise.
        series_number: its SeriesNumber; None where it has none.
        header: whether header or BIDS name agree: `agree`, `conflict`, `silent`, `contradictory` or `unanswered`.
        header_claim: what they say: `no_gad`, `with_gad`, `silent` or `contradictory`.
        plane: in which it was acquired.
        sequence: what it is, as far as header or name say.
        files: how many files it is.
    """

    series: str
    slices: int
    probability: float | None
    verdict: str
    reason: str
    study: str
    series_id: str
    series_number: int | None
    header: str
    header_claim: str
    plane: str
    sequence: str
    files: int


class Answers(list[SeriesAnswer]):
    """Verdicts, a series each, and what became of the other files.

    Attributes:
        skipped: (path, reason) of the files that are no T1 slices; nothing is wrong with them.
        damaged: (path, what is wrong) of the files that could not be read.
    """

    def __init__(
        self,
        answers: Iterable[SeriesAnswer],
        skipped: Sequence[tuple[str, str]] = (),
        damaged: Sequence[tuple[str, str]] = (),
    ):
        super().__init__(answers)
        self.skipped = list(skipped)
        self.damaged = list(damaged)

    @property
    def _rows(self) -> list[list[str]]:
        return [[_shown(getattr(each, name)) for name in _SHOWN] for each in self]

    @property
    def _counts(self) -> str:
        return f"{len(self)} series; {plural(len(self.skipped), 'file')} skipped, {len(self.damaged)} damaged"

    def __repr__(self) -> str:
        rows = [list(_SHOWN), *self._rows[:_SHOWN_ROWS]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        more = ["..."] if len(self) > _SHOWN_ROWS else []
        return "\n".join([*lines, *more, self._counts])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in row)}</tr>" for row in self._rows)
        heads = "".join(f"<th>{name}</th>" for name in _SHOWN)
        return f"<table><tr>{heads}</tr>{rows}</table><p>{self._counts}</p>"


def predict(
    *paths: str | os.PathLike[str],
    workdir: str | os.PathLike[str] = pretrained.NAME,
    num_workers: int = 1,
    batch_size: int = 64,
    clear_ids: bool = False,
) -> Answers:
    """Says of each series whether it was taken before or after contrast.

    Args:
        *paths: folders, archives or files: DICOM, NIfTI, PNG, JPEG; the export of a whole archive.
        workdir: `shipped` for the weights of this package, the folder of a trained run or of `save_model`, or several
            as A,B,C.
        num_workers: processes that decode. With more than one, a script needs `if __name__ == "__main__":`.
        batch_size: slices in memory at once.
        clear_ids: give the UIDs of studies and series as they are, and not their hashes.

    Raises:
        DataError: there is no file, or the network cannot be read.
        TypeError: no path, or something else than paths.
        UsageError: a run is named twice.
    """
    if not paths or not all(isinstance(path, str | os.PathLike) for path in paths):
        raise TypeError(f"Give files or folders, one after the other: predict(A, B). Received: {paths!r}")
    if not isinstance(workdir, str | os.PathLike):
        raise TypeError(
            "`workdir` is a folder; ct.save_model(model, FOLDER, records) makes one of a model. "
            f"Received: workdir={type(workdir).__name__}"
        )
    answerer = Answerer.of_runs(os.path.expanduser(workdir))
    found = inputs.find_inputs([os.path.expanduser(path) for path in paths], max_bytes=files.MAX_FILE_BYTES)
    options = file_scores.ScoringOptions(
        answerer.preprocessing, batch_size=batch_size, secret=group_keys.own(), gate=answerer.gate
    )
    detector = SequenceDetector.for_slices(answerer.preprocessing.to_json())
    with Workers(num_workers) as workers:
        scores = file_scores.score_files(found, answerer.predictor(), options, workers, lambda *stage: None, detector)
    names = [field.name for field in dataclasses.fields(SeriesAnswer)]
    rows = Tables.of(scores, answerer.choices, clear_ids=clear_ids).series
    answers = (SeriesAnswer(**{name: row[name] for name in names}) for row in rows)
    skipped = [(each.path, each.code) for each in scores.skipped]
    return Answers(answers, skipped, [(each.path, each.detail) for each in scores.rejected])


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
