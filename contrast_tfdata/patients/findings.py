"""What a look at all files brings up, gathered so that a person hears of everything at once."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from contrast_tfdata.errors import DataError, Problems
from contrast_tfdata.intake.scanning import Rejection, unusable

_SHOWN = 5
_Found = TypeVar("_Found")


def first_of(found: Sequence[_Found], show: Callable[[_Found], str]) -> str:
    """Returns the first few of what was found, as `show` words them, and how many more there are, in one line."""
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(map(show, found[:_SHOWN])) + more


@dataclasses.dataclass
class Findings:
    """Lines for whoever reads results made from the records, and what must be mended before there are any.

    Attributes:
        allow_leakage: whether leaks are a warning.
        warnings: in the order in which they were found.
        problems: of each kind once.
    """

    allow_leakage: bool
    warnings: list[str]
    problems: list[Problems]

    def add(self, headline: str, found: Sequence[str]) -> None:
        """Notes problems of a kind, if there are any."""
        if found:
            self.problems.append(Problems(headline, found))

    def add_leaks(self, what: str, leaks: Sequence[str]) -> None:
        """Notes leaks between splits, if there are any."""
        if self.allow_leakage and leaks:
            self.warnings.append(f"LEAKAGE: {what}: {len(leaks)} of them")
        else:
            self.add(f"{what} (--allow_leakage goes on, and says so in the report):", leaks)

    def refuse(self, rejected: Sequence[Rejection]) -> None:
        """Raises DataError where there are problems; it lists, besides them, the files that cannot be used.

        Those alone raise nothing yet: decoding the others finds more of them.
        """
        if self.problems:
            more = [unusable(rejected, "decoding may find more")] if rejected else []
            raise DataError.listing_kinds([*self.problems, *more])


def no_usable_image(names: Sequence[str], left_out: Mapping[str, int], *, to_train_on: bool) -> Problems:
    """Returns that some classes have no image, as what a user has to mend.

    Args:
        names: of the classes.
        left_out: how many files of all classes are not used, by reason.
        to_train_on: whether it is the training split that lacks them.
    """
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()) if count)
    said = f". Left out, of all classes: {counts}" if counts else ""
    purpose = " to train on" if to_train_on else ""
    return Problems(f"no usable image of {' and '.join(names)}{purpose}; add some{said}")
