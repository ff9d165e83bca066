"""What a person sees of a conversion that is done."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contrast_tfdata.patients import look_alikes
from contrast_tfdata.records.conversion import REJECTED_FILE
from contrast_tfdata.records.manifest import Manifest


def show_manifest(console: Console, manifest: Manifest, *, synthetic: bool) -> None:
    """Prints what became of the files, or synthetic patients, what each split holds, and what a reader must know."""
    files = manifest.files
    if synthetic:
        console.print(f"synthetic patients: {files['used']}")
    else:
        copies = f"{files['duplicates']} exact copies left out"
        console.print(f"files: {files['found']} found, {files['used']} used, {copies}")
    for kind in ("rejected", "skipped"):
        for reason, count in files[kind].items():
            console.print(f"  {count} {kind}: {reason}", markup=False)
    table = Table("split", *manifest.class_names, "records", manifest.group_noun, "shards", "MB")
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


def lists_of_names(records_dir: Path) -> Iterator[str]:
    """Yields where the lists beside records stand that name files as they are called; not those without a row."""
    for what, name in (("files that cannot be used", REJECTED_FILE), ("look-alikes", look_alikes.FILE_NAME)):
        path = records_dir / name
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            if len(list(islice(file, 2))) == 2:
                yield f"{what}, by name: {path}"
