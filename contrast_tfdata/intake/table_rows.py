"""Labelled files that a CSV table names, a row each; every cell is held to what it may say."""

import dataclasses
import os
import re
import stat
import sys
from collections import defaultdict
from pathlib import Path

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.errors import DataError, Problems
from contrast_tfdata.intake.files import FileRef
from contrast_tfdata.intake.group_regex import find_patients
from contrast_tfdata.intake.names import Folders, is_missing, one_form
from contrast_tfdata.intake.units import FileUnit
from contrast_tfdata.storage.bounded_file import kind_of
from contrast_tfdata.storage.csv_table import CsvTable, misnamed, quoted

_REQUIRED = ("path", "label")
_COLUMNS = (*_REQUIRED, "group", "split")
_SUBGROUP = "subgroup:"
"""What the names of further columns begin with; so a column's misspelt name is no subgroup by accident."""
_LABELS = {"0": 0, "1": 1, **{name: label for label, name in enumerate(CLASS_NAMES)}}
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d\d+", re.IGNORECASE)
_FEW_LINES, _FEW_NAMES = 5, 3
_BAD_FILE = "paths that lead to no file; a path is relative to the table's folder"
_BAD_LABEL = f"labels must be 0, 1, {CLASS_NAMES[0]} or {CLASS_NAMES[1]}"
_BAD_SPLIT = f"splits must be {', '.join(SPLITS)} or empty"
_MISSING_GROUP = (
    "groups that stand for a missing value, so that these rows would be one patient's; leave the cell empty where the "
    "patient is not known"
)
_ROUNDED_GROUP = "groups that a spreadsheet has rounded, so that patients may share one; make that column text"


class _WrongCell(ValueError):
    """A cell that says what it must not: `args` are what to do, and what it says."""


@dataclasses.dataclass(frozen=True)
class TableRows:
    """What a table names.

    Attributes:
        units: for each good row, in their order.
        problems: what must be mended in the others.
        searched: the patient in the path of each row that names no group, None where there is none; without an
            expression nothing.
    """

    units: list[FileUnit]
    problems: list[Problems]
    searched: list[str | None]


def read(table: Path, *, pattern: re.Pattern | None, max_bytes: int) -> TableRows:
    """Returns the files of a table with the columns path, label and, where known, group, split and subgroups.

    A file's name may be written in another form of Unicode, with other blanks, or with backslashes, where it is that of
    one file alone; its path is then the one on the disk. A subgroup that stands for a missing value is empty.

    Args:
        table: the CSV file.
        pattern: finds the patient in the path of a row without group.
        max_bytes: larger files are listed but will be rejected unread.

    Raises:
        DataError: the table cannot be read, has other columns, or no row.
        UsageError: the pattern takes too long.
    """
    try:
        rows = CsvTable(table)
    except OSError as error:
        raise DataError(f"{table}: the table cannot be read: {error.strerror}") from error
    _refuse_columns(table, rows.columns)
    cells = _Cells(table.parent, max_bytes)
    units, without_group = [], {}
    for line, row in rows.rows():
        if (unit := cells.unit(line, row)) is None:
            continue
        if pattern and not unit.group:
            without_group[len(units)] = row["path"]
        units.append(unit)
    problems = [*rows.kinds_of_problems(), *cells.kinds_of_problems(table)]
    if not units and not problems:
        raise DataError(f"{table}: there is no row below the first line")
    patients = find_patients(pattern, list(without_group.values()))
    for number, patient in zip(without_group, patients, strict=True):
        units[number] = dataclasses.replace(units[number], group=patient)
    return TableRows(units, problems, patients)


def _refuse_columns(table: Path, columns: tuple[str, ...]) -> None:
    wrong = misnamed(columns, _COLUMNS) if columns else ["the table is empty"]
    if not wrong:
        wrong += [f"there is no column {name}" for name in _REQUIRED if name not in columns]
        wrong += [f"column {quoted(name)} is none of them" for name in columns if not _is_known(name)]
    if wrong:
        headline = f"{table}: the first line must name the columns path,label[,group][,split][,{_SUBGROUP}NAME ...]:"
        raise DataError.listing(headline, wrong)


