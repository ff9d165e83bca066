"""How child processes are started: as a shell does, or forked from a process that has imported TensorFlow.

A start costs five seconds of a core, imports mostly, and a run of all benchmarks has forty of them. Where speed is not
measured, in smoke runs, they are spared. What TensorFlow reads at its import is then that of the first process.
"""

import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from typing import Protocol

IMPORTED = (
    "tensorflow",
    "contrast_tfdata.training.loop",
    "contrast_tfdata.scoring.file_scores",
    "contrast_tfdata.report",
)
"""By the process that is forked. No operation may run there: TensorFlow's threads begin with the first."""


class Process(Protocol):
    """What `subprocess.Popen` and a fork have in common here."""

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit status; raises `subprocess.TimeoutExpired` after `timeout` seconds."""

    def kill(self) -> None:
        """Ends the process."""


def fresh(words: Sequence[str], environ: Mapping[str, str], folder: str, streams: Sequence[int]) -> Process:
    """Starts a process as a shell does.

    Args:
        words: interpreter, `-m`, module, arguments.
        environ: its environment.
        folder: where it works.
        streams: descriptors of its standard input, output and error.
    """
    stdin, stdout, stderr = streams
    return subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=stderr, env=environ, cwd=folder)


def forked(words: Sequence[str], environ: Mapping[str, str], folder: str, streams: Sequence[int]) -> Process:
    """Forks a process that runs what `fresh` would; one of another interpreter is started as by `fresh`."""
    python, _, *module_and_arguments = words
    if python != sys.executable:
        return fresh(words, environ, folder, streams)
    passed = [DupFd(each) for each in streams]
    process = _context().Process(target=_become, args=(module_and_arguments, dict(environ), folder, passed))
    process.start()
    return _Fork(process)


class _Fork:
    """A forked process with the manners of `subprocess.Popen`."""

    def __init__(self, process):
        self._process = process
        self.kill = process.kill

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode


@functools.cache
def _context():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def _become(module_and_arguments: Sequence[str], environ: Mapping[str, str], folder: str, streams: Sequence) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.detach(), number)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = list(module_and_arguments)
    runpy.run_module(module_and_arguments[0], run_name="__main__", alter_sys=True)
