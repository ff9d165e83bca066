"""Errors meant for people, each with the exit code that a command ends with when it is raised."""

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
    def listing(cls, headline: str, problems: Sequence[str]) -> "DataError":
        """Returns an error whose message has the headline and then every problem on a line of its own."""
        shown = [f"  {problem}" for problem in problems[:MAX_LISTED_PROBLEMS]]
        if len(problems) > MAX_LISTED_PROBLEMS:
            shown.append(f"  ... and {len(problems) - MAX_LISTED_PROBLEMS} more")
        return cls("\n".join([headline, *shown]))


class StorageError(ContrastError):
    """Reading or writing failed for a reason outside the data: a full disk, missing rights."""

    exit_code = 74


class InterruptedRunError(ContrastError):
    """The run was asked to stop and can be resumed."""

    exit_code = 75
