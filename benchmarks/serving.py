"""The child's side: functions served to the parent over standard input and output, one JSON line a call."""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")


def serve(*functions: Callable) -> None:
    """Answers calls of these functions, and of `memory`, until the parent closes the pipe.

    Args:
        *functions: take keyword arguments and return what JSON can hold; called by their `__name__`.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # What libraries print must not stand between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    known = {function.__name__: function for function in (*functions, memory)}
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(known[request["function"]](**request["arguments"])) + "\n")
        answers.flush()


def memory() -> dict[str, int]:
    """Returns this process's resident memory in bytes: `peak` since its start, and `now`.

    The peak is the kernel's VmHWM, which begins anew with the program: ru_maxrss also counts what the parent held when
    it forked. Where there is no /proc, ru_maxrss stands for both.
    """
    if not _STATUS.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {"peak": peak, "now": peak}
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if line.startswith("Vm"))
    return {name: 1024 * int(fields[field].split()[0]) for name, field in (("peak", "VmHWM"), ("now", "VmRSS"))}
