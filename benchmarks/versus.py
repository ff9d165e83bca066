"""A step of this project, of the slides' code and of peers at their best: alone, and in turn.

Alone, a process has the machine for itself: its seconds say how fast a step is, and its peak of memory is its own. In
turn, whole rounds go through all processes: caches and memory went to the others meanwhile, so that steps take longer,
but every ratio is of steps done seconds apart.
"""

import contextlib
import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import settings
from benchmarks.children import Child
from benchmarks.measuring import interleave
from benchmarks.settings import Setting, as_the_commands_start, as_the_slides_start

SLIDES, KERAS, TORCH, OWN = "slides", "Keras", "PyTorch", "ours"
OWN_FLOAT32 = "ours, float32"
FLOAT32, BFLOAT16 = "float32", "mixed_bfloat16"
WARM_UP = 3
STEPS_MODULE = "benchmarks.workloads.steps"
TORCH_MODULE = "benchmarks.workloads.torch_steps"
LIMITS_MODULE = "benchmarks.workloads.machine_limits"
LIMIT_ROUNDS = 3
NO_TORCH = "PyTorch is not installed here (install torch, or name an interpreter that has it: --torch-python)"


@dataclasses.dataclass(frozen=True)
class Contender:
    """One code in one form.

    Attributes:
        name: for tables.
        code: `slides`, `Keras`, `PyTorch` or `ours`: the fastest form of a code is what is compared with.
        module: workload of the child process.
        setting: how its process starts.
        build: function that builds the step there, and its arguments.
        python: interpreter; None for this one.
    """

    name: str
    code: str
    module: str
    setting: Setting
    build: tuple[str, Mapping[str, Any]]
    python: str | None = None

    def start(self, stack: contextlib.ExitStack) -> Child:
        """Starts its process."""
        return stack.enter_context(Child(self.module, self.setting.environment, self.python))

    def build_in(self, child: Child) -> Any:
        """Builds its step there; returns the plan of this project's."""
        function, arguments = self.build
        return child.call(function, name=self.name, **arguments)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What is to be compared.

    Attributes:
        pictures: class folders of PNGs, for the slides' generator.
        records: made from them.
        batch: slices of a step.
        largest_product: side of the largest matrices that are multiplied.
        avx2: imitate a CPU without AVX-512, on which TensorFlow leaves oneDNN off by default.
        bfloat16: the CPU multiplies bfloat16 natively; emulated it takes tens of seconds a step and is left out.
        torch_python: interpreter that has PyTorch; None for this one.
    """

    pictures: Path
    records: Path
    batch: int
    largest_product: int = 4096
    avx2: bool = False
    bfloat16: bool = False
    torch_python: str | None = None

    def contenders(self) -> list[Contender]:
        """Returns the slides' code, every form of the peers that can run here, and this project's network."""
        precisions = [FLOAT32, BFLOAT16] if self.bfloat16 else [FLOAT32]
        ours = as_the_commands_start(avx2=self.avx2)
        found = [
            self._keras(SLIDES, SLIDES, as_the_slides_start(avx2=self.avx2), FLOAT32, pictures=str(self.pictures)),
            *(self._keras(f"{KERAS}, {each}", KERAS, ours, each) for each in precisions),
        ]
        if self.torch_python or importlib.util.find_spec("torch"):
            found += [self._torch(each, compiled) for each in precisions for compiled in (False, True)]
        found.append(self._own(OWN, "auto"))
        # What `auto` chooses where bfloat16 is native is not float32.
        return [*found, self._own(OWN_FLOAT32, FLOAT32)] if self.bfloat16 else found

    def _keras(self, name: str, code: str, setting: Setting, precision: str, **more: str) -> Contender:
        arguments = {"precision": precision, "jit_compile": False, "batch": self.batch, **more}
        return Contender(name, code, STEPS_MODULE, setting, ("build_slides", arguments))

    def _torch(self, precision: str, compiled: bool) -> Contender:
        setting = as_the_commands_start(avx2=self.avx2)
        arguments = {"autocast": precision == BFLOAT16, "compiled": compiled, "batch": self.batch}
        words = [
            TORCH,
            "bfloat16 autocast" if precision == BFLOAT16 else precision,
            *(["compiled"] if compiled else []),
        ]
        return Contender(", ".join(words), TORCH, TORCH_MODULE, setting, ("build", arguments), self.torch_python)

    def _own(self, name: str, precision: str) -> Contender:
        arguments = {
            "precision": precision,
            "jit_compile": "auto",
            "imitate_avx2": self.avx2,
            "batch": self.batch,
            "records": str(self.records),
        }
        setting = as_the_commands_start(avx2=self.avx2)
        return Contender(name, OWN, STEPS_MODULE, setting, ("build_own", arguments))


def compare_steps(comparison: Comparison, *, rounds: int) -> dict:
    """Measures steps with their input: the slides' generator, this project's cached records; a peer's batch is ready.

    Returns:
        `alone` and `in_turn` (by name: a list of {"input", "train"} in seconds), `codes` (by name), `memory` (by name:
        bytes, `idle` once the library is imported and `peak` after the steps alone), `limits` (rates by product, and
        of a copy: a value a call), `removed` (variables that would have held a library back), `plan` of this project,
        `torch` (its version, or None where it is not installed), `batch` and `avx2`.
    """
    contenders = comparison.contenders()
    found: dict[str, Any] = {"avx2": comparison.avx2, "batch": comparison.batch, "removed": settings.removed()}
    found |= {"codes": {each.name: each.code for each in contenders}, "limits": _limits(comparison)}
    found |= {"alone": {}, "memory": {}, "torch": None, "plan": None}
    for each in contenders:
        _measure_alone(each, rounds, found)
    found["in_turn"] = _in_turn(contenders, rounds)
    return found


def native_bfloat16() -> bool:
    """Returns whether this CPU multiplies bfloat16 natively, asked in a process of its own."""
    with Child(STEPS_MODULE, as_the_commands_start().environment) as child:
        return child.call("native_bfloat16")


def _limits(comparison: Comparison) -> dict[str, list[float]]:
    precisions = ["float32", "bfloat16"] if comparison.bfloat16 else ["float32"]
    with Child(LIMITS_MODULE, as_the_commands_start(avx2=comparison.avx2).environment) as child:
        sides = [comparison.largest_product * quarters // 4 for quarters in (2, 3, 4)]
        calls = [child.call("rates", precisions=precisions, sides=sides) for _ in range(LIMIT_ROUNDS)]
    return {name: [each[name] for each in calls] for name in calls[0]}


def _measure_alone(contender: Contender, rounds: int, found: dict[str, Any]) -> None:
    with contextlib.ExitStack() as stack:
        child = contender.start(stack)
        idle = child.call("memory")["now"]
        plan = contender.build_in(child)
        steps = child.call("steps", name=contender.name, count=WARM_UP + rounds)
        found["alone"][contender.name] = steps[WARM_UP:]
        found["memory"][contender.name] = {"idle": idle, "peak": child.call("memory")["peak"]}
        if contender.name == OWN:
            found["plan"] = plan
        if contender.code == TORCH:
            found["torch"] = child.call("version")


def _in_turn(contenders: Sequence[Contender], rounds: int) -> dict[str, list[dict[str, float]]]:
    with contextlib.ExitStack() as stack:
        calls: dict[str, Callable] = {}
        for same in _by_code(contenders):
            child = same[0].start(stack)
            for each in same:
                each.build_in(child)
                calls[each.name] = functools.partial(child.call, "step", name=each.name)
        return interleave(calls, rounds, warm_up=WARM_UP)


def _by_code(contenders: Iterable[Contender]) -> Iterable[list[Contender]]:
    """Forms of one code share a process: they differ in nothing that is read at its start."""
    groups: dict[str, list[Contender]] = {}
    for each in contenders:
        groups.setdefault(each.code, []).append(each)
    return groups.values()
