"""What a person sees of a conversion: a bar while it runs, a table when it is done."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from contrast_tfdata.records.manifest import Manifest

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


def show_manifest(console: Console, manifest: Manifest) -> None:
    """Prints what became of the files, what each split holds, and what a reader must know."""
    files = manifest.files
    console.print(f"files: {files['found']} found, {files['used']} used, {files['duplicates']} exact copies left out")
    for kind in ("rejected", "skipped"):
        for reason, count in files[kind].items():
            console.print(f"  {count} {kind}: {reason}", markup=False)
    table = Table("split", *manifest.class_names, "records", "groups", "shards", "MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 1e6
        cells = [*split.classes.values(), split.records, split.groups, len(split.shards), f"{size:.1f}"]
        table.add_row(name, *map(str, cells))
    console.print(table)
    if "train" not in manifest.splits:
        console.print("no training split: these records are for evaluate, not for train")
    for warning in manifest.warnings:
        console.print(f"warning: {warning}", markup=False)
