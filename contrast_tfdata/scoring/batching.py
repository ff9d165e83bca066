"""Slices one by one to logits, a batch in memory at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def score_stream(
    predict: Callable[[np.ndarray], np.ndarray], slices: Iterable[np.ndarray], batch_size: int
) -> np.ndarray:
    """Returns what is said of slices, (N,) or (N, k) float32, in their order.

    Args:
        predict: (B, S, S) uint8 to (B,) or (B, k) float32.
        slices: (S, S) uint8 each; none is kept longer than its batch.
        batch_size: slices in memory at once.
    """
    logits = [predict(np.stack(batch)) for batch in batches(slices, batch_size)]
    return np.concatenate(logits) if logits else np.zeros(0, np.float32)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yields lists of `size` items in their order; the last one may be shorter."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
