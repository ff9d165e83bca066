"""What perturbed slices do to the figures, in rows."""

from collections.abc import Mapping


def rows(numbers: Mapping) -> list[Mapping]:
    """Returns `name`, `setting` and figures of a split as it is, and then perturbed; empty where nobody measured it."""
    measured = numbers.get("robustness")
    return [{**numbers, "name": "as it is", "setting": ""}, *measured] if measured else []
