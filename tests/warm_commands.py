"""A process that has imported TensorFlow once, and forks itself for each command or program that it is asked to run.

Each still is a process of its own that runs what `python -m contrast_tfdata.COMMAND` or `python -c PROGRAM` runs. What
is spared is the same every time: the imports, five seconds of a core; what AutoGraph makes of the functions that a step
is traced through, two of the seven seconds of a short training; Matplotlib's fonts. The entry points themselves are
imported in the fork alone, since absl takes a flag's second definition for an error. No operation may run before the
fork: its threads begin with the first.

Reads a JSON object a line (see `Request` in running.py), writes the process's id a line. When the process has ended,
its exit status is in the file that the request names.
"""

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import signal
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from typing import NoReturn

from contrast_tfdata.model import runtime_plan

runtime_plan.configure_environment()

import numpy as np  # noqa: E402
import scipy.ndimage  # noqa: E402
import scipy.optimize  # noqa: E402
import scipy.special  # noqa: E402, F401
from PIL import Image  # noqa: E402
from tensorflow.python.autograph.core import converter  # noqa: E402
from tensorflow.python.autograph.impl import api  # noqa: E402

import contrast_tfdata.runs.outcome  # noqa: E402, F401
import contrast_tfdata.scoring.file_scores  # noqa: E402, F401
import contrast_tfdata.training.addons  # noqa: E402, F401
import contrast_tfdata.training.loop  # noqa: E402, F401
from contrast_tfdata.report import figures, style  # noqa: E402

TRACED = {
    "model.contrast_net": "call _visible_pixels logits_of",
    "model.dropout": "call _kept_rows",
    "model.layers": "call _native_conv2d bias_relu_pool max_pool_2x2 bias_gradient",
    "model.micro_batches": "call _in_parts _with_at_least _part_sizes _apply",
    "pipeline.augmentation": "augment",
    "pipeline.datasets": "parse one_epoch _augmented _padded",
    "records.codec": "parse_example",
}
"""Functions that AutoGraph converts in a training or a prediction, by their module; those that take it longest."""


def main() -> None:
    """Serves until there is nothing more to read."""
    _convert()
    _draw()
    gc.freeze()  # What is imported stays: no fork needs to look through it, which would copy its memory.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for those who wait for the commands.
    for line in sys.stdin:
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _wait_for(json.loads(line))


def _convert() -> None:
    """Has AutoGraph convert what it will be asked for: it keeps this by the functions' code."""
    options = converter.ConversionOptions(recursive=True, optional_features=())
    for module, names in TRACED.items():
        wanted = set(names.split())
        for function in _functions(importlib.import_module(f"contrast_tfdata.{module}")):
            if function.__name__ in wanted:
                api._TRANSPILER.transform(function, converter.ProgramContext(options))


def _functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """Yields a module's functions, methods, and the functions in them."""
    for value in list(vars(module).values()):
        for each in vars(value).values() if isinstance(value, type) else [value]:
            if isinstance(each, types.FunctionType) and each.__module__ == module.__name__:
                yield each
                yield from _inner(each)


def _inner(function: types.FunctionType) -> Iterator[types.FunctionType]:
    for code in function.__code__.co_consts:
        if isinstance(code, types.CodeType):
            cells = tuple(types.CellType() for _ in code.co_freevars)
            yield types.FunctionType(code, function.__globals__, code.co_name, None, cells)


def _draw() -> None:
    """Draws what looks for every font that reports use."""
    figure = figures.confusion({"Validation": [[1, 1], [1, 1]]})
    pixels = style.rgba(figure)
    style.svg_data_uri(figure)
    Image.fromarray(pixels[:1, :1]).save(io.BytesIO(), "PNG")


def _wait_for(request: dict) -> NoReturn:
    """Forks into what was asked for, tells who that is, and leaves its exit status."""
    child = os.fork()
    if not child:
        _leave(_become(request))
    print(child, flush=True)
    os.close(1)
    os.close(0)
    _, status = os.waitpid(child, 0)
    written = f"{request['status']}.written"
    with open(written, "w") as file:
        file.write(str(os.waitstatus_to_exitcode(status)))
    os.rename(written, request["status"])
    os._exit(0)


def _become(request: dict) -> int:
    """Turns this fork into the command or program; returns its exit status."""
    for stream, descriptor in ((request["stdout"], 1), (request["stderr"], 2)):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if request["session"]:
        os.setsid()
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [request["command"] or "-c", *request["arguments"]]
    if not request["drawn"]:
        _leave_figures_blank()
    try:
        if request["program"]:
            exec(compile(request["program"], "<program>", "exec"), sys.modules["__main__"].__dict__)
        if request["command"]:
            runpy.run_module(f"contrast_tfdata.{request['command']}", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


class _BlankCanvas:
    """Draws nothing: a fourth of a short training's time goes into figures."""

    def __init__(self, figure):
        pass

    def draw(self):
        pass

    def buffer_rgba(self):
        return np.zeros((1, 1, 4), np.uint8)

    def print_svg(self, file, **options):
        file.write("<svg/>")


def _leave_figures_blank() -> None:
    style.FigureCanvasAgg = style.FigureCanvasSVG = _BlankCanvas
    style._lay_out = lambda figure: None


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
