"""What model.json may say of a network, so that nothing which it says can surprise whoever scores with it.

Free of TensorFlow.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.model import views
from contrast_tfdata.model.architecture import weight_shapes

DESCRIPTION_KEYS = ("preprocessing", "operating_point", "class_names")
"""What a description must hold, besides anything else that fits into JSON."""

WEIGHTS_FILE = re.compile(r"weights-[0-9a-f]{16}\.npz")
_SHA256 = re.compile("[0-9a-f]{64}")
_ARCHITECTURE = {"image_size": int, "dropout": float}
_SHOWN = 120


def problems(record: Mapping[str, Any]) -> list[str]:
    """Returns what cannot be in a description of this or an older version, a line each.

    Args:
        record: model.json, as it was written or read.
    """
    missing = [
        key for key in ("architecture", "weights_file", "weights_sha256", *DESCRIPTION_KEYS) if key not in record
    ]
    if missing:
        return [f"lacks {', '.join(missing)}"]
    wrong = [
        f"`{key}` must be {wanted}. Received: {repr(record[key])[:_SHOWN]}"
        for key, (is_good, wanted) in _VALUES.items()
        if key in record and not is_good(record[key])
    ]
    return [*wrong, *_problems_of_views(record), *_problems_of_architecture(record), *_problems_of_sizes(record)]


def _problems_of_views(record: Mapping[str, Any]) -> list[str]:
    try:
        views.stored(record)
    except DataError as error:
        return [str(error)]
    return []


def _problems_of_architecture(record: Mapping[str, Any]) -> list[str]:
    found = record["architecture"]
    types = {key: type(value) for key, value in found.items()} if isinstance(found, dict) else found
    if types != _ARCHITECTURE:
        return [f"`architecture` is {found!r}"]
    try:
        weight_shapes(found["image_size"])
    except ValueError as error:
        return [str(error)]
    return [] if 0 <= found["dropout"] < 1 else [f"`dropout` is {found['dropout']}"]


def _problems_of_sizes(record: Mapping[str, Any]) -> list[str]:
    prepared, taken = (_image_size(record[key]) for key in ("preprocessing", "architecture"))
    if prepared == taken:
        return []
    return [f"slices are prepared with {prepared} pixels, and the network takes them with {taken}"]


def _image_size(part: Any) -> Any:
    return part.get("image_size") if isinstance(part, Mapping) else None


def _is_weights_name(value: Any) -> bool:
    return isinstance(value, str) and WEIGHTS_FILE.fullmatch(value) is not None


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # NaN is not.


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_point(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_share(value.get("threshold"))


def _is_band(value: Any) -> bool:
    if value is None:
        return True
    ends = [value.get("low"), value.get("high")] if isinstance(value, Mapping) else [None]
    return all(map(_is_share, ends)) and ends == sorted(ends)


def _is_temperature(value: Any) -> bool:
    if value is None:
        return True
    number = value.get("value", 0) if isinstance(value, Mapping) else 0
    return number is None or (type(number) in (int, float) and 0 < number < math.inf)


def _is_gate(value: Any) -> bool:
    bounds = value.get("bounds") if isinstance(value, Mapping) else None
    return isinstance(bounds, Mapping) and all(map(_is_range, bounds.values()))


def _is_range(value: Any) -> bool:
    is_pair = isinstance(value, list) and len(value) == 2
    return is_pair and all(type(end) in (int, float) and math.isfinite(end) for end in value) and value[0] <= value[1]


_VALUES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "weights_file": (_is_weights_name, "a name as in weights-0123456789abcdef.npz"),
    "weights_sha256": (_is_digest, "64 hex digits"),
    "class_names": (lambda value: value == list(CLASS_NAMES), f"{list(CLASS_NAMES)}"),
    "preprocessing": (lambda value: isinstance(value, Mapping), "an object"),
    "operating_point": (_is_point, "an object with a threshold from 0 to 1"),
    "indeterminate_band": (_is_band, "null, or an object with low and high, from 0 to 1 and rising"),
    "temperature": (_is_temperature, "null, or an object whose value is null or above 0"),
    "input_gate": (_is_gate, "an object whose bounds are pairs of rising numbers"),
    "synthetic_share": (lambda value: value is None or _is_share(value), "null, or a number from 0 to 1"),
    "training_slices": (lambda value: value is None or _is_count(value), "null, or a number of slices"),
    "training_patients": (lambda value: value is None or _is_count(value), "null, or a number of patients"),
}
"""What each value must be, and that in words."""
