"""What a network said about each slice, and its CSV file."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from contrast_tfdata.errors import DataError, printable
from contrast_tfdata.evaluation.operating_point import answers
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.csv_table import CsvTable, quoted
from contrast_tfdata.storage.csv_text import csv_line, guard_formula, unguard_formula

CSV_COLUMNS = ("path", "slice_index", "example_id", "group", "label", "logit", "probability", "prediction")
"""The header of a predictions file. `probability` and `prediction` follow from `logit`, so reading ignores them."""

UNKNOWN_LABEL = -1
"""The label of a slice whose class is not known; an empty cell in the file."""


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-logit)) as float64 in [0, 1], computed so that no input overflows."""
    logit = np.asarray(logit, np.float64)
    decay = np.exp(-np.abs(logit))
    return np.where(logit >= 0, 1.0, decay) / (1.0 + decay)


def logit(probability: np.ndarray) -> np.ndarray:
    """Returns log(p / (1 - p)) as float64, what `sigmoid` undoes; minus and plus infinity for 0 and 1."""
    with np.errstate(divide="ignore"):
        return np.log(probability) - np.log1p(-np.asarray(probability))


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """One row per slice, in the order in which the network saw them.

    Attributes:
        path: file of each slice, relative to its root.
        slice_index: (n,) int64, position in the file's volume or series.
        example_id: stable key of each slice.
        group: hashed patient or study of each slice; "" where it is not known.
        label: (n,) int64, 0 no_gad, 1 with_gad, -1 unknown.
        logit: (n,) float64, finite; above 0 speaks for with_gad.

    Raises:
        ValueError: columns of different length or shape.
        DataError: a label other than -1, 0, 1, or a logit that is not finite, naming the example.
    """

    path: tuple[str, ...]
    slice_index: np.ndarray
    example_id: tuple[str, ...]
    group: tuple[str, ...]
    label: np.ndarray
    logit: np.ndarray

    def __post_init__(self):
        for name in ("path", "example_id", "group"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, dtype in (("slice_index", np.int64), ("label", np.int64), ("logit", np.float64)):
            object.__setattr__(self, name, _frozen_column(getattr(self, name), dtype))
        self._check_lengths()
        self._check_values("label", ~np.isin(self.label, (UNKNOWN_LABEL, 0, 1)), "must be 0, 1 or -1 (unknown)")
        self._check_values("logit", ~np.isfinite(self.logit), "must be finite")

    def _check_lengths(self):
        shapes = {f.name: np.shape(getattr(self, f.name))[:2] for f in dataclasses.fields(self)}
        if len(set(shapes.values())) != 1 or len(shapes["logit"]) != 1:
            raise ValueError(f"All columns must be one-dimensional and of one length. Received shapes: {shapes}")

    def _check_values(self, column: str, is_bad: np.ndarray, rule: str):
        problems = [
            f"{self.example_id[i]!r} ({self.path[i]!r}, slice {self.slice_index[i]}). "
            f"Received: {column}={getattr(self, column)[i]}"
            for i in np.flatnonzero(is_bad)
        ]
        if problems:
            raise DataError.listing(f"Every {column} {rule}; {len(problems)} of {len(self)} examples differ:", problems)

    def __len__(self) -> int:
        return len(self.logit)

    @property
    def probability(self) -> np.ndarray:
        """(n,) float64 in [0, 1]: probability of with_gad."""
        return sigmoid(self.logit)

    def prediction(self, threshold: float) -> np.ndarray:
        """Returns (n,) int64: 1 where the probability is strictly above `threshold`, as on the slides, else 0."""
        return answers(self.probability, threshold)

    def select(self, which: np.ndarray) -> "Predictions":
        """Returns the rows that `which` names: a (n,) bool mask, or int64 positions in the wanted order."""
        positions = np.arange(len(self))[which]
        columns = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return Predictions(
            **{
                name: column[positions] if isinstance(column, np.ndarray) else tuple(column[i] for i in positions)
                for name, column in columns.items()
            }
        )

    def labelled(self) -> "Predictions":
        """Returns the rows whose class is known: those that can be scored."""
        known = self.label != UNKNOWN_LABEL
        return self if known.all() else self.select(known)

    def rows(self, threshold: float) -> Iterator[tuple[str, ...]]:
        """Yields the cells of one line of the file after another, without the header, formulas defused."""
        columns = (self.path, self.slice_index, self.example_id, self.group, self.label, self.logit, self.probability)
        for path, index, example_id, group, label, logit, probability, answer in zip(
            *columns, self.prediction(threshold), strict=True
        ):
            names = guard_formula(path), str(index), guard_formula(example_id), guard_formula(group)
            label_cell = "" if label == UNKNOWN_LABEL else str(label)
            # repr is the shortest text that reads back as the same float64, and so as the same float32.
            yield *names, label_cell, repr(float(logit)), repr(float(probability)), str(answer)

    def write_csv(self, file_path: Path, threshold: float):
        """Writes the file `CSV_COLUMNS` describes, complete or not at all.

        Args:
            file_path: where to; its folder must exist.
            threshold: the operating point, from which the column `prediction` follows.

        Raises:
            OSError: when the file cannot be written; an older one then stays.
        """
        write_joined_csv(file_path, [(self, threshold)])


def join(parts: Sequence[Predictions]) -> Predictions:
    """Returns the rows of all parts, one part after the other."""
    columns = ([value for part in parts for value in getattr(part, f.name)] for f in dataclasses.fields(Predictions))
    return Predictions(*columns)


def write_joined_csv(file_path: Path, parts: Sequence[tuple[Predictions, float]]):
    """Writes predictions of several networks into one file, each at its own threshold, complete or not at all.

    Args:
        file_path: where to; its folder must exist.
        parts: predictions and the threshold from which their column `prediction` follows.

    Raises:
        OSError: when the file cannot be written; an older one then stays.
    """
    with replacing(file_path) as file:
        file.write(csv_line(CSV_COLUMNS))
        for predictions, threshold in parts:
            file.writelines(map(csv_line, predictions.rows(threshold)))


def read_csv(file_path: Path) -> Predictions:
    """Reads a file that `Predictions.write_csv` wrote.

    Args:
        file_path: the file.

    Returns:
        The same predictions; logits are equal bit for bit.

    Raises:
        DataError: another header, or lines with too few or too many cells, or a cell that is not a number: all of them.
        OSError: when the file cannot be read.
    """
    # A file's name may hold line breaks, and bytes that are no text.
    table = CsvTable(file_path, line_breaks=True, any_bytes=True)
    if table.columns != CSV_COLUMNS:
        raise DataError(
            f"{file_path}: expected the columns {','.join(CSV_COLUMNS)}. Received: {quoted(','.join(table.columns))}"
        )
    rows = []
    for line, cells in table.rows():
        try:
            rows.append(_parse_row(cells))
        except ValueError as error:
            table.problems["cells that are no numbers"].append(f"line {line}: {printable(str(error))[:200]}")
    if table.problems:
        raise DataError.listing_kinds(table.kinds_of_problems())
    return Predictions(*zip(*rows, strict=True)) if rows else Predictions((), (), (), (), (), ())


def _parse_row(cells: Mapping[str, str]) -> tuple[str, int, str, str, int, float]:
    path, example_id, group = (unguard_formula(cells[name]) for name in ("path", "example_id", "group"))
    label = int(cells["label"]) if cells["label"] else UNKNOWN_LABEL
    return path, int(cells["slice_index"]), example_id, group, label, float(cells["logit"])


def _frozen_column(values: Sequence, dtype: type) -> np.ndarray:
    """Returns a copy of `values` that cannot be written to, refusing what is not a number of that kind."""
    column = np.array(values, dtype=None if len(values) else dtype)
    if not np.can_cast(column.dtype, dtype, casting="same_kind"):
        raise ValueError(f"Expected numbers that fit {np.dtype(dtype)}. Received: dtype={column.dtype}")
    column = column.astype(dtype)
    column.flags.writeable = False
    return column
