"""Orders that a reader can choose between, on a page that runs no script.

The page holds each entry's place in every order; a radio button chooses the one by which its style sheet lays them out.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from contrast_tfdata.report.gallery import Case
from contrast_tfdata.report.series_table import SeriesLine


@dataclasses.dataclass(frozen=True)
class Order:
    """One way to sort.

    Attributes:
        name: as a reader sees it, after "Order:".
        key: from an entry to what it is sorted by; equal ones stay in the order they came in.
    """

    name: str
    key: Callable[[Any], Any]


CASE_ORDERS = (
    Order("most confident errors first", lambda case: 0),
    Order("row", lambda case: case.position),
    Order("true class", lambda case: case.truth),
    Order("file", lambda case: (case.path, case.slice_index)),
)
"""Of `gallery.Case`, the first as they come."""

SERIES_ORDERS = (
    Order("furthest on the wrong side first", lambda line: 0),
    Order("probability", lambda line: line.probability),
    Order("slices", lambda line: -line.num_slices),
    Order("label", lambda line: line.truth),
    Order("file", lambda line: line.name),
)
"""Of `series_table.SeriesLine`, the first as they come."""


def places(entries: Sequence[Case | SeriesLine], orders: Sequence[Order]) -> list[str]:
    """Returns for each entry a style declaring its place in every order but the first: `--by1:0;--by2:4`."""
    declared: list[list[str]] = [[] for _ in entries]
    for number, order in enumerate(orders[1:], 1):
        ranked = sorted(range(len(entries)), key=lambda each: order.key(entries[each]))
        for place, entry in enumerate(ranked):
            declared[entry].append(f"--by{number}:{place}")
    return [";".join(each) for each in declared]
