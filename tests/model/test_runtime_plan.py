import logging
import subprocess
import sys

import pytest
import tensorflow as tf

from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import runtime_plan
from contrast_tfdata.model.runtime_plan import Device, RuntimePlan, plan

CPU = Device("CPU", "a CPU")
BFLOAT16_CPU = Device("CPU", "a new CPU", bfloat16=True)


def gpu(*capability: int) -> Device:
    return Device("GPU", "a GPU", capability or None)


@pytest.mark.parametrize(
    ("device", "precision", "jit_compile", "pooling"),
    [
        (CPU, "float32", False, "native"),
        (BFLOAT16_CPU, "mixed_bfloat16", False, "native"),
        (Device("CPU", "new, oneDNN off", bfloat16=True, onednn=False), "float32", False, "native"),
        (gpu(9, 0), "mixed_bfloat16", True, "folded"),
        (gpu(8, 0), "mixed_bfloat16", True, "folded"),
        (gpu(7, 5), "mixed_float16", True, "folded"),
        (gpu(7, 0), "mixed_float16", True, "folded"),
        (gpu(6, 1), "float32", True, "folded"),
        (gpu(), "float32", True, "folded"),
    ],
)
def test_auto(device, precision, jit_compile, pooling):
    chosen = plan(device=device)
    assert (chosen.precision, chosen.jit_compile, chosen.pooling) == (precision, jit_compile, pooling)
    assert chosen.static_shapes == jit_compile
    assert device.name in chosen.reasons[0]
    assert chosen.reasons[1].startswith(precision)


@pytest.mark.parametrize("device", [CPU, BFLOAT16_CPU, gpu(9, 0), gpu(6, 1)])
@pytest.mark.parametrize("jit_compile", ["true", "false", True, False])
@pytest.mark.parametrize("precision", runtime_plan.PRECISIONS)
def test_what_is_asked_for_is_taken(precision, jit_compile, device):
    chosen = plan(precision, jit_compile, device=device)
    assert chosen.precision == precision
    assert chosen.jit_compile == (str(jit_compile).lower() == "true")


@pytest.mark.parametrize("device", [CPU, gpu(9, 0)], ids=lambda device: device.kind)
def test_replicas_get_batches_of_one_size_and_no_xla_unless_asked(device):
    chosen = plan(device=device, distributed=True)
    assert (chosen.jit_compile, chosen.static_shapes, chosen.pooling) == (False, True, "native")


def test_replicas_on_cpus_cannot_be_compiled():
    with pytest.raises(UsageError, match="XLA cannot compile steps of several replicas on CPUs"):
        plan(jit_compile="true", device=CPU, distributed=True)
    assert plan(jit_compile="true", device=gpu(9, 0), distributed=True).jit_compile


def test_xla_on_a_cpu_multiplies_matrices():
    assert plan(jit_compile="true", device=CPU).pooling == "patches"


def test_early_blocks_take_parts_of_a_batch_where_that_saves_memory():
    parts = {
        (precision, jit, device.name): plan(precision, jit, device=device).micro_batches
        for precision in ("float32", "mixed_bfloat16")
        for jit in (False, True)
        for device in (BFLOAT16_CPU, gpu(9, 0))
    }
    assert parts.pop(("float32", False, BFLOAT16_CPU.name)) == 4
    assert set(parts.values()) == {1}


def test_slow_choices_are_called_slow():
    reasons = plan("mixed_float16", "true", device=CPU).reasons
    assert "many times slower than float32" in reasons[1]
    assert "times slower" in reasons[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("float16",), "Received: precision='float16'"), (("auto", "yes"), "Received: jit_compile='yes'")],
)
def test_unknown_choices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan(*arguments, device=CPU)


@pytest.mark.parametrize("jit_compile", ["true", "false"])
def test_deterministic_plans_can_run(jit_compile):
    assert plan("float32", jit_compile, deterministic=True, device=CPU).deterministic


def test_a_plan_that_cannot_run_is_refused():
    with pytest.raises(ValueError, match="69417"):
        RuntimePlan("float32", True, True, "native", True, deterministic=True)


def test_hints():
    assert "sees no GPU" in plan(device=Device("CPU", "x", driver_without_gpu=True)).reasons[0]
    assert "TF_ENABLE_ONEDNN_OPTS=1" in plan(device=Device("CPU", "x", onednn=False)).reasons[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512_bf16 sse\n", True),
        ("flags\t\t: fpu amx_bf16\nflags\t\t: fpu amx_bf16\n", True),
        ("flags\t\t: fpu amx_bf16\nflags\t\t: fpu avx2\n", False),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", False),
        ("model name\t: not avx512_bf16\n", False),
        ("", False),
    ],
)
def test_native_bfloat16_is_read_from_every_core(text, expected):
    assert runtime_plan.has_native_bfloat16(text) is expected


def test_detected_device_is_this_machine():
    device = runtime_plan.detect_device()
    assert (device.kind == "GPU") == bool(tf.config.list_physical_devices("GPU"))
    assert device.name


def test_apply_sets_the_policy():
    runtime_plan.apply(plan("mixed_bfloat16", device=CPU))
    assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert tf.keras.layers.Dense(1).compute_dtype == "bfloat16"


def test_user_settings_stay():
    environ = {"TF_ENABLE_ONEDNN_OPTS": str(int(runtime_plan.onednn_enabled())), "TF_CPP_MIN_LOG_LEVEL": "0"}
    before = dict(environ)
    runtime_plan.configure_environment(environ=environ)
    assert environ == before


def test_a_setting_that_comes_too_late_is_said(caplog):
    other = not runtime_plan.onednn_enabled()
    with caplog.at_level(logging.WARNING):
        runtime_plan.configure_environment(environ={"TF_ENABLE_ONEDNN_OPTS": str(int(other))})
    assert "already imported" in caplog.text
    with pytest.raises(UsageError, match=f"set TF_ENABLE_ONEDNN_OPTS={int(other)} before"):
        runtime_plan.configure_environment(onednn=other, environ={})


FRESH_PROCESS = """
import sys
from contrast_tfdata.model import runtime_plan
assert "tensorflow" not in sys.modules, "imported TensorFlow"
runtime_plan.configure_environment(onednn={onednn})
assert "tensorflow" not in sys.modules, "imported TensorFlow"
from contrast_tfdata.console import cli
cli.quiet_tensorflow()
print(runtime_plan.onednn_enabled())
"""


@pytest.mark.slow
@pytest.mark.parametrize("onednn", [True, False])
def test_fresh_process_runs_as_configured_and_quietly(onednn):
    script = FRESH_PROCESS.format(onednn=onednn)
    environ = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, str(onednn)), run.stderr
    assert run.stderr == ""
