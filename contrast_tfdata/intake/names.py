"""Names that look the same, and what stands for no name: of patients in tables, paths and headers, and of files."""

import os
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Controls, the blank of Braille, and Default_Ignorable_Code_Point of the Unicode Character Database 15."""
_MISSING = frozenset(
    ("nan", "-nan", "none", "null", "nil", "n/a", "na", "#n/a", "#na", "<na>", "nat", "-", "--", "?", ".")
    + ("#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!")
)
"""What programs write for a missing value, in small letters."""


def without_invisible(text: str) -> str:
    """Returns a text without the characters of which nothing is seen, not even a blank."""
    return _INVISIBLE.sub("", text)


def one_form(name: str) -> str:
    """Returns the one way of writing for all names that look the same.

    A table may write an umlaut as one character and a file system as two, and a scanner may fill up with blanks; what
    is copied from a page or a spreadsheet brings characters of no width and blanks that do not break. Printable ASCII
    stays as it is but for blanks around it and several in a row.
    """
    return unicodedata.normalize("NFC", " ".join(without_invisible(name).split()))


def is_missing(name: str) -> bool:
    """Whether nothing is to be seen of a name, or it is what a program writes for a missing value, as `nan`."""
    return not one_form(name) or one_form(name).casefold() in _MISSING


class Folders:
    """Files that can be found although their name is written in another way; each folder is listed once."""

    def __init__(self):
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def alike(self, folder: Path, path: str) -> list[Path]:
        """Returns the files of which only form of Unicode, invisible characters, blanks or case differ from a path.

        Args:
            folder: that a relative path begins at, written as on the disk.
            path: between its names `/`, or as on Windows a backslash.
        """
        wanted = folder / path.replace("\\", "/")
        start = Path(wanted.anchor) if Path(path).is_absolute() else folder
        places = [start]
        for name in wanted.relative_to(start).parts:
            places = [place / each for place in places for each in self._names(place, name)]
        return sorted(place for place in places if os.path.isfile(place))

    def _names(self, folder: Path, name: str) -> list[str]:
        if name == "..":
            return [name]
        if folder not in self._listed:
            self._listed[folder] = defaultdict(list)
            for each in _names_in(folder):
                self._listed[folder][one_form(each).casefold()].append(each)
        return self._listed[folder].get(one_form(name).casefold(), [])


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
