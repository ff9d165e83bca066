"""How a step runs on this machine: precision, compiler and libraries, decided once and said in words.

Two phases. `configure_environment` sets what TensorFlow reads when it is imported, so entry points call it first; this
module itself can be imported without TensorFlow. `plan` then looks at the devices and decides; `apply` makes it so.

Where the reasons' figures come from: seconds per whole training step (64 uint8 images, dropout, loss, Adam), medians of
7 interleaved runs on 2 cores of an AVX-512 CPU with AVX512_BF16, TensorFlow 2.15.1 with oneDNN. Read them as ratios.

    plain Keras network, float32     0.48
    ContrastNet, float32             0.33    with XLA: 0.92 (patches), 1.4 (reshape)
    ContrastNet, mixed_bfloat16      0.20    with XLA: about twice float32 with XLA
    ContrastNet, mixed_float16       25

On a CPU without native bfloat16, plain Keras in mixed_bfloat16 took 12 s against 3.4 s in float32.
"""

import dataclasses
import logging
import os
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path

from contrast_tfdata.errors import UsageError, how_to_install
from contrast_tfdata.model.private_interfaces import onednn_enabled

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
POOLING_METHODS = ("native", "folded", "patches")
JIT_CHOICES = ("auto", "true", "false")
ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
LOG_LEVEL_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"

BFLOAT16_CPU_FLAGS = ("avx512_bf16", "amx_bf16")
"""CPU features, as Linux names them, with which oneDNN multiplies bfloat16 natively."""

_CPU_INFO = Path("/proc/cpuinfo")
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Device:
    """What the decision needs to know of the device that trains.

    Attributes:
        kind: `GPU` or `CPU`.
        name: for people.
        compute_capability: (major, minor) of an NVIDIA GPU; None where there is none or it does not say.
        bfloat16: whether a CPU multiplies bfloat16 natively.
        onednn: whether TensorFlow's oneDNN operations are on.
        driver_without_gpu: an NVIDIA driver is installed, yet TensorFlow sees no GPU.
    """

    kind: str
    name: str
    compute_capability: tuple[int, int] | None = None
    bfloat16: bool = False
    onednn: bool = True
    driver_without_gpu: bool = False

    def __post_init__(self):
        if self.kind not in ("GPU", "CPU"):
            raise ValueError(f"`kind` must be 'GPU' or 'CPU'. Received: kind={self.kind!r}")


@dataclasses.dataclass(frozen=True)
class RuntimePlan:
    """What was decided.

    Attributes:
        precision: Keras dtype policy: `float32`, `mixed_float16` or `mixed_bfloat16`.
        jit_compile: whether XLA compiles the step.
        onednn: whether TensorFlow's oneDNN operations are on (CPU).
        pooling: `ContrastNet`'s pooling: under XLA `folded` on a GPU and `patches` on a CPU, else `native`.
        static_shapes: whether batches must have one shape, since every new shape compiles anew.
        micro_batches: `ContrastNet`'s, in training: parts of a batch that the first blocks take one after the other.
        deterministic: whether operations must give the same bits every time.
        reasons: what was chosen and why, a sentence each.
    """

    precision: str
    jit_compile: bool
    onednn: bool
    pooling: str
    static_shapes: bool
    micro_batches: int = 1
    deterministic: bool = False
    reasons: tuple[str, ...] = ()

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(f"`precision` must be one of {PRECISIONS}. Received: precision={self.precision!r}")
        if self.pooling not in POOLING_METHODS:
            raise ValueError(f"`pooling` must be one of {POOLING_METHODS}. Received: pooling={self.pooling!r}")
        if self.deterministic and self.jit_compile and self.pooling == "native":
            raise ValueError(
                "Deterministic operations have no compiled gradient of native pooling (tensorflow#69417). "
                "Received: deterministic=True, jit_compile=True, pooling='native'"
            )


