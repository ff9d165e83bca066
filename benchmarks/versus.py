"""A step of the slides' code, of this project and of PyTorch, in turn, each in a process and an environment of its own.

Whole rounds go through all processes, so that every ratio is of steps done seconds apart; sgemm and copy take their
turn too, so that the share of what the machine can do is of what it could do just then.
"""

import contextlib
import functools
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.children import Child
from benchmarks.measuring import interleave
from benchmarks.settings import Setting, as_the_commands_start, as_the_slides_start

SLIDES, OWN, OWN_FLOAT32, TORCH, LIMITS = "slides", "ours", "ours, float32", "PyTorch", "limits"
WARM_UP = 3
STEPS_MODULE = "benchmarks.workloads.steps"
TORCH_MODULE = "benchmarks.workloads.torch_steps"
LIMITS_MODULE = "benchmarks.workloads.machine_limits"
NO_TORCH = "PyTorch is not installed here (install torch, or name an interpreter that has it: --torch-python)"


def compare_steps(
    *, pictures: Path, records: Path, rounds: int, avx2: bool = False, torch_python: str | None = None
) -> dict:
    """Measures steps with their input: the slides' generator, this project's cached records; PyTorch's batch is ready.

    Args:
        pictures: class folders of PNGs.
        records: made from them.
        rounds: steps of each.
        avx2: imitate a CPU without AVX-512, on which TensorFlow leaves oneDNN off by default.
        torch_python: interpreter that has PyTorch; None for this one.

    Returns:
        `rounds` (by name: a list of {"input", "train"} in seconds; `limits`: of rates), `memory` (by name: bytes,
        `idle` once TensorFlow is imported and `peak` after the warm-up), `plan` of this project, and `torch`: its
        version, or None where it is not installed.
    """
    with contextlib.ExitStack() as stack:
        start = functools.partial(_start, stack)
        children = {
            SLIDES: start(STEPS_MODULE, as_the_slides_start(avx2=avx2)),
            OWN: start(STEPS_MODULE, as_the_commands_start(avx2=avx2)),
        }
        memory = {name: {"idle": child.call("memory")["now"]} for name, child in children.items()}
        plan = _build(children, pictures, records, avx2)
        variants = {name: _step_of(child, name) for name, child in children.items()}
        interleave(variants, 0, warm_up=WARM_UP)
        memory = {name: memory[name] | {"peak": child.call("memory")["peak"]} for name, child in children.items()}
        # Only now that the memory is read: this adds to it.
        if plan["precision"] != "float32":
            _build_own(children[OWN], OWN_FLOAT32, "float32", records, avx2)
            variants[OWN_FLOAT32] = _step_of(children[OWN], OWN_FLOAT32)
        version = None
        if torch_python or importlib.util.find_spec("torch"):
            torch = start(TORCH_MODULE, as_the_commands_start(avx2=avx2), torch_python)
            variants[TORCH], version = functools.partial(torch.call, "step"), torch.call("version")
        limits = start(LIMITS_MODULE, as_the_commands_start(avx2=avx2))
        variants[LIMITS] = functools.partial(limits.call, "rates")
        measured = interleave(variants, rounds, warm_up=1)
    return {"rounds": measured, "memory": memory, "plan": plan, "torch": version, "avx2": avx2}


def _start(stack: contextlib.ExitStack, module: str, setting: Setting, python: str | None = None) -> Child:
    return stack.enter_context(Child(module, setting.environment, python))


def _build(children: Mapping[str, Child], pictures: Path, records: Path, avx2: bool) -> dict:
    """Builds both steps with their inputs; returns this project's plan."""
    children[SLIDES].call("build_slides", name=SLIDES, precision="float32", jit_compile=False, pictures=str(pictures))
    return _build_own(children[OWN], OWN, "auto", records, avx2)


def _build_own(child: Child, name: str, precision: str, records: Path, avx2: bool) -> dict:
    return child.call(
        "build_own", name=name, precision=precision, jit_compile="auto", imitate_avx2=avx2, records=str(records)
    )


def _step_of(child: Child, name: str) -> Callable[[], Mapping[str, float]]:
    return functools.partial(child.call, "step", name=name)
