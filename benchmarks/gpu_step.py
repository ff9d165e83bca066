"""Milliseconds per training step on a GPU: dump the compiled step where TensorFlow is, run it where JAX is.

    python -m benchmarks.gpu_step dump FOLDER      needs TensorFlow: writes one HLO module a precision
    python -m benchmarks.gpu_step run FOLDER       needs JAX with a GPU: times each module, writes FOLDER/gpu_step.json
    python -m benchmarks.gpu_step profile FOLDER   the same, kernel by kernel: writes FOLDER/gpu_profile.json

The two machines need not be one, and need not share a CPU or GPU: HLO as TensorFlow hands it to XLA is not yet compiled
for any device. What runs is this project's whole step (scaling, network, loss, gradients, Adam, loss scaling in
float16) on a batch that lies in the GPU's memory, without Python or input in between; it is timed by enqueuing steps
one after the other and waiting for the last.

NOTES.md has what an H200 took. It times the step; that its numbers are right is tested on CPUs only.
"""

import argparse
import collections
import dataclasses
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.step_costs import OWN_FORM, step_costs

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
BATCH = 64
REPEATS = 7
_COPIED_BYTES = 1 << 28
_SUFFIX = ".hlo.txt"
_ALIASES = re.compile(r", input_output_alias=\{(?: \{[\d, ]*\}: \([^)]*\),?)* ?\}")
"""Which outputs take the place of inputs: such inputs are gone after the first step."""


def dump(folder: Path, batch: int) -> list[Path]:
    """Writes the train step of each precision as HLO text, with the shapes of its inputs beside it.

    Args:
        folder: is made if missing.
        batch: images a step.

    Returns:
        The modules' files.
    """
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for precision in PRECISIONS:
        tf.keras.backend.clear_session()
        text = _step_hlo(precision, batch)
        path = folder / f"{precision}{_SUFFIX}"
        path.write_text(text)
        paths.append(path)
    (folder / "batch.json").write_text(json.dumps({"batch": batch}) + "\n")
    return paths


