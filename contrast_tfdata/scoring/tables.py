"""Predictions as files: a row a slice, and beside a .csv a row a series, a study, and a file that was not scored."""

import contextlib
import dataclasses
import functools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Choices, Predictions
from contrast_tfdata.evaluation.predictions import CSV_COLUMNS, UNKNOWN_LABEL, logit
from contrast_tfdata.intake import bids
from contrast_tfdata.intake.stacks import NOT_T1
from contrast_tfdata.patients.identity import group_key
from contrast_tfdata.scoring.file_scores import Scores
from contrast_tfdata.scoring.verdicts import INDETERMINATE, SeriesVerdict
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.csv_text import csv_line, guard_formula
from contrast_tfdata.storage.ownership import Outputs

VERDICTS = (*CLASS_NAMES, INDETERMINATE, NOT_T1)
"""All that the verdict on a series may be."""
CLEAR_DIFFERENCE = 2.0
"""Of logits: two T1 series of one study that differ by more, and get one answer, are worth a look."""
_GUARDED = ("series", "path")


@dataclasses.dataclass(frozen=True)
class Tables:
    """What a prediction says, as rows by column; a study without a number is no row.

    Attributes:
        series: a row a series.
        studies: a row a study.
        skipped: a row a file that was not scored.
        bids: a row a T1w volume of a BIDS data set: the name that it should have.
    """

    series: list[dict]
    studies: list[dict]
    skipped: list[dict]
    bids: list[dict]

    @classmethod
    def of(cls, scores: Scores, choices: Choices, *, clear_ids: bool = False) -> "Tables":
        """Returns the tables of scores.

        Args:
            scores: what was predicted.
            choices: where answers change.
            clear_ids: write the UIDs of series and studies as they are, and not their keyed hashes.
        """
        shown = (lambda uid: uid or "") if clear_ids else _hashed(scores.secret)
        verdicts = scores.verdicts(choices)
        ranks, checks = _compared(verdicts)
        series = [
            {
                **_said(each),
                **_about(each, shown),
                "rank": ranks.get(number, ""),
                "check": "yes" if number in checks else "",
            }
            for number, each in enumerate(verdicts)
        ]
        skipped = [
            {"path": each.path, "reason": each.code, "detail": each.detail}
            for each in (*scores.rejected, *scores.skipped)
        ]
        return cls(series, _studies(series), skipped, list(_bids(series)))


def _hashed(secret: bytes) -> Callable[[str | None], str]:
    return lambda uid: group_key(f"uid:{uid}", secret) if uid else ""


def _said(verdict: SeriesVerdict) -> dict:
    return {
        "series": verdict.name,
        "slices": verdict.num_slices,
        "probability": verdict.probability,
        "prediction": verdict.prediction,
        "verdict": verdict.verdict,
        "header": verdict.header,
        "header_claim": verdict.claim.code,
        "reason": verdict.reason,
    }


def _about(verdict: SeriesVerdict, shown: Callable[[str | None], str]) -> dict:
    facts = verdict.stack.facts
    return {
        "study": shown(facts.study_uid),
        "series_id": shown(facts.series_uid),
        "series_number": facts.series_number,
        "modality": "MR" if facts.frames else "",
        "plane": verdict.stack.kind.plane,
        "sequence": verdict.stack.kind.sequence,
        "files": verdict.stack.num_files,
    }


def _compared(verdicts: Sequence[SeriesVerdict]) -> tuple[dict[int, int], set[int]]:
    """Returns the rank of each scored series in its study, and which differ by much, but not in their answer."""
    studies = defaultdict(list)
    for number, each in enumerate(verdicts):
        if each.probability is not None and each.verdict != NOT_T1 and each.stack.facts.study_uid:
            studies[each.stack.facts.study_uid].append(number)
    ranks, checks = {}, set()
    for members in studies.values():
        members.sort(key=lambda number: -verdicts[number].probability)
        ranks.update({number: place for place, number in enumerate(members, start=1)})
        answers = {verdicts[number].verdict for number in members}
        first, last = (float(logit(verdicts[number].probability)) for number in (members[0], members[-1]))
        if len(answers) == 1 and first - last > CLEAR_DIFFERENCE:
            own = ((number, float(logit(verdicts[number].probability))) for number in members)
            checks.update(number for number, value in own if max(first - value, value - last) > CLEAR_DIFFERENCE)
    return ranks, checks


def _bids(series: Sequence[dict]) -> Iterator[dict]:
    for row in series:
        if bids.is_t1w(row["series"]):
            folder, _, name = row["series"].rpartition("/")
            answers = dict(zip(CLASS_NAMES, (False, True), strict=True))
            answer = answers.get(row["verdict"])
            wanted = name if answer is None else bids.renamed(name, enhanced=answer)
            yield {"path": row["series"], "verdict": row["verdict"], "name": f"{folder}/{wanted}" if folder else wanted}


