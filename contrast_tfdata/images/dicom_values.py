"""Values of a DICOM data set as what they should be, whatever a file says that they are.

Files come with decimal commas, with texts for numbers and with elements of another kind; readers of other makes take
most of them. What cannot be read is named by its tag, and never quoted: any element may hold a patient's name.
"""

import math
from collections.abc import MutableSequence, Sequence
from typing import Any

import numpy as np

from contrast_tfdata.images.slices import RejectedImageError

Group = Sequence[Any]
"""Data sets in which something about a frame may stand, the nearest first, that of the whole file last."""


def holder(group: Group, keyword: str) -> Any:
    """Returns the nearest data set that holds an element, or the last."""
    return next((each for each in group if keyword in each), group[-1])


def first_number(group: Group, *keywords: str) -> float | None:
    """Returns the first number of the first of some elements that has one; None where none has."""
    found = (number(holder(group, keyword), keyword) for keyword in keywords)
    return next((each for each in found if each is not None), None)


def numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    """Returns `count` finite numbers, or None where the element is missing or empty.

    Raises:
        RejectedImageError: `corrupt`, naming the element, where it holds anything else.
    """
    found = _parsed(dataset, keyword)
    if found == ():
        return None
    if found is None or len(found) != count or not all(map(math.isfinite, found)):
        raise RejectedImageError("corrupt", f"{keyword} is not {count} number{'s' * (count > 1)}")
    return found


def number(dataset: Any, keyword: str) -> float | None:
    """Returns the first number of an element; None where there is none, for the image is as good without it."""
    found = _parsed(dataset, keyword)
    return found[0] if found else None


def whole(dataset: Any, keyword: str, default: int | None = None) -> int:
    """Returns a whole number, or the default where the element is missing or empty.

    Raises:
        RejectedImageError: `corrupt`, naming the element, where it holds anything else, or has no default.
    """
    found = numbers(dataset, keyword, 1)
    if found is None and default is not None:
        return default
    if found is None or found[0] != int(found[0]):
        raise RejectedImageError("corrupt", f"{keyword} is {'missing' if found is None else 'no whole number'}")
    return int(found[0])


def text(dataset: Any, keyword: str) -> str:
    """Returns the text of an element without blanks around it; "" where it is missing, damaged or none."""
    value = _value(dataset, keyword)
    return value.strip() if isinstance(value, str) else ""


def texts(dataset: Any, keyword: str) -> list[str]:
    """Returns the texts of an element; none where it is missing, damaged or none."""
    value = _value(dataset, keyword)
    values = [value] if isinstance(value, str) else value if isinstance(value, list) or _is_multi_value(value) else []
    return [str(each).strip() for each in values]


def items(dataset: Any, keyword: str) -> list[Any]:
    """Returns the items of a sequence; none where it is missing, damaged or no sequence, whatever the file says."""
    value = _value(dataset, keyword)
    found = list(value) if isinstance(value, MutableSequence) else []
    return [each for each in found if hasattr(each, "get_item")]


def _is_multi_value(value: Any) -> bool:
    return type(value).__name__ == "MultiValue"


def _parsed(dataset: Any, keyword: str) -> tuple[float, ...] | None:
    """Returns the numbers of an element, () where it is missing or empty, None where something in it is none."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "" or (hasattr(value, "__len__") and not len(value)):
            return ()
        if not isinstance(value, str | bytes):
            return tuple(float(each) for each in np.atleast_1d(np.asarray(value, np.float64)))
    except Exception:  # pydicom raises dozens of kinds on values that it does not like; the bytes may be readable.
        value = _raw(dataset, keyword)
    return _from_text(value.decode("ascii", "replace") if isinstance(value, bytes) else value)


def _from_text(value: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part.strip(" \0").replace(",", ".")) for part in value.strip(" \0").split("\\"))
    except ValueError:
        return None


def _raw(dataset: Any, keyword: str) -> bytes | str:
    try:
        value = dataset.get_item(keyword).value
    except Exception:  # Likewise.
        return "?"
    return value if isinstance(value, bytes) else "\\".join(map(str, value if _is_multi_value(value) else [value]))


def _value(dataset: Any, keyword: str) -> Any:
    """Returns an element's value; None where it is missing or damaged."""
    try:
        return dataset.get(keyword)
    except Exception:  # Likewise.
        return None
