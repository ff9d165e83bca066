"""The parent's side: a child process that serves functions, or runs one program, in an environment of its own."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import starting

ROOT = Path(__file__).parents[1]
CALL_SECONDS = 600
"""Longest that one call may take; what takes longer hangs."""
_CLOSING_SECONDS = 30
_SHOWN_OF_STDERR = 3000


class ChildError(RuntimeError):
    """A child ended or hung instead of answering; the message has the end of what it wrote to standard error."""


class Child:
    """A workload in a process of its own: a context manager whose `call` runs one of its functions there.

    Args:
        module: to be run with `python -m`, e.g. `benchmarks.workloads.steps`.
        environment: variables to set, or to remove where the value is None, before the process starts.
        python: its interpreter; None for this one's.
    """

    start: Callable[..., starting.Process] = starting.fresh
    """How processes are started; `starting.forked` in smoke runs."""

    def __init__(self, module: str, environment: Mapping[str, str | None] | None = None, python: str | None = None):
        self._module = module
        self._words = [python or sys.executable, "-m", module]
        self._environ = _environ(environment or {})

    def __enter__(self) -> "Child":
        self._stderr = tempfile.TemporaryFile()
        (stdin, requests), (answers, stdout) = os.pipe(), os.pipe()
        streams = stdin, stdout, self._stderr.fileno()
        self._process = Child.start(self._words, self._environ, str(ROOT), streams)
        for each in (stdin, stdout):
            os.close(each)
        self._requests, self._answers = os.fdopen(requests, "wb"), os.fdopen(answers, "rb")
        return self

    def __exit__(self, *exception) -> None:
        self._requests.close()
        try:
            self._process.wait(0 if exception[0] else _CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._stderr.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """Runs a served function in the child and returns its result.

        Raises:
            ChildError: the child ended, failed, or did not answer within `CALL_SECONDS`.
        """
        request = json.dumps({"function": function, "arguments": arguments}) + "\n"
        try:
            self._requests.write(request.encode())
            self._requests.flush()
        except BrokenPipeError:
            raise self._failure(function, "had ended before") from None
        # Nothing is buffered in between: a call has one answer, which was read whole.
        if not select.select([self._answers], [], [], CALL_SECONDS)[0]:
            raise self._failure(function, f"gave no answer within {CALL_SECONDS} s")
        answer = self._answers.readline()
        if not answer:
            raise self._failure(function, "ended without an answer")
        return json.loads(answer)

    def _failure(self, function: str, what: str) -> ChildError:
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace")[-_SHOWN_OF_STDERR:]
        return ChildError(f"{self._module}.{function}: the child {what}; its standard error ends with:\n{said}")


def seconds_of(module: str, *arguments: str, environment: Mapping[str, str | None] | None = None) -> float:
    """Runs `python -m MODULE ARGUMENTS` to its end; returns the seconds from its start, imports included.

    Raises:
        ChildError: it did not end with 0.
    """
    words = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile() as output, open(os.devnull) as nothing:
        streams = nothing.fileno(), output.fileno(), output.fileno()
        started = time.perf_counter()
        status = Child.start(words, _environ(environment or {}), str(ROOT), streams).wait()
        seconds = time.perf_counter() - started
        if status:
            output.seek(0)
            said = output.read().decode(errors="replace")[-_SHOWN_OF_STDERR:]
            raise ChildError(f"{module} {' '.join(arguments)}: ended with {status}; its output ends with:\n{said}")
    return seconds


def _environ(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    merged["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return {name: value for name, value in merged.items() if value is not None}
