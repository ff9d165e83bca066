"""Standard streams whose end does not end a command: results are files, and what is shown may be read by nobody."""

import errno
import os
import sys
from typing import TextIO

_FIRST_DESCRIPTORS = (0, 1, 2)


class LastingStream:
    """A text stream that goes on taking text after it can no longer be written, and remembers why.

    Attributes:
        failure: what went wrong; None where all was written.
    """

    def __init__(self, stream: TextIO):
        self.failure: OSError | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text, or lets go of it; returns its length."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Writes what is held back."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def _try(self, act) -> None:
        if self.failure:
            return
        try:
            act()
        except OSError as error:
            self.failure = error
            _silence(self._stream)


def make_lasting() -> None:
    """Puts `LastingStream` in the place of the standard output and error of this process."""
    _occupy_first_descriptors()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name) or os.fdopen(descriptor, "w", encoding="utf-8")  # None: it was closed.
        stream.reconfigure(errors="backslashreplace")  # A name of odd bytes must not end a run.
        setattr(sys, name, LastingStream(stream))


def lost_output() -> OSError | None:
    """Returns why what was to be shown was not; None where it was, or where its reader left, as `head` does."""
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    return None if failure is None or failure.errno == errno.EPIPE else failure


def _occupy_first_descriptors() -> None:
    """Opens those that are closed: the next file to be opened would else be what libraries write their notes into."""
    for number in _FIRST_DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest free number, so this one.


def _silence(stream: TextIO) -> None:
    """Lets what the stream still holds go nowhere: Python would try again to write it at its end, and complain."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):  # It has no descriptor.
        return
