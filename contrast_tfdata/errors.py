"""Errors meant for people, each with the exit code that a command ends with when it is raised."""

import unicodedata
from collections.abc import Sequence

MAX_LISTED_PROBLEMS = 50
"""How many problems a message lists before it only counts the rest."""


class ContrastError(Exception):
    """A failure that is explained in one or two lines: what, where, what to do."""

    exit_code = 70


class UsageError(ContrastError):
    """The command line or an argument cannot be acted on."""

    exit_code = 1


class DataError(ContrastError):
    """Input data is missing, broken or contradicts itself."""

    exit_code = 65

    @classmethod
    def listing(cls, headline: str, problems: Sequence[str], *, complete: bool = False) -> "DataError":
        """Returns an error whose message has the headline and then each problem on a line of its own.

        Args:
            headline: what is wrong and what to do.
            problems: any number; the first `MAX_LISTED_PROBLEMS` are shown.
            complete: show them all, where they are what a user must mend one by one.
        """
        limit = len(problems) if complete else MAX_LISTED_PROBLEMS
        shown = [f"  {printable(problem)}" for problem in problems[:limit]]
        if len(problems) > limit:
            shown.append(f"  ... and {len(problems) - limit} more")
        return cls("\n".join([headline, *shown]))


class StorageError(ContrastError):
    """Reading or writing failed for a reason outside the data: a full disk, missing rights."""

    exit_code = 74


class InterruptedRunError(ContrastError):
    """The run was asked to stop and can be resumed."""

    exit_code = 75


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
