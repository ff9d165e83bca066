"""A first look at every file: what it is, and whether it can be used."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence

import numpy as np

from contrast_tfdata.errors import Problems
from contrast_tfdata.images.slices import OUT_OF_SCOPE, FileFacts, RejectedImageError
from contrast_tfdata.intake.units import Unit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.wording import plural

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rejection:
    """A file that cannot be used: where, a stable reason, a line for a person."""

    path: str
    code: str
    detail: str

    @property
    def is_out_of_scope(self) -> bool:
        """Whether nothing is wrong with it: it is no slice that could be before or after contrast agent."""
        return self.code in OUT_OF_SCOPE


def unusable(rejected: Sequence[Rejection], what_else: str) -> Problems:
    """Returns the files that cannot be used, as what a user has to mend; `what_else` ends the headline."""
    return Problems(
        f"{plural(len(rejected), 'file')} cannot be used (--on_bad_image=skip leaves such files out); {what_else}:",
        [f"{each.path}: {each.code}: {each.detail}" for each in rejected],
    )


def scan(
    units: Sequence[tuple[str, Unit]],
    workers: Workers,
    progress: Progress,
    keep: Callable[[Unit, np.ndarray], None] | None = None,
) -> tuple[list[tuple[str, Unit, FileFacts]], list[Rejection]]:
    """Scans units in parallel; returns those that can be used, with their facts, and the others' rejections.

    Args:
        units: each with the name under which a person finds it again.
        workers: processes that scan.
        progress: is told the stage `scan`.
        keep: called with each picture whose patient nobody names and its thumbnail (see `scan_with_thumbnail`).
    """
    scanned, rejected = [], []
    progress("scan", 0, len(units))
    scan_one = functools.partial(_scan_one, compare=keep is not None)
    results = zip(units, workers.map(scan_one, (unit for _, unit in units)), strict=True)
    for done, ((name, unit), found) in enumerate(results, start=1):
        progress("scan", done, len(units))
        if isinstance(found, RejectedImageError):
            rejected.append(Rejection(name, found.code, found.detail))
            continue
        facts, thumbnail = found
        scanned.append((name, unit, _with_shared_text(facts)))
        if thumbnail is not None:
            keep(unit, thumbnail)
    return scanned, rejected


def _with_shared_text(facts: FileFacts) -> FileFacts:
    """Returns the facts with the one string of each text that all files hold: each worker sends its own copy."""
    texts = {name: getattr(facts, name) for name in ("format", "patient_id", "study_uid", "series_uid")}
    return dataclasses.replace(facts, **{name: text and sys.intern(text) for name, text in texts.items()})


def _scan_one(unit: Unit, *, compare: bool) -> tuple[FileFacts, np.ndarray | None] | RejectedImageError:
    """Runs in a worker process; a rejection is returned, so that the others go on."""
    try:
        return unit.scan_with_thumbnail() if compare else (unit.scan(), None)
    except RejectedImageError as error:
        return error
