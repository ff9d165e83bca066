"""Environments in which TensorFlow is started: what it reads at its import and cannot be changed afterwards."""

import dataclasses

from contrast_tfdata.model import runtime_plan

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
        """Variables for `children.Child`."""
        onednn = "0" if self.avx2 and self.onednn is None else self.onednn
        return {runtime_plan.ONEDNN_VARIABLE: onednn, **(_IMITATION if self.avx2 else {})}


def as_the_commands_start(*, avx2: bool = False) -> Setting:
    """Returns the setting that the project's commands make for themselves."""
    environ: dict[str, str] = {}
    runtime_plan.configure_environment(environ=environ)
    return Setting("this project", environ[runtime_plan.ONEDNN_VARIABLE], avx2)


def as_the_slides_start(*, avx2: bool = False) -> Setting:
    """Returns TensorFlow as it comes."""
    return Setting("TensorFlow's default", None, avx2)
