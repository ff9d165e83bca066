"""The patient in a path, by the user's regular expression, which may be one that never ends."""

import contextlib
import re
import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from contrast_tfdata.errors import UsageError
from contrast_tfdata.intake.names import is_missing
from contrast_tfdata.storage.csv_table import quoted
from contrast_tfdata.wording import plural

_SHOWN = 5
_SECONDS = 3.0
_SECONDS_A_PATH = 1e-4
"""Time of the processor for all paths together: an ordinary expression takes a few millionths of a second for each."""


def compile_pattern(group_regex: str | None) -> re.Pattern | None:
    """Compiles the value of --group_regex, which must have a group; raises UsageError otherwise."""
    if group_regex is None:
        return None
    try:
        pattern = re.compile(unicodedata.normalize("NFC", group_regex))
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"--group_regex is not a regular expression: {error}. Received: {group_regex}") from error
    if not pattern.groups:
        raise UsageError(f"--group_regex needs a group (...) around the patient's part. Received: {group_regex}")
    return pattern


def find_patients(pattern: re.Pattern | None, paths: Sequence[str]) -> list[str | None]:
    """Returns the patient that the pattern's first group finds in each path, or None.

    Raises:
        UsageError: the pattern takes too long.
    """
    if pattern is None:
        return [None] * len(paths)
    seconds = _SECONDS + _SECONDS_A_PATH * len(paths)
    too_long = UsageError(
        f"--group_regex takes more than {seconds:.0f} seconds on {len(paths)} paths: some expressions go back and "
        f"forth for ever, as (a+)+$ does; leave out repeats within repeats. Received: {pattern.pattern}"
    )
    with _processor_time(seconds, too_long):
        return [_patient(pattern.search(unicodedata.normalize("NFC", path))) for path in paths]


def patients_found(where: Path, patients: Sequence[str | None]) -> list[str]:
    """Returns a line for the user, with the first names, by which a wrong expression can be told; none of no path."""
    names = sorted({name for name in patients if name})
    if not names:
        return []
    shown = ", ".join(map(quoted, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
    return [f"{where}: --group_regex finds {plural(len(names), 'patient')} in {plural(len(patients), 'file')}: {shown}"]


def _patient(match: re.Match | None) -> str | None:
    found = match and match.group(1)
    # One string for all slices of a patient.
    return None if not found or is_missing(found) else sys.intern(found.strip())


@contextlib.contextmanager
def _processor_time(seconds: float, error: Exception) -> Iterator[None]:
    """Ends a block with an error once it has taken so much of the processor's time.

    The block may be within one call of `re`, which looks for signals while it matches. Python runs their handlers in
    the main thread only, and there are no such timers on Windows: elsewhere the block has no limit.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(signum, frame) -> None:
        raise error

    handler = signal.signal(signal.SIGVTALRM, stop)
    try:
        timer = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, *timer)
    finally:
        signal.signal(signal.SIGVTALRM, handler or signal.SIG_DFL)
