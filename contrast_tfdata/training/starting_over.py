"""Removing what an earlier run left in a workdir, and nothing else: a workdir can be the folder of a project."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata.errors import Problems, UsageError
from contrast_tfdata.storage.bounded_file import read_json

_PROVENANCE = "environment.json"
"""Stands in a run's folder before anything else does that is removed here, so a run killed early has it, too."""
_PACKAGE = "contrast_tfdata"
_CHECKPOINT = re.compile(r"(\.incomplete-|\.removed-)?step-[0-9]{9,}")


def start_over(workdir: Path, *, checkpoints: Path, logs: Path, history: Path) -> None:
    """Removes checkpoints, logs and history of an earlier run.

    Args:
        workdir: folder of the run.
        checkpoints: folder of its checkpoints.
        logs: folder of its TensorBoard logs.
        history: its figures epoch by epoch.

    Raises:
        UsageError: these are not, or not all, a training's own; then nothing was removed.
    """
    _refuse_those_of_others(workdir, checkpoints, logs, history)
    for folder in (checkpoints, logs):
        shutil.rmtree(folder, ignore_errors=True)
    history.unlink(missing_ok=True)


def _refuse_those_of_others(workdir: Path, checkpoints: Path, logs: Path, history: Path) -> None:
    present = [path.name for path in (checkpoints, logs, history) if path.exists()]
    if not present:
        return
    if not is_of_a_run(workdir):
        raise UsageError(
            f"{workdir}: --resume=never removes {', '.join(present)}, but nothing there shows that a training of this "
            f"package wrote them (no {_PROVENANCE} of one, no checkpoint); nothing was removed: give another "
            "--workdir, or move them away"
        )
    foreign = [str(path.relative_to(workdir)) for path in (*_foreign_to(checkpoints), *_foreign_logs(logs))]
    if foreign:
        headline = (
            f"{workdir}: --resume=never removes {checkpoints.name} and {logs.name}, which hold what no training wrote; "
            "nothing was removed: give another --workdir, or move these away:"
        )
        raise UsageError(Problems(headline, sorted(foreign), complete=False).text())


def is_of_a_run(folder: Path) -> bool:
    """Whether a training or an evaluation wrote into a folder, however early it ended."""
    if any(folder.glob("checkpoints/step-*/progress.json")):
        return True
    try:
        return _PACKAGE in read_json(folder / _PROVENANCE)["packages"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _foreign_to(checkpoints: Path) -> Iterator[Path]:
    if checkpoints.is_dir():
        yield from (path for path in checkpoints.iterdir() if not _CHECKPOINT.fullmatch(path.name))


def _foreign_logs(logs: Path) -> Iterator[Path]:
    """Yields files that TensorBoard's writers, and the profiler, do not write."""
    for path in logs.rglob("*"):
        within = path.relative_to(logs).parts
        # Desktops and network file systems leave hidden files anywhere.
        if path.is_file() and "tfevents" not in path.name and "plugins" not in within and path.name[0] != ".":
            yield path
