"""What the machine's arithmetic and memory can do at most, by the plainest means: NumPy's sgemm and copy."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.serving import serve

SIDE = 2048
"""Of the square matrices: 17 GFLOP a product, large enough to amortise everything else."""
COPIED_BYTES = 256 << 20
"""Several times the largest cache of a common CPU."""

_rng = np.random.default_rng(0)
_left, _right = (_rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
_product = np.empty_like(_left)
_source = np.ones(COPIED_BYTES // 4, np.float32)
_target = np.zeros_like(_source)
_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
_pool = ThreadPoolExecutor(_cores)


def rates() -> dict[str, float]:
    """Returns `flops_per_second` of a float32 matrix product and `bytes_per_second` of a copy, both on all cores.

    A copy counts its bytes twice, read and written. As with the steps, a first product is not counted.
    """
    np.matmul(_left, _right, out=_product)
    started = time.perf_counter()
    np.matmul(_left, _right, out=_product)
    multiplied = time.perf_counter()
    # NumPy copies without holding the interpreter's lock, so that threads copy side by side.
    list(_pool.map(np.copyto, np.array_split(_target, _cores), np.array_split(_source, _cores)))
    copied = time.perf_counter()
    return {
        "flops_per_second": 2 * SIDE**3 / (multiplied - started),
        "bytes_per_second": 2 * COPIED_BYTES / (copied - multiplied),
    }


if __name__ == "__main__":
    serve(rates)