def configure_environment(*, onednn: bool | None = None, environ: MutableMapping[str, str] = os.environ) -> None:
    """Sets the environment variables that TensorFlow reads at its import. Call it before that.

    oneDNN operations are turned on (on CPUs without AVX512_VNNI they are off by default, and the step takes four times
    as long), and start-up messages off: TensorFlow 2.15 logs duplicate registrations of CUDA plug-ins as errors on
    every machine, and what matters about the device is in the plan. A variable that the user has set stays.

    Args:
        onednn: demand oneDNN on or off; None: on, unless the user has set `TF_ENABLE_ONEDNN_OPTS`.
        environ: where to set it.

    Raises:
        UsageError: if TensorFlow is already imported with another setting than demanded. Where nothing was demanded,
            a logged warning says so.
    """
    if onednn is None:
        environ.setdefault(ONEDNN_VARIABLE, "1")
    else:
        environ[ONEDNN_VARIABLE] = str(int(onednn))
    environ.setdefault(LOG_LEVEL_VARIABLE, "3")
    wanted = environ[ONEDNN_VARIABLE] == "1"
    if "tensorflow" not in sys.modules or onednn_enabled() == wanted:
        return
    state = "off" if wanted else "on"
    message = (
        f"TensorFlow is already imported with oneDNN {state}: set {ONEDNN_VARIABLE}={int(wanted)} before it starts."
    )
    if onednn is not None:
        raise UsageError(message)
    logger.warning(message)


def detect_device() -> Device:
    """Returns the device that training will use: the first GPU that TensorFlow sees, else the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return Device("GPU", details.get("device_name", "GPU"), details.get("compute_capability"))
    info = _CPU_INFO.read_text(errors="replace") if _CPU_INFO.exists() else ""
    return Device(
        "CPU",
        _cpu_name(info),
        bfloat16=has_native_bfloat16(info),
        onednn=onednn_enabled(),
        driver_without_gpu=_NVIDIA_DRIVER.exists(),
    )


def has_native_bfloat16(cpu_info: str) -> bool:
    """Returns whether every core that /proc/cpuinfo's text describes has AVX512_BF16 or AMX_BF16."""
    cores = re.findall(r"^flags\s*:(.*)$", cpu_info, re.MULTILINE)
    return bool(cores) and all(set(BFLOAT16_CPU_FLAGS) & set(flags.split()) for flags in cores)


def _cpu_name(cpu_info: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpu_info, re.MULTILINE)
    return found.group(1).strip() if found else "CPU"


def plan(
    precision: str = "auto",
    jit_compile: str | bool = "auto",
    *,
    deterministic: bool = False,
    distributed: bool = False,
    device: Device | None = None,
) -> RuntimePlan:
    """Decides how a step runs. What is asked for explicitly is taken, and called slow where it is.

    Args:
        precision: `auto` or a Keras dtype policy: `float32`, `mixed_float16`, `mixed_bfloat16`.
        jit_compile: `auto`, `true` or `false` (or a bool): whether XLA compiles the step.
        deterministic: the same bits every time.
        distributed: several replicas divide each batch, so that all batches must be of one size.
        device: where it will run; None looks, and imports TensorFlow for that.

    Raises:
        ValueError: for another value of `precision` or `jit_compile`.
        UsageError: XLA is asked for where it cannot be had.
    """
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"`precision` must be 'auto' or one of {PRECISIONS}. Received: precision={precision!r}")
    choice = str(jit_compile).lower()
    if choice not in JIT_CHOICES:
        raise ValueError(f"`jit_compile` must be one of {JIT_CHOICES}. Received: jit_compile={jit_compile!r}")
    device = device or detect_device()
    jit, jit_reason = _choose_jit(choice, device, distributed)
    chosen, precision_reason = _choose_precision(precision, device)
    pooling = _choose_pooling(jit, device)
    reasons = (_about(device), precision_reason, jit_reason, _about_pooling(pooling))
    return RuntimePlan(
        precision=chosen,
        jit_compile=jit,
        onednn=device.onednn,
        pooling=pooling,
        static_shapes=jit or distributed,
        micro_batches=_choose_micro_batches(chosen, jit, device),
        deterministic=deterministic,
        reasons=reasons,
    )


