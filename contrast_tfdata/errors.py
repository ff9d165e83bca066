"""Errors meant for people, each with the exit code that a command ends with when it is raised."""

import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

MAX_LISTED_PROBLEMS = 50
"""How many problems a message lists before it only counts the rest."""


class ContrastError(Exception):
    """A failure that is explained in one or two lines: what, where, what to do."""

    exit_code = 70


@dataclasses.dataclass(frozen=True)
class Problems:
    """Problems of one kind.

    Attributes:
        headline: what is wrong and what to do.
        found: where, a line each; none where the headline says it.
        complete: whether all of them are shown, as a user must mend them one by one; else the first
            `MAX_LISTED_PROBLEMS`.
    """

    headline: str
    found: Sequence[str] = ()
    complete: bool = True

    def text(self) -> str:
        """Returns the headline and then each problem on a line of its own."""
        limit = len(self.found) if self.complete else MAX_LISTED_PROBLEMS
        shown = [f"  {printable(problem)}" for problem in self.found[:limit]]
        if len(self.found) > limit:
            shown.append(f"  ... and {len(self.found) - limit} more")
        return "\n".join([self.headline, *shown])


class UsageError(ContrastError):
    """The command line or an argument cannot be acted on."""

    exit_code = 1


class DataError(ContrastError):
    """Input data is missing, broken or contradicts itself."""

    exit_code = 65

    @classmethod
    def listing(cls, headline: str, problems: Sequence[str]) -> "DataError":
        """Returns an error whose message has the headline and then the first problems, each on a line of its own."""
        return cls(Problems(headline, problems, complete=False).text())

    @classmethod
    def listing_kinds(cls, kinds: Sequence[Problems]) -> "DataError":
        """Returns an error whose message has problems of one or several kinds, each below its own headline."""
        count = [f"{len(kinds)} kinds of problems, each with what to do:"] if len(kinds) > 1 else []
        return cls("\n".join([*count, *(each.text() for each in kinds)]))


class StorageError(ContrastError):
    """Reading or writing failed for a reason outside the data: a full disk, missing rights."""

    exit_code = 74


class InterruptedRunError(ContrastError):
    """The run was asked to stop and can be resumed."""

    exit_code = 75


def how_to_install(extra: str) -> str:
    """Returns what to type where an extra is missing. The package is in no index: its sources are what pip installs."""
    return f'in the folder of the source code: python -m pip install ".[{extra}]"'


def differences(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns in which keys mappings differ, a line each that says what every one of them has.

    Args:
        told: the mappings, at least one, by what a person calls them.
    """
    first, *others = told.values()
    keys = sorted({key for each in told.values() for key in each})
    return [
        f"{key}: " + ", ".join(f"{name} {each.get(key)!r}" for name, each in told.items())
        for key in keys
        if any(each.get(key) != first.get(key) for each in others)
    ]


def printable(text: str, keep: str = "") -> str:
    r"""Writes characters that would act instead of being seen, as in `\x1b`: names of files may hold any.

    Controls move the cursor or set a terminal's title, line ends forge lines, and marks of direction turn text round.

    Args:
        text: any; surrogates, which stand for bytes that are no text, are left to the stream that writes them.
        keep: characters to leave as they are.
    """
    return "".join(each if each in keep or not _acts(each) else each.encode("unicode_escape").decode() for each in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