def _step_hlo(precision: str, batch: int) -> str:
    import tensorflow as tf

    from benchmarks.workloads.steps import compiled_own_network
    from contrast_tfdata.model import runtime_plan
    from contrast_tfdata.model.architecture import IMAGE_SIZE

    # Planned as for a GPU: XLA, and the pooling that XLA runs best.
    device = runtime_plan.Device("GPU", "the GPU that will run it", compute_capability=(9, 0))
    network = compiled_own_network(runtime_plan.plan(precision, "true", device=device))
    images = tf.zeros((batch, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)
    labels, weights = tf.zeros((batch, 1)), tf.ones(batch)

    @tf.function(jit_compile=True)
    def step(images, labels, weights):
        return network.train_step((images, labels, weights))

    text = step.experimental_get_compiler_ir(images, labels, weights)(stage="hlo")
    # Weights are small beside activations: writing them to new buffers costs nothing, and one set of arguments then
    # serves every step.
    text = _ALIASES.sub("", text, count=1)
    # JAX's converter refuses the copies that TensorFlow puts before results; reshaped to the shape it has, a value is
    # the same.
    return text.replace(" copy(", " reshape(")


def run(folder: Path, steps: int) -> dict:
    """Times every module of a folder on JAX's default device.

    Args:
        folder: that `dump` wrote.
        steps: steps of one measurement.

    Returns:
        `device`, `jax` (version), `batch`, `copy_bytes_per_second` of the device's memory, and by precision:
        `milliseconds` per step, one a measurement, their `median`, `images_per_second`, and `bandwidth_share`: what the
        step would move with no operation fused (see step_costs.py), per second, over the rate of the copy; above 1
        where fusing saves that much. Written to gpu_step.json, too.
    """
    import jax

    jax.config.update("jax_enable_x64", True)  # The optimizer counts its steps in int64.
    batch = json.loads((folder / "batch.json").read_text())["batch"]
    device = jax.devices()[0]
    found: dict = {
        "device": device.device_kind,
        "jax": jax.__version__,
        "batch": batch,
        "copy_bytes_per_second": _copy_bytes_per_second(device),
        "precisions": {},
    }
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        precision = path.name.removesuffix(_SUFFIX)
        milliseconds = _time_module(path.read_text(), device, steps)
        median = statistics.median(milliseconds)
        found["precisions"][precision] = {
            "milliseconds": milliseconds,
            "median": median,
            "images_per_second": 1000 * batch / median,
            "bandwidth_share": _step_bytes(precision, batch) / (median / 1000) / found["copy_bytes_per_second"],
        }
    (folder / "gpu_step.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


def profile(folder: Path, steps: int) -> dict:
    """Adds up what the GPU does in a step of every module of a folder, by kernel.

    With `XLA_FLAGS=--xla_gpu_enable_command_buffer=` in the environment every kernel bears the name of its operation.

    Args:
        folder: that `dump` wrote.
        steps: steps that are recorded.

    Returns:
        By precision: `busy`, milliseconds of a step in which a kernel runs, and `kernels`, from the longest: `us` a
        step, `launches` a step, `operation` of the compiled module, and its `kernel`. Written to gpu_profile.json, too.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    found = {}
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        program, arguments = _compile(path.read_text(), jax.devices()[0])
        jax.block_until_ready(program.execute(arguments))
        with tempfile.TemporaryDirectory() as traces:
            with jax.profiler.trace(traces):
                for _ in range(steps):
                    results = program.execute(arguments)
                jax.block_until_ready(results)
            (trace,) = Path(traces).rglob("*.xplane.pb")
            found[path.name.removesuffix(_SUFFIX)] = _kernels(jax.profiler.ProfileData.from_file(str(trace)), steps)
    (folder / "gpu_profile.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


def _kernels(trace, steps: int) -> dict:
    nanoseconds, launches, spans = collections.Counter(), collections.Counter(), []
    for plane in trace.planes:
        for line in plane.lines if "GPU" in plane.name else ():
            for event in line.events if line.name.startswith("Stream") else ():
                key = (str(dict(event.stats).get("hlo_op", "")), event.name)
                nanoseconds[key] += event.duration_ns
                launches[key] += 1
                spans.append((event.start_ns, event.start_ns + event.duration_ns))
    busy = until = 0
    for start, end in sorted(spans):  # Kernels of several streams may overlap.
        busy += max(0, end - max(start, until))
        until = max(until, end)
    kernels = [
        {"us": duration / 1000 / steps, "launches": launches[key] / steps, "operation": key[0], "kernel": key[1]}
        for key, duration in nanoseconds.most_common()
    ]
    return {"busy": busy / 1e6 / steps, "kernels": kernels}


def _time_module(text: str, device, steps: int) -> list[float]:
    """Returns milliseconds per step of each of `REPEATS` measurements."""
    program, arguments = _compile(text, device)
    return _milliseconds(lambda: program.execute(arguments), steps)


def _milliseconds(enqueue, times: int) -> list[float]:
    """Returns milliseconds per call, enqueued `times` in a row, of each of `REPEATS` measurements after a warm-up."""
    import jax

    jax.block_until_ready(enqueue())
    measured = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(times):
            results = enqueue()
        jax.block_until_ready(results)
        measured.append(1000 * (time.perf_counter() - started) / times)
    return measured


def _copy_bytes_per_second(device) -> float:
    """Returns the rate at which the device reads and writes its memory, both counted."""
    import jax

    values = jax.device_put(jax.numpy.zeros(_COPIED_BYTES // 4, "float32"), device)
    add = jax.jit(lambda x: x + 1)
    return 2 * _COPIED_BYTES / (statistics.median(_milliseconds(lambda: add(values), 5)) / 1000)


def _step_bytes(precision: str, batch: int) -> int:
    form = dataclasses.replace(OWN_FORM, element_bytes=4 if precision == "float32" else 2)
    return sum(cost.bytes for cost in step_costs(form, batch))


def _compile(text: str, device):
    """Compiles an HLO module with JAX's copy of XLA; returns the program and random arguments on the device.

    JAX has no public door for HLO that was not traced from a JAX function; these names are of jaxlib 0.10 and 0.11.
    """
    import jax
    import numpy as np
    from jax.extend.mlir import hlo_to_stablehlo
    from jaxlib import _hlo
    from jaxlib.xla_client import DeviceList, XlaComputation

    proto = _hlo.hlo_module_from_text(text).as_serialized_hlo_module_proto()
    rng = np.random.default_rng(0)
    shapes = XlaComputation(proto).program_shape().parameter_shapes()
    arguments = [jax.device_put(_random(rng, shape), device) for shape in shapes]
    program = device.client.compile_and_load(hlo_to_stablehlo(proto), DeviceList((device,)))
    return program, arguments


def _random(rng, shape):
    """Returns small numbers: no step may meet NaN or denormals, which some devices compute slowly."""
    import numpy as np

    dtype = shape.numpy_dtype()
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 200, shape.dimensions()).astype(dtype)
    return (0.1 * rng.random(shape.dimensions())).astype(dtype)


def main(arguments: list[str]) -> int:
    """Runs one of the modes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("dump", "run", "profile"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=BATCH, help="images a step (dump); default %(default)s")
    parser.add_argument("--steps", type=int, default=50, help="steps measured (run, profile); default %(default)s")
    options = parser.parse_args(arguments)
    if options.mode == "dump":
        for path in dump(options.folder, options.batch):
            print(path)
    else:
        measure = run if options.mode == "run" else profile
        print(json.dumps(measure(options.folder, options.steps), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
