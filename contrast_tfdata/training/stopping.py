"""Stops that wait for the end of a step."""

import signal
import threading
from typing import Protocol

from contrast_tfdata.errors import InterruptedRunError


class Stop(Protocol):
    """Tells whether a training should stop, and why."""

    @property
    def name(self) -> str | None:
        """What asked to stop; None where nothing did."""


class StopRequest:
    """Notes SIGTERM and Ctrl-C within a block, so that a training can save first; a second one ends it at once.

    Outside Python's main thread, where no handler can be set, it notes nothing.
    """

    def __init__(self):
        self._signal: signal.Signals | None = None
        self._former = {}

    @property
    def name(self) -> str | None:
        """What asked to stop, as in `SIGTERM`; None where nothing did."""
        return self._signal.name if self._signal else None

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._former = {each: signal.signal(each, self._note) for each in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *exception) -> None:
        for each, handler in self._former.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame) -> None:
        if self._signal:
            raise InterruptedRunError(
                f"stopped by {signal.Signals(number).name} before the step was saved; the same command goes on from "
                "the last checkpoint"
            )
        self._signal = signal.Signals(number)
