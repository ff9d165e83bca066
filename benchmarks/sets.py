"""A step, and the forward pass, with both sets of packages: `python -m benchmarks.sets OTHER_PYTHON`.

OTHER_PYTHON is the interpreter of an environment with the other set (`make setup VENV=.venv-other PYTHON=python3.13`).
All variants take turns, round by round; the table gives medians and the median of the rounds' ratios.
"""

import argparse
import contextlib
import functools
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.children import Child
from benchmarks.measuring import interleave, paired_ratios
from benchmarks.settings import as_the_commands_start

STEPS = "benchmarks.workloads.steps"
PREDICTION = "benchmarks.workloads.prediction"
BATCH, ROUNDS = 64, 7
_PACKAGES = "import sys, tensorflow as tf; print(f'Python {sys.version.split()[0]}, TensorFlow {tf.__version__}')"


def described(python: str) -> str:
    """Returns which Python and TensorFlow an interpreter has."""
    words = [python, "-c", _PACKAGES]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1]


def measure(pythons: Sequence[str], rounds: int) -> dict[str, list[list[float]]]:
    """Returns, by what was measured, the seconds of each round with each interpreter."""
    found = {}
    with contextlib.ExitStack() as stack:
        steps = [stack.enter_context(Child(STEPS, as_the_commands_start().environment, each)) for each in pythons]
        forward = [
            stack.enter_context(Child(PREDICTION, as_the_commands_start().environment, each)) for each in pythons
        ]
        own = {"precision": "float32", "imitate_avx2": True, "batch": BATCH}
        for child in steps:
            child.call("build_own", name="ours", jit_compile="false", **own)
            child.call("build_own", name="ours, XLA", jit_compile="true", **own)
            child.call("build_slides", name="Keras", precision="float32", jit_compile=False, batch=BATCH)
        for child in forward:
            child.call("build_own", name="scoring", batch=BATCH)
        for name in ("ours", "ours, XLA", "Keras"):
            variants = {
                place: functools.partial(_step_seconds, child, name)
                for place, child in zip(pythons, steps, strict=True)
            }
            found[f"a step of {BATCH}, float32, {name} (s)"] = list(interleave(variants, rounds, warm_up=1).values())
        rates = {
            place: functools.partial(child.call, "images_per_second", name="scoring")
            for place, child in zip(pythons, forward, strict=True)
        }
        found["scoring by onnxruntime (images/s)"] = list(interleave(rates, rounds, warm_up=1).values())
    return found


def _step_seconds(child: Child, name: str) -> float:
    return child.call("step", name=name)["train"]


def table(pythons: Sequence[str], found: dict[str, list[list[float]]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = [f"| in turn | {' | '.join(map(described, pythons))} | ratio |", "|---|---:|---:|---:|"]
    for name, (one, other) in found.items():
        ratio = statistics.median(paired_ratios(one, other))
        lines.append(f"| {name} | {statistics.median(one):.3g} | {statistics.median(other):.3g} | {ratio:.2f} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sets", description=__doc__.splitlines()[0])
    parser.add_argument("other", help="interpreter of an environment with the other set")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    pythons = [sys.executable, options.other]
    print("\n".join(table(pythons, measure(pythons, options.rounds))))


if __name__ == "__main__":
    main()