def _choose_jit(choice: str, device: Device, distributed: bool) -> tuple[bool, str]:
    if choice == "true" and distributed and device.kind == "CPU":
        raise UsageError("--jit_compile=true: XLA cannot compile steps of several replicas on CPUs; leave it out")
    if choice == "true":
        slow = " On a CPU it has no oneDNN convolution: about 3 times slower here." if device.kind == "CPU" else ""
        return True, f"XLA: as asked.{slow}"
    if choice == "false":
        return False, "No XLA: as asked."
    if distributed:
        return False, "No XLA: compiled steps of several replicas have not been tried."
    if device.kind == "GPU":
        return True, "XLA: on a GPU it fuses what stands between the convolutions."
    return False, "No XLA: on a CPU it has no oneDNN convolution and took 3 times as long per step."


def _choose_pooling(jit: bool, device: Device) -> str:
    if not jit:
        return "native"
    return "folded" if device.kind == "GPU" else "patches"


def _choose_micro_batches(precision: str, jit: bool, device: Device) -> int:
    # On a CPU in float32, 4 parts take a quarter less memory for 0 to 3 % of the time (benchmarks/NOTES.md); bfloat16
    # takes little enough without. Compilers and GPUs order the work themselves.
    return 4 if device.kind == "CPU" and precision == "float32" and not jit else 1


def _choose_precision(asked: str, device: Device) -> tuple[str, str]:
    best, reason = _best_precision(device)
    if asked in ("auto", best):
        return best, f"{best}: {reason}"
    if asked == "float32":
        return asked, "float32: as asked."
    if device.kind == "CPU":
        # mixed_bfloat16 is only here where the CPU lacks it; mixed_float16 was 70 times slower even with AVX-512.
        return asked, f"{asked}: as asked. This CPU emulates it, many times slower than float32."
    return asked, f"{asked}: as asked; auto would choose {best}."


def _best_precision(device: Device) -> tuple[str, str]:
    """Returns the fastest policy that a device computes natively, and why."""
    if device.kind == "CPU":
        if device.bfloat16 and device.onednn:
            return "mixed_bfloat16", "the CPU multiplies bfloat16 natively: 1.6 times as fast per step as float32."
        missing = "oneDNN is off" if device.bfloat16 else "the CPU has no native bfloat16 (AVX512_BF16 or AMX)"
        return "float32", f"{missing}, and emulating 16 bits is several times slower."
    capability = device.compute_capability or (0, 0)
    if capability >= (8, 0):
        return "mixed_bfloat16", "compute capability 8.0 or more, and its range needs no loss scaling."
    if capability >= (7, 0):
        return "mixed_float16", "tensor cores, but no bfloat16 before compute capability 8.0; the loss is scaled."
    return "float32", "no 16-bit tensor cores before compute capability 7.0."


def _about(device: Device) -> str:
    if device.kind == "GPU":
        return f"Device: GPU, {device.name}."
    if device.driver_without_gpu:
        return (
            f"Device: CPU, {device.name}. An NVIDIA driver is installed, but TensorFlow sees no GPU: "
            f"{how_to_install('cuda')}, or start with {LOG_LEVEL_VARIABLE}=0 to see why."
        )
    slow = (
        ""
        if device.onednn
        else f" Its oneDNN operations are off: {ONEDNN_VARIABLE}=1 makes steps several times faster."
    )
    return f"Device: CPU, {device.name}.{slow}"


def _about_pooling(pooling: str) -> str:
    return {
        "native": "Native max pooling: the fastest without XLA.",
        "folded": "Convolution and max pooling with squares of pixels folded into channels: what a GPU runs best.",
        "patches": "Max pooling as reshape and maximum, convolution as a matrix product: what XLA does best on a CPU.",
    }[pooling]


def apply(chosen: RuntimePlan) -> None:
    """Makes a plan the process's: the Keras dtype policy and, where asked, deterministic operations.

    Call it once, before the first layer is made: layers keep the policy they were made under.
    """
    import tensorflow as tf

    tf.keras.mixed_precision.set_global_policy(chosen.precision)
    if chosen.deterministic:
        tf.config.experimental.enable_op_determinism()
