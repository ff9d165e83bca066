"""Times to figures: interleaved rounds, medians with their spread, ratios of what was measured side by side."""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Spread:
    """A sample as five numbers and its size.

    Attributes:
        median: the figure that is quoted.
        lower: first quartile, interpolated linearly (Hyndman and Fan's type 7, NumPy's default).
        upper: third quartile.
        least: smallest value.
        most: largest value.
        count: number of values.
    """

    median: float
    lower: float
    upper: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarises one value or more.

        Raises:
            ValueError: there is none.
        """
        if not values:
            raise ValueError(f"`values` must hold one value or more. Received: values={values!r}")
        quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        return cls(quartiles[1], quartiles[0], quartiles[2], min(values), max(values), len(values))


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Returns the ratio of each round.

    Values of one round were measured seconds apart, so that whatever slowed the machine then slowed both.

    Args:
        numerators: one value a round, from the first round on.
        denominators: the same of the other variant; the longer sequence is cut to the shorter one's rounds.

    Raises:
        ValueError: they have no round in common.
    """
    ratios = [top / bottom for top, bottom in zip(numerators, denominators, strict=False)]
    if not ratios:
        raise ValueError(f"No round in common. Received: {len(numerators)} and {len(denominators)} rounds")
    return ratios


def interleave(
    variants: Mapping[str, Callable[[], Result]], rounds: int | Mapping[str, int], *, warm_up: int = 0
) -> dict[str, list[Result]]:
    """Calls every variant once a round, each round beginning with another one.

    Args:
        variants: by name; each call is one measurement, which it returns.
        rounds: for all, or by name: a variant with fewer rounds drops out after them.
        warm_up: calls of each variant before the first round, not kept.

    Returns:
        The measurements by name, in the order of the rounds.
    """
    counts = dict.fromkeys(variants, rounds) if isinstance(rounds, int) else rounds
    for variant, _ in itertools.product(variants.values(), range(warm_up)):
        variant()
    results: dict[str, list[Result]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(max(counts.values(), default=0)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if number < counts[name]:
                results[name].append(variants[name]())
    return results


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Returns the slope of the least-squares line through (log size, log value): 1 is linear, 0 flat.

    Args:
        sizes: positive, not all equal.
        values: positive, one for each size.
    """
    return statistics.linear_regression([math.log(size) for size in sizes], [math.log(value) for value in values]).slope
