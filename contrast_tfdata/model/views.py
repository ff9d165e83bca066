"""Views: pictures of one slice of which a network is asked for a logit each; their mean is the slice's logit.

Free of TensorFlow, so that a flag can be refused without it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from contrast_tfdata.errors import DataError, UsageError

PLAIN = ("plain",)
"""The slice itself and nothing else: what counts where nothing is said."""

_MAKERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
}
"""Each takes slices (N, H, W) or (N, H, W, C) of any dtype, N may be 0, and returns as many of the same form."""

VIEWS = tuple(_MAKERS)
"""The names by which `train --views` and `model.json` know them."""


def make(images: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
    """Returns each named view of a batch of slices, in the order of the names.

    Args:
        images: (N, H, W) or (N, H, W, C).
        names: of `VIEWS`, checked.
    """
    return [_MAKERS[name](images) for name in names]


def checked(names: Any) -> tuple[str, ...]:
    """Returns names of views as a tuple.

    Raises:
        ValueError: they are no list of known names, at least one and each once.
    """
    known = isinstance(names, list | tuple) and all(isinstance(name, str) and name in VIEWS for name in names)
    if not known or not names or len(set(names)) < len(names):
        raise ValueError(f"`views` must be some of {', '.join(VIEWS)}, each once. Received: views={names!r}")
    return tuple(names)


def parse(text: str) -> tuple[str, ...]:
    """Returns the views that a flag names, as in `plain,mirrored`; raises UsageError for any other text."""
    try:
        return checked([name.strip() for name in text.split(",")])
    except ValueError as error:
        raise UsageError(str(error)) from error


def stored(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the views that a model's description names, or `PLAIN` where it names none.

    Raises:
        DataError: it is damaged, or of a newer version that knows more views.
    """
    try:
        return checked(description.get("views", PLAIN))
    except ValueError as error:
        raise DataError(f"damaged, or of a newer version of contrast_tfdata: {error}") from error
