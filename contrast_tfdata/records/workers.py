"""Work spread over processes: results in order, bounded memory, and an error instead of a hang when a worker dies."""

import collections
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from contrast_tfdata.errors import ContrastError, UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

_PENDING_PER_WORKER = 4


def available_cores() -> int:
    """Cores that this process may use, which is fewer than the machine has in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_for(num_items: int) -> int:
    """Processes worth starting for so many items: one a core, and none that would have nothing to do."""
    return max(1, min(available_cores(), num_items))


def _end_with_parent() -> None:
    """Ends a worker when its parent is gone: a parent that is killed cannot say so, and workers would wait for ever."""
    sentinel = multiprocessing.parent_process().sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Workers:
    """A pool of processes, or this process alone where `num_workers` is 1.

    Processes are spawned, not forked: forking a process in which TensorFlow has threads running may hang.

    Args:
        num_workers: 1 or more.
    """

    def __init__(self, num_workers: int):
        if num_workers < 1:
            raise UsageError(f"num_workers must be at least 1. Received: num_workers={num_workers}")
        self.num_workers = num_workers
        self._executor: Executor | None = None

    def __enter__(self) -> "Workers":
        if self.num_workers > 1:
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.num_workers, spawn, initializer=_end_with_parent)
        return self

    def __exit__(self, *exception) -> None:
        if self._executor:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yields `function(item)` in the order of `items`, with a few items per worker under way at a time.

        Raises:
            ContrastError: a worker process died.
        """
        if self._executor is None:
            yield from map(function, items)
            return
        pending: collections.deque = collections.deque()
        try:
            for item in items:
                pending.append(self._executor.submit(function, item))
                if len(pending) >= _PENDING_PER_WORKER * self.num_workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise ContrastError(
                "a worker process died (out of memory, or killed); try fewer with --num_workers=1"
            ) from error
        finally:
            with contextlib.suppress(RuntimeError):
                for future in pending:
                    future.cancel()
