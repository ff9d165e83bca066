"""Commands in processes of their own, as a user runs them, and what they leave."""

import atexit
import csv
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WORKDIR_FILES = {
    "flags.txt", "environment.json", "checkpoints", "logs", "history.csv", "predictions-validation.csv",
    "predictions-test.csv", "metrics.json", "figures", "report.html", "MODEL_CARD.md", "model",
    "suspected-labels.csv",
}  # fmt: skip
"""What `train` leaves in its workdir."""


def run(command, *arguments, cwd=None, env=None):
    """Runs a command in a process of its own, which has imported TensorFlow already (see `warm_commands`).

    Returns:
        The finished process with its exit status, and what it wrote as text.
    """
    words, server = list(map(str, arguments)), _server()
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder, name) for name in ("stdout", "stderr"))
        request = {
            "command": command,
            "arguments": words,
            "environment": dict(os.environ if env is None else env),
            "folder": str(cwd or Path.cwd()),
            "stdout": str(out),
            "stderr": str(err),
        }
        print(json.dumps(request), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        texts = (path.read_text(encoding="utf-8", errors="surrogateescape") for path in (out, err))
        return subprocess.CompletedProcess([command, *words], status, *texts)


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


def succeed(command, *arguments):
    result = run(command, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