def _is_known(column: str) -> bool:
    return column in _COLUMNS or (column.startswith(_SUBGROUP) and column != _SUBGROUP)


class _Cells:
    """Makes units of rows, and gathers what their cells say wrongly.

    Args:
        folder: what paths are relative to.
        max_bytes: of a file.
    """

    def __init__(self, folder: Path, max_bytes: int):
        self._folder = folder
        self._max_bytes = max_bytes
        self._folders = Folders()
        self._num_rows = 0
        self._wrong: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))

    def unit(self, line: int, row: dict[str, str]) -> FileUnit | None:
        """Returns the unit of a row; None where a cell is wrong, which is noted with the others of the row."""
        self._num_rows += 1
        readers = {"path": self._file, "label": _label, "split": _split, "group": _group}
        said = {}
        for column, read_cell in readers.items():
            try:
                said[column] = read_cell(row.get(column, ""))
            except _WrongCell as wrong:
                what, text = wrong.args
                self._wrong[what][text].append(line)
        return FileUnit(*(said[column] for column in readers), _subgroups(row)) if len(said) == len(readers) else None

    def kinds_of_problems(self, table: Path) -> list[Problems]:
        """Returns what must be mended, the rarest first; where most rows are wrong alike, only some are shown."""
        kinds = []
        for what, lines_of in self._wrong.items():
            count = sum(map(len, lines_of.values()))
            found = [f"{_lines(lines)}: {text}" for text, lines in lines_of.items()]
            kinds.append(
                (count, Problems(f"{table}: {what}; {count} rows:", found, complete=2 * count <= self._num_rows))
            )
        return [kind for _, kind in sorted(kinds, key=lambda each: each[0])]

    def _file(self, cell: str) -> FileRef:
        if not cell.strip():
            raise _WrongCell(_BAD_FILE, "the cell is empty")
        file = self._folder / cell  # A path that is absolute stays so.
        try:
            status = os.stat(file)
        except OSError as error:
            file = self._other_name(cell, error)
            status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _WrongCell(_BAD_FILE, f"{quoted(cell)} is {kind_of(status.st_mode)}")
        root = sys.intern(file.anchor if Path(cell).is_absolute() else str(self._folder))
        return FileRef(root, file.relative_to(root).as_posix(), status.st_size, max_bytes=self._max_bytes)

    def _other_name(self, cell: str, error: OSError) -> Path:
        """Returns the only file whose name looks like that in a cell; raises _WrongCell, with what there is."""
        alike = self._folders.alike(self._folder, cell)
        look = _look(self._folder / cell.replace("\\", "/"))
        same = [each for each in alike if _look(each) == look]
        if len(same) == 1:
            return same[0]
        shown = " and ".join(quoted(os.path.relpath(each, self._folder)) for each in alike[:_FEW_NAMES])
        there = f"; there is {shown}" if alike else ""
        raise _WrongCell(_BAD_FILE, f"{quoted(cell)}: {error.strerror}{there}") from error


def _look(path: Path) -> list[str]:
    return list(map(one_form, path.parts))


def _label(cell: str) -> int:
    label = _LABELS.get(cell.strip().lower())
    if label is None:
        raise _WrongCell(_BAD_LABEL, quoted(cell))
    return label


def _split(cell: str) -> str | None:
    split = cell.strip()
    if split and split not in SPLITS:
        raise _WrongCell(_BAD_SPLIT, quoted(cell))
    return sys.intern(split) or None


def _group(cell: str) -> str | None:
    if not one_form(cell):
        return None
    if is_missing(cell):
        raise _WrongCell(_MISSING_GROUP, quoted(cell))
    if _ROUNDED.fullmatch(cell.strip()):
        raise _WrongCell(_ROUNDED_GROUP, quoted(cell))
    return sys.intern(cell.strip())  # One string for all slices of a patient.


def _subgroups(row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    named = {name.removeprefix(_SUBGROUP): cell.strip() for name, cell in row.items() if name.startswith(_SUBGROUP)}
    return tuple(
        (sys.intern(name), sys.intern(value)) for name, value in sorted(named.items()) if not is_missing(value)
    )


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_FEW_LINES]))
    more = f" and {len(numbers) - _FEW_LINES} more" if len(numbers) > _FEW_LINES else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
