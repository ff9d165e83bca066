"""The parent's side: a child process that serves functions, in an environment of its own."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

    def __init__(self, module: str, environment: Mapping[str, str | None] | None = None, python: str | None = None):
        self._module = module
        self._python = python or sys.executable
        self._environ = _environ(environment or {})

    def __enter__(self) -> "Child":
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [self._python, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=self._environ,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *exception) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(0 if exception[0] else _CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """Runs a served function in the child and returns its result.

        Raises:
            ChildError: the child ended, failed, or did not answer within `CALL_SECONDS`.
        """
        request = json.dumps({"function": function, "arguments": arguments}) + "\n"
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure(function, "had ended before") from None
        # Nothing is buffered in between: a call has one answer, which was read whole.
        if not select.select([self._process.stdout], [], [], CALL_SECONDS)[0]:
            raise self._failure(function, f"gave no answer within {CALL_SECONDS} s")
        answer = self._process.stdout.readline()
        if not answer:
            raise self._failure(function, "ended without an answer")
        return json.loads(answer)

    def _failure(self, function: str, what: str) -> ChildError:
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace")[-_SHOWN_OF_STDERR:]
        return ChildError(f"{self._module}.{function}: the child {what}; its standard error ends with:\n{said}")


def _environ(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    merged["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return {name: value for name, value in merged.items() if value is not None}
