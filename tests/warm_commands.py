"""A process that has imported TensorFlow once, and forks itself for each command that it is asked to run.

Each command still is a process of its own that runs what `python -m contrast_tfdata.COMMAND` runs; only its imports are
spared, five seconds of a core. The entry points themselves are imported in the fork alone, since absl takes
a flag's second definition for an error. No operation may run before the fork: its threads begin with the first.

Reads a JSON object a line (command, arguments, environment, folder, stdout, stderr), writes the exit status a line.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import threading
import traceback
from typing import NoReturn

from contrast_tfdata.model import runtime_plan

runtime_plan.configure_environment()

import contrast_tfdata.addons  # noqa: E402, F401
import contrast_tfdata.epoch_logs  # noqa: E402, F401
import contrast_tfdata.outcome  # noqa: E402, F401
import contrast_tfdata.scoring.inputs  # noqa: E402, F401
import contrast_tfdata.training.loop  # noqa: E402, F401


def main() -> None:
    """Serves until there is nothing more to read."""
    gc.freeze()  # What is imported stays: no fork needs to look through it, which would copy its memory.
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _leave(_become(request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict) -> int:
    """Turns this fork into the command; returns its exit status."""
    for stream, descriptor in ((request["stdout"], 1), (request["stderr"], 2)):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module = f"contrast_tfdata.{request['command']}"
    sys.argv = [module, *request["arguments"]]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(status: int) -> NoReturn:
    """Ends the process with all that modules have registered for its end, but without taking them apart one by one."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which closes the pipe then.
    main()
