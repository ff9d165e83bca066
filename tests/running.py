"""Commands in processes of their own, as a user runs them, and what they leave."""

import atexit
import contextlib
import csv
import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKDIR_FILES = {
    "flags.txt", "environment.json", "checkpoints", "logs", "history.csv", "predictions-validation.csv",
    "predictions-test.csv", "metrics.json", "figures", "report.html", "MODEL_CARD.md", "model",
    "suspected-labels.csv",
}  # fmt: skip
"""What `train` leaves in its workdir."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a process is to do that has imported TensorFlow already (see `warm_commands`).

    Attributes:
        command: of the package; empty for a program alone.
        arguments: its words.
        program: Python that runs before the command, or instead of one.
        environment: its variables.
        folder: where it runs.
        session: begin a session and a group of its own.
        drawn: draw figures, a fourth of a short training's time; if not, their files are there, a pixel each.
    """

    command: str
    arguments: list[str]
    program: str = ""
    environment: dict[str, str] = dataclasses.field(default_factory=lambda: dict(os.environ))
    folder: str = dataclasses.field(default_factory=os.getcwd)
    session: bool = False
    drawn: bool = False


class Process:
    """A process as `subprocess.Popen` has them, but one that has imported TensorFlow already; its output in files."""

    def __init__(self, request: Request):
        self._folder = tempfile.TemporaryDirectory()
        files = {name: str(Path(self._folder.name, name)) for name in ("stdout", "stderr", "status")}
        server = _server()
        print(json.dumps({**dataclasses.asdict(request), **files}), file=server.stdin, flush=True)
        self.pid, self.returncode = int(server.stdout.readline()), None

    def poll(self):
        """Returns its exit status, None while it runs."""
        if self.returncode is None:
            with contextlib.suppress(FileNotFoundError):
                self.returncode = int(Path(self._folder.name, "status").read_text())
        return self.returncode

    def wait(self, timeout=600.0):
        """Returns its exit status."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, sent):
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sent)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def said(self, stream="stdout"):
        """Returns what it has written so far."""
        with contextlib.suppress(FileNotFoundError):
            return Path(self._folder.name, stream).read_text(encoding="utf-8", errors="surrogateescape")
        return ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()
        self.wait()
        self._folder.cleanup()


def start(command, *arguments, **options):
    """Starts a command in a process of its own, with options of `Request`."""
    return Process(Request(command, list(map(str, arguments)), **options))


def run(command, *arguments, cwd=None, env=None, **options):
    """Runs a command in a process of its own, which has imported TensorFlow already (see `warm_commands`).

    Returns:
        The finished process with its exit status, and what it wrote as text.
    """
    environment, folder = dict(os.environ if env is None else env), str(cwd or Path.cwd())
    with start(command, *arguments, environment=environment, folder=folder, **options) as process:
        process.wait()
        texts = process.said("stdout"), process.said("stderr")
    return subprocess.CompletedProcess([command, *map(str, arguments)], process.returncode, *texts)


def run_program(program, *arguments, **options):
    """Runs Python as `python -c` does, but in a process that has imported TensorFlow already."""
    return run("", *arguments, program=program, **options)


@functools.cache
def _server():
    """Starts the process that the commands are forked from: one for all tests of this process."""
    script = str(Path(__file__).with_name("warm_commands.py"))
    words = [sys.executable, "-W", "ignore", script]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, server)
    return server


def _end(server):
    server.stdin.close()
    server.wait()


def fresh(command, *arguments, **options):
    """Runs a command as a shell does, its imports included."""
    words = [sys.executable, "-m", f"contrast_tfdata.{command}", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def succeed(command, *arguments, **options):
    result = run(command, *arguments, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
