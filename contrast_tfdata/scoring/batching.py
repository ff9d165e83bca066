"""Slices one by one to logits, a batch in memory at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np


def score_stream(
    predict: Callable[[np.ndarray], np.ndarray], slices: Iterable[np.ndarray], batch_size: int
) -> np.ndarray:
    """Returns the logits, (N,) float32, of slices in their order.

    Args:
        predict: (B, S, S) uint8 to (B,) float32.
        slices: (S, S) uint8 each; none is kept longer than its batch.
        batch_size: slices scored at once.
    """
    logits = [predict(np.stack(batch)) for batch in _batches(iter(slices), batch_size)]
    return np.concatenate([np.zeros(0, np.float32), *logits])


def _batches(slices: Iterator[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    while batch := list(islice(slices, size)):
        yield batch
