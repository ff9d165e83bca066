"""What the machine's arithmetic and memory can do at most: matrix products by TensorFlow and NumPy, and a copy."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from benchmarks.serving import serve

COPIED_BYTES = 256 << 20
"""Several times the largest cache of a common CPU."""

_source = np.ones(COPIED_BYTES // 4, np.float32)
_target = np.zeros_like(_source)
_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
_pool = ThreadPoolExecutor(_cores)


def rates(precisions: list[str], sides: list[int]) -> dict[str, float]:
    """Returns the highest rates of this call, on all cores.

    Args:
        precisions: of TensorFlow's products: `float32`, `bfloat16`.
        sides: of the square matrices; from 2048 on a product amortises everything else.

    Returns:
        Operations a second by `TensorFlow PRECISION` and `NumPy float32`, 2 for each multiplication and addition, the
        best side's; and `bytes_per_second` of a copy, which counts its bytes twice, read and written.
    """
    found: dict[str, float] = {}
    for side in sides:
        for name, multiply in _products(side, precisions).items():
            multiply()
            found[name] = max(found.get(name, 0.0), 2 * side**3 / _seconds(multiply))
    return found | {"bytes_per_second": 2 * COPIED_BYTES / _seconds(_copy)}


def _products(side: int, precisions: list[str]) -> dict[str, Callable[[], object]]:
    left, right = np.random.default_rng(0).standard_normal((2, side, side), np.float32)
    products = {"NumPy float32": lambda: np.matmul(left, right)}
    for precision in precisions:
        first, second = (tf.cast(each, precision) for each in (left, right))
        # On a CPU an eager operation is done when it returns.
        products[f"TensorFlow {precision}"] = lambda a=first, b=second: tf.matmul(a, b)
    return products


def _copy() -> None:
    # NumPy copies without holding the interpreter's lock, so that threads copy side by side.
    list(_pool.map(np.copyto, np.array_split(_target, _cores), np.array_split(_source, _cores)))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    serve(rates)
