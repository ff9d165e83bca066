"""Lines of CSV files that a spreadsheet opens without running anything."""

import re
from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_GUARD = "'"
_NEEDS_QUOTES = re.compile(r'[,"\r\n]')


def csv_line(cells: Iterable[str]) -> str:
    """Returns one line of a CSV file (RFC 4180, but ending in a plain line feed), quoting only where it must.

    The csv module of Python before 3.13 leaves a lone carriage return unquoted, which then ends the line on reading.
    """
    return ",".join(map(_quoted, cells)) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell


def guard_formula(cell: str) -> str:
    """Returns `cell` such that a spreadsheet shows it instead of running it.

    A cell that starts with one of = + - @ TAB CR gets a leading apostrophe (the advice of OWASP, "CSV Injection").
    A cell that starts with an apostrophe gets another, so that `unguard_formula` gives every text back.
    """
    return _GUARD + cell if cell.startswith((*_FORMULA_STARTS, _GUARD)) else cell


def unguard_formula(cell: str) -> str:
    """Returns the text that `guard_formula` was given."""
    return cell.removeprefix(_GUARD)
