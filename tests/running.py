"""Commands in processes of their own, as a user runs them, and what they leave."""

import csv
import subprocess
import sys

WORKDIR_FILES = {
    "flags.txt", "environment.json", "checkpoints", "logs", "history.csv", "predictions-validation.csv",
    "predictions-test.csv", "metrics.json", "figures", "report.html", "MODEL_CARD.md", "model",
    "suspected-labels.csv",
}  # fmt: skip
"""What `train` leaves in its workdir."""


def run(command, *arguments, **options):
    """Runs a command in a process of its own."""
    words = [sys.executable, "-m", f"contrast_tfdata.{command}", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def succeed(command, *arguments):
    result = run(command, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
