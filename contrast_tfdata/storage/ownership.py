"""What stands where a command is to write: its own output of another day, or a file of somebody else."""

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from contrast_tfdata.errors import UsageError
from contrast_tfdata.storage.bounded_file import kind_of

Outputs = Mapping[Path, Callable[[bytes], bool]]
"""Files to be written, each with what tells by the first 4096 bytes of a file whether it is such a one already."""
_HEAD_BYTES = 4096


def refuse_others_files(outputs: Outputs, *, overwrite: bool) -> None:
    """Refuses to replace files that were not written by this command, unless the user gave them up.

    An empty file is nobody's. A link is as good as what it leads to.

    Args:
        outputs: where files are to be written.
        overwrite: whether the user gave up what stands there.

    Raises:
        UsageError: somebody else's file stands there; or no file at all, whatever the user gave up.
        OSError: it cannot be read.
    """
    for path, is_own in outputs.items():
        if path.exists() and (kind := kind_of(path.stat().st_mode)):
            raise UsageError(f"{path} is {kind}, so no file is written there; name another one")
        if not overwrite and _is_others(path, is_own):
            raise UsageError(
                f"{path} was not written by this command and is left as it is; --overwrite replaces it, or name another"
            )


def refuse_inputs(outputs: Outputs, inputs: Collection[str]) -> None:
    """Raises UsageError where an output would replace what is to be read, but for its own file of another day.

    Args:
        outputs: where files are to be written.
        inputs: real paths of the files to be read.
    """
    for path, is_own in outputs.items():
        if os.path.realpath(path) in inputs and _is_others(path, is_own):
            raise UsageError(f"{path} is one of the files to be read, so it is not replaced; name another output")


def _is_others(path: Path, is_own: Callable[[bytes], bool]) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return bool(head) and not is_own(head)


def refuse_others_results(folder: Path, names: Collection[str], is_own: Callable[[Path], bool]) -> None:
    """Refuses a folder in which results would replace files of somebody else.

    Args:
        folder: where results are to be written; it need not exist.
        names: of the files and folders that may be written or removed there.
        is_own: whether results of this program stand in a folder: then they may be replaced.

    Raises:
        UsageError: some of these names are taken there by others.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        taken = sorted(name for name in os.listdir(folder) if name in names)
        if taken and not is_own(folder):
            raise UsageError(
                f"{folder} holds {', '.join(taken)}, and nothing there shows that this program wrote them, so they are "
                "left as they are; name another folder, or move them away"
            )
