"""One command run several times with other flags, each time in a folder of its own, and how the figures vary."""

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from contrast_tfdata.console import cli
from contrast_tfdata.storage import sealed_json
from contrast_tfdata.storage.atomic_file import replacing

FORMAT_VERSION = 2
"""Of the summary; the first one was not sealed."""
SPLITS = ("validation", "test")
FIGURES = ("auc", "accuracy")
"""Of each split, besides the threshold, that are compared."""


@dataclasses.dataclass(frozen=True)
class Member:
    """One of several runs.

    Attributes:
        name: of its folder, below that of all.
        flags: in which it differs from the command that was given, besides --workdir.
    """

    name: str
    flags: Mapping[str, object]


def run_all(directory: Path, members: Iterable[Member], run: Callable[[], Mapping], *, console: Console) -> list[dict]:
    """Runs the command once for each member, with the flags that a command for this member alone would have.

    Nothing is carried from one to the next: each gives the bits that its own command gives. A member that was finished
    before, in an earlier command that was stopped, is only scored again.

    Args:
        directory: folder of all; each member has its own below.
        members: in the order in which they run.
        run: runs the command with the flags as they are now and returns its metrics, as in metrics.json.
        console: for a line before each.

    Returns:
        For each member its name, its flags, the threshold, and the figures of each split that it has.
    """
    rows = []
    for member in members:
        workdir = directory / member.name
        console.print(f"{member.name}: {', '.join(f'{name}={value}' for name, value in member.flags.items())}")
        with cli.changed_flags({**member.flags, "workdir": str(workdir)}):
            rows.append({"name": member.name, "flags": dict(member.flags), **figures_of(run())})
    return rows


def figures_of(metrics: Mapping) -> dict:
    """Returns of a run's metrics what is compared: the threshold, and the figures of each split that it has."""
    splits = {
        split: {name: metrics[split][name] for name in FIGURES} for split in SPLITS if metrics.get(split) is not None
    }
    return {"threshold": metrics["operating_point"]["threshold"], **splits}


def spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Returns mean, sample standard deviation, smallest and largest; None where one is undefined or there is none.

    The deviation of a single value is 0.
    """
    if not values or None in values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "sd": deviation, "min": min(values), "max": max(values)}


def summarize(rows: Sequence[Mapping]) -> dict:
    """Returns how the threshold, and each figure of the splits that all runs have, vary from run to run."""
    splits = [split for split in SPLITS if all(split in row for row in rows)]
    return {
        "threshold": spread([row["threshold"] for row in rows]),
        **{split: {name: spread([row[split][name] for row in rows]) for name in FIGURES} for split in splits},
    }


def write_summary(path: Path, rows: Sequence[Mapping]) -> dict:
    """Writes the runs' figures and their summary as JSON; returns the summary.

    It is sealed, since it says which runs answer together as an ensemble.
    """
    summary = summarize(rows)
    content = sealed_json.sealed({"format_version": FORMAT_VERSION, "summary": summary, "runs": list(rows)})
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return summary


def headline(summary: Mapping, number: int, path: Path) -> str:
    """The one line with which the command ends: each figure as mean and standard deviation, smallest to largest."""
    split = next((each for each in reversed(SPLITS) if each in summary), None)
    shown = {"threshold": summary["threshold"]}
    if split:
        shown = {f"{split} AUC": summary[split]["auc"], "accuracy": summary[split]["accuracy"], **shown}
    return f"{number} runs: {', '.join(f'{name} {_in_words(found)}' for name, found in shown.items())}: {path}"


def _in_words(found: Mapping[str, float] | None) -> str:
    return "undefined" if found is None else "{mean:.4f} ± {sd:.4f} ({min:.4f} to {max:.4f})".format_map(found)