def _studies(series: Sequence[dict]) -> list[dict]:
    members = defaultdict(list)
    for row in series:
        if row["study"]:
            members[row["study"]].append(row)
    return [
        {
            "study": study,
            "series": len(rows),
            **{name: sum(row["verdict"] == name for row in rows) for name in VERDICTS},
            "both_phases": "yes" if set(CLASS_NAMES) <= {row["verdict"] for row in rows} else "no",
            "conflicts": sum(row["header"] == "conflict" for row in rows),
            "check": sum(row["check"] == "yes" for row in rows),
        }
        for study, rows in members.items()
    ]


def places(path: Path, tables: Tables | None = None) -> dict[str, Path]:
    """Returns where the tables go, by their name: beside a .csv, or all into one .jsonl.

    Args:
        path: of the slices.
        tables: what is written; None for all that might be.
    """
    if path.suffix.lower() != ".csv":
        return {"slices": path}
    beside = {name: path.with_suffix(f".{name}.csv") for name in ("series", "studies", "skipped")}
    is_bids = tables is None or tables.bids
    return {"slices": path, **beside, **({"bids": path.with_suffix(".bids.tsv")} if is_bids else {})}


def outputs(path: Path) -> Outputs:
    """Returns all files that `write` may put there, each with what tells its own of another day."""
    return {place: functools.partial(_is_own, name, path.suffix.lower()) for name, place in places(path).items()}


def check_writable(path: Path) -> None:
    """Tries whether `write` may put its files there, so that hours of scoring are not lost; leaves all as it was.

    Raises:
        OSError: it may not; the error names the file.
    """
    for place in places(path).values():
        with contextlib.suppress(_NothingWrittenError), replacing(place):
            raise _NothingWrittenError  # What stands there stays.


def _is_own(table: str, suffix: str, head: bytes) -> bool:
    """Whether a file that begins so is this table of an earlier prediction."""
    if suffix == ".csv":
        return head.startswith(_header(table).encode())
    try:
        return json.loads(head.partition(b"\n")[0]).get("kind") in _KINDS
    except (ValueError, AttributeError):
        return False


def _header(table: str) -> str:
    line = _tsv_line if table == "bids" else csv_line
    return line(CSV_COLUMNS if table == "slices" else _COLUMNS[table])


class _NothingWrittenError(Exception):
    """Ends a block that was to try whether a file can be written."""


def write(path: Path, predictions: Predictions, tables: Tables, threshold: float) -> None:
    """Writes all tables (see `places`); in .jsonl `kind` tells what a line is, one of `_KINDS`.

    Raises:
        OSError: a file cannot be written; an older one then stays.
    """
    if path.suffix.lower() == ".csv":
        predictions.write_csv(path, threshold)
        for name, place in places(path, tables).items():
            if name != "slices":
                _write_table(place, _COLUMNS[name], getattr(tables, name))
        return
    with replacing(path) as file:
        rows = [("slice", _slice_rows(predictions, threshold)), ("series", tables.series), ("study", tables.studies)]
        for kind, each in (*rows, ("skipped", tables.skipped), ("bids", tables.bids)):
            file.writelines(json.dumps({"kind": kind, **row}) + "\n" for row in each)


_COLUMNS = {
    "series": [
        "series",
        "slices",
        "probability",
        "prediction",
        "verdict",
        "header",
        "header_claim",
        "reason",
        "study",
        "series_id",
        "series_number",
        "modality",
        "plane",
        "sequence",
        "files",
        "rank",
        "check",
    ],
    "studies": ["study", "series", *VERDICTS, "both_phases", "conflicts", "check"],
    "skipped": ["path", "reason", "detail"],
    "bids": ["path", "verdict", "name"],
}


_KINDS = ("slice", "series", "study", "skipped", "bids")
"""What tells the lines of a .jsonl apart."""


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[dict]) -> None:
    line = csv_line if path.suffix == ".csv" else _tsv_line
    with replacing(path) as file:
        file.write(line(columns))
        for row in rows:
            cells = {name: "" if row[name] is None else str(row[name]) for name in columns}
            file.write(line([guard_formula(cell) if name in _GUARDED else cell for name, cell in cells.items()]))


def _tsv_line(cells: Iterable[str]) -> str:
    """Returns a line of a table as BIDS has them, whose cells hold neither tabs nor ends of lines."""
    return "\t".join(re.sub(r"[\t\r\n]", " ", cell) for cell in cells) + "\n"


def _slice_rows(predictions: Predictions, threshold: float) -> Iterator[dict]:
    names = CSV_COLUMNS[:6]
    probabilities, answers = predictions.probability.tolist(), predictions.prediction(threshold).tolist()
    columns = (getattr(predictions, name) for name in names)
    for *values, probability, answer in zip(*columns, probabilities, answers, strict=True):
        row = dict(zip(names, (getattr(value, "item", lambda value=value: value)() for value in values), strict=True))
        row["label"] = None if row["label"] == UNKNOWN_LABEL else row["label"]
        yield {**row, "probability": probability, "prediction": answer}
