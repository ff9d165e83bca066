"""Work spread over processes: results in order, bounded memory, and an error instead of a hang when a worker dies."""

import collections
import contextlib
import ctypes
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from contrast_tfdata.errors import ContrastError, UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

_PENDING_PER_WORKER = 4
_BATCH_SECONDS = 0.05  # Sending one costs a fraction of a millisecond, as much as scanning a picture.
_BATCH_ITEMS = 8
_ALONE_SECONDS = 1.0  # A process needs as long to begin, and a core meanwhile.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # Parameters of mallopt, from glibc's malloc.h.
_STOPS = (signal.SIGINT, signal.SIGTERM)
_KEPT_BYTES, _LARGEST_KEPT_BYTES = 64 << 20, 32 << 20


def available_cores() -> int:
    """Cores that this process may use, which is fewer than the machine has in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Until here it was blocked, by `_starting_workers`.
    _keep_freed_memory()
    _end_with_parent()


def _keep_freed_memory() -> None:
    """Has glibc keep what is freed for the next image, up to 64 MiB.

    By default it gives the memory of an image's arrays back to the system after each image, and the next image's must
    then be mapped and zeroed page by page.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # Other C libraries have none.
    if mallopt:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)


def _end_with_parent() -> None:
    """Ends a worker when its parent is gone: a parent that is killed cannot say so, and workers would wait for ever."""
    sentinel = multiprocessing.parent_process().sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _starting_workers() -> Iterator[None]:
    """Keeps Ctrl-C from processes that are started meanwhile, and puts off what stops this one until they are.

    Ctrl-C reaches all processes of a terminal. A worker that still imports would print a traceback of its own, so it
    inherits the signal blocked and leaves it to its parent. The parent, stopped halfway, would leave a worker that
    reads a half of what it was to be sent, or that nobody ends.
    """
    with _stops_put_off():
        former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextlib.contextmanager
def _stops_put_off() -> Iterator[None]:
    """Handles SIGINT and SIGTERM after the block; blocking them would not do, as `staging` explains."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs no handler here
        return
    arrived: list[int] = []
    former = {each: signal.signal(each, lambda number, _: arrived.append(number)) for each in _STOPS}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
        if arrived:
            signal.raise_signal(arrived[0])


class Workers:
    """A pool of processes, or this process alone where it is one.

    Processes are spawned, not forked: forking a process in which threads are running may hang.

    Args:
        num_workers: 1 or more; None: one a core, and none before this process alone has worked for a second.
    """

    def __init__(self, num_workers: int | None):
        if num_workers is not None and num_workers < 1:
            raise UsageError(f"num_workers must be at least 1. Received: num_workers={num_workers}")
        self.num_workers = num_workers or available_cores()
        self._seconds_alone = 0.0 if num_workers else _ALONE_SECONDS
        self._executor: Executor | None = None

    def __enter__(self) -> "Workers":
        _keep_freed_memory()
        if self.num_workers > 1:
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.num_workers, spawn, initializer=_begin_worker)
        return self

    def __exit__(self, *exception) -> None:
        if self._executor:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yields `function(item)` in the order of `items`, with a few batches per worker under way at a time.

        A batch is one item at first; quick items then go up to 8 together, as many as take about 0.05 s.

        Raises:
            ContrastError: a worker process died.
        """
        if self._executor is None:
            yield from map(function, items)
            return
        items, size = iter(items), 1
        while self._seconds_alone > 0 and (batch := list(itertools.islice(items, 1))):
            results, seconds = _run_batch(function, batch)
            self._seconds_alone -= seconds
            yield from results
        pending: collections.deque[Future] = collections.deque()
        try:
            while batch := list(itertools.islice(items, size)):
                with _starting_workers():  # The executor starts them one by one, as there is work for them.
                    future = self._executor.submit(_run_batch, function, batch)
                pending.append(future)
                if len(pending) >= _PENDING_PER_WORKER * self.num_workers:
                    results, seconds = pending.popleft().result()
                    size = _batch_size(seconds / len(results))
                    yield from results
            while pending:
                yield from pending.popleft().result()[0]
        except BrokenProcessPool as error:
            raise ContrastError(
                "a worker process died (out of memory, or killed); try fewer with --num_workers=1"
            ) from error
        finally:
            with contextlib.suppress(RuntimeError):
                for future in pending:
                    future.cancel()


def _run_batch(function: Callable[[Item], Result], items: list[Item]) -> tuple[list[Result], float]:
    """Runs in a worker process; returns the results, and the seconds that they took together."""
    started = time.perf_counter()
    return [function(item) for item in items], time.perf_counter() - started


def _batch_size(seconds_per_item: float) -> int:
    return max(1, min(_BATCH_ITEMS, int(_BATCH_SECONDS / max(seconds_per_item, 1e-9))))
