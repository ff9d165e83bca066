"""The bar that moves while files are read."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_STAGES = {"scan": "reading headers", "compare": "looking for near-duplicates", "convert": "converting"}


@contextlib.contextmanager
def conversion_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Gives a function progress(stage, done, total) that moves a bar; without a terminal it shows nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")

        def update(stage: str, done: int, total: int) -> None:
            bar.update(task, description=_STAGES[stage], completed=done, total=total)

        yield update
