"""Environments in which TensorFlow is started: what it reads at its import and cannot be changed afterwards."""

import dataclasses
import os
from collections.abc import Mapping

from contrast_tfdata.model import runtime_plan

HOLDING_BACK = (
    "ATEN_CPU_CAPABILITY", "BLIS_ARCH_TYPE", "BLIS_NUM_THREADS", "DNNL_MAX_CPU_ISA", "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES",
    "OMP_DYNAMIC", "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_THREAD_LIMIT", "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS",
)  # fmt: skip
"""Variables by which a user may hold a library to older instructions or fewer threads. No child gets them."""

_IMITATION = {
    # oneDNN, OpenBLAS (in NumPy) and PyTorch choose their kernels by CPU. Eigen's own kernels in TensorFlow's wheel are
    # compiled for AVX anyway.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """How a child process is started.

    Attributes:
        name: for tables.
        onednn: `1`, `0`, or None for TensorFlow's own choice: on where the CPU has AVX512_VNNI, else off.
        avx2: imitate a CPU without AVX-512: oneDNN and OpenBLAS use AVX2 kernels. TensorFlow's own choice of oneDNN is
            then replaced by what it is on such a CPU, off.
    """

    name: str
    onednn: str | None
    avx2: bool = False

    @property
    def environment(self) -> dict[str, str | None]:
        """Variables for `children.Child`; None removes one."""
        onednn = "0" if self.avx2 and self.onednn is None else self.onednn
        free: dict[str, str | None] = dict.fromkeys(HOLDING_BACK)
        return free | {runtime_plan.ONEDNN_VARIABLE: onednn} | (_IMITATION if self.avx2 else {})


def as_the_commands_start(*, avx2: bool = False) -> Setting:
    """Returns the setting that the project's commands make for themselves."""
    environ: dict[str, str] = {}
    runtime_plan.configure_environment(environ=environ)
    return Setting("this project", environ[runtime_plan.ONEDNN_VARIABLE], avx2)


def as_the_slides_start(*, avx2: bool = False) -> Setting:
    """Returns TensorFlow as it comes."""
    return Setting("TensorFlow's default", None, avx2)


def removed(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the variables of this process that would hold a library back, and that no child gets."""
    return {name: environ[name] for name in HOLDING_BACK if name in environ}
