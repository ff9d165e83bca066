"""CSV tables that people make, read strictly: what is taken for a cell that it is not becomes a wrong label."""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from contrast_tfdata.errors import DataError, Problems, printable
from contrast_tfdata.storage.bounded_file import read_bytes

MAX_BYTES = 1 << 30
"""Largest table that is read: 1 GiB; a million rows of usual length have a tenth of it."""
_DELIMITERS = (",", ";", "\t")
"""In the order in which they are looked for in the first line: a spreadsheet writes what its language has."""
_SHOWN = 120
_FIRST_BYTES = 4096
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK_MARKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NOT_TEXT = re.compile("[\udc80-\udcff]")
_NO_UTF_8 = "not in UTF-8; in a spreadsheet, save the table as 'CSV UTF-8'"
_NUL = "NUL characters, which no table has; make it anew"
_QUOTE = 'a quote (") is opened and not closed, or not where its cell ends; within a quoted cell write "" for one'
_CELLS = (
    "rows with more or fewer cells than the first line has columns; a cell that holds a comma needs quotes around it"
)


class CsvTable:
    """A table with a first line that names its columns, read row by row.

    Cells are divided by commas, or where the first line has none, by semicolons or tabs. Rows of empty cells, which
    spreadsheets leave behind, are passed over.

    Args:
        path: the file.
        line_breaks: whether a cell in quotes may have some; else they are taken for a quote that was never closed.
        any_bytes: whether bytes that are no UTF-8 may stand in it, which become surrogates, as in names of files.

    Attributes:
        path: the file.
        columns: their names, as they stand in the first line; empty for an empty file.
        problems: what is wrong with the rows that were read so far, by what to do; each with its line.

    Raises:
        DataError: the file is a spreadsheet's own, or its first line cannot be read.
        OSError: it is missing, no regular file, or larger than `MAX_BYTES`.
    """

    def __init__(self, path: Path, *, line_breaks: bool = False, any_bytes: bool = False):
        content = read_bytes(path, MAX_BYTES)
        _refuse_other_formats(path, content[:_FIRST_BYTES])
        self.path, self.problems = path, defaultdict(list)
        self._line_breaks, self._any_bytes, self._line = line_breaks, any_bytes, 0
        self._reader = csv.reader(self._lines(content), delimiter=_delimiter(content[:_FIRST_BYTES]), strict=True)
        _, columns = next(self._records(), (0, ()))
        self.columns: Sequence[str] = tuple(columns)
        if self.problems:
            raise DataError.listing_kinds(self.kinds_of_problems())

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yields each row that is one, by column, with the number of the line on which it begins; notes the others."""
        for line, cells in self._records():
            if len(cells) == len(self.columns):
                yield line, dict(zip(self.columns, cells, strict=True))
            else:
                self.problems[_CELLS].append(f"line {line}: expected {len(self.columns)} cells. Received: {len(cells)}")

    def kinds_of_problems(self) -> list[Problems]:
        """Returns what is wrong with the rows that were read so far, the rarest first."""
        kinds = sorted(self.problems.items(), key=lambda kind: len(kind[1]))
        return [Problems(f"{self.path}: {what}:", found, complete=False) for what, found in kinds]

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yields the cells of each record that is not empty, with the number of its first line."""
        while True:
            first = self._line + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.problems[_QUOTE].append(f"line {first}{self._through(first)} ({error})")
                continue
            if self._line > first and not self._line_breaks:
                self.problems[_QUOTE].append(f"line {first}{self._through(first)}")
            elif any(map(str.strip, cells)):
                yield first, cells

    def _through(self, first: int) -> str:
        return f", whose cell goes on to line {self._line}" if self._line > first else ""

    def _lines(self, content: bytes) -> Iterator[str]:
        """Yields the lines with their ends, and notes what is no text in them."""
        for line in io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="surrogateescape", newline=""):
            self._line += 1
            if not (line.isascii() or self._any_bytes) and (found := _NOT_TEXT.search(line)):
                self.problems[_NO_UTF_8].append(f"line {self._line}: byte 0x{ord(found[0]) - 0xDC00:02x}")
            if "\0" in line:
                self.problems[_NUL].append(f"line {self._line}")
            yield line.replace("\0", "")


def misnamed(columns: Sequence[str], known: Collection[str]) -> list[str]:
    """Returns what is wrong with the names of columns, a line each: missing, repeated, or told apart by no eye.

    Args:
        columns: as in the first line.
        known: names that are to be written exactly so.
    """
    by_look = defaultdict(list)
    for number, name in enumerate(columns, start=1):
        by_look[_look(name)].append((number, name))
    unnamed = [f"column {number} has no name" for number, _ in by_look.pop("", [])]
    wanted = {_look(name): name for name in known}
    found = []
    for look, same in by_look.items():
        numbers = " and ".join(str(number) for number, _ in same)
        written = {name for _, name in same}
        if len(same) > len(written):
            found.append(f"columns {numbers} are all named {quoted(same[0][1])}")
        elif len(written) > 1:
            found.append(f"the names of columns {numbers} differ by case or blanks only: {quoted(same[0][1])}")
        elif look in wanted and wanted[look] not in written:
            found.append(f"column {numbers} is to be named {wanted[look]}, in these very letters: {quoted(same[0][1])}")
    return unnamed + found


def quoted(text: str) -> str:
    """Returns a table's text for a message, in quotes, cut where it is long; it may be half of the table."""
    shown = printable(text[: _SHOWN + 1])
    return f"'{shown}'" if len(shown) <= _SHOWN else f"'{shown[:_SHOWN]}...'"


def _look(name: str) -> str:
    """Returns what is left of a column's name without case, blanks, and what cannot be seen."""
    return "".join(filter(str.isprintable, unicodedata.normalize("NFKC", name).casefold())).replace(" ", "")


def _delimiter(start: bytes) -> str:
    lines = start.decode("utf-8", errors="replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    return next((each for each in _DELIMITERS if each in first), _DELIMITERS[0])


def _refuse_other_formats(path: Path, start: bytes) -> None:
    if start.startswith(_UTF_16_MARKS) or b"\0" in start[:2]:
        raise DataError(f"{path}: in UTF-16, as a spreadsheet's 'Unicode text' is; save the table as 'CSV UTF-8'")
    if start.startswith(_WORKBOOK_MARKS):
        raise DataError(f"{path}: a spreadsheet's own format or an archive; save the table as 'CSV UTF-8'")
