"""What the figures were measured on, without names of hosts or people."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

PACKAGES = (
    "tensorflow", "tensorflow-addons", "keras", "numpy", "scipy", "pillow", "pydicom", "h5py", "torch",
    "pytest-benchmark",
)  # fmt: skip
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
"""CPU features, as Linux names them, on which oneDNN's choice of kernels depends."""
_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_INFO = Path("/proc/meminfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe() -> dict[str, object]:
    """Returns the processor, memory, system and versions of this machine; None where it does not say."""
    info = _CPU_INFO.read_text(errors="replace") if _CPU_INFO.exists() else ""
    return {
        "cpu": cpu_name(info) or platform.processor() or None,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": instructions(info),
        "caches": _caches(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": _versions(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def has_avx512() -> bool:
    """Returns whether imitating a CPU without AVX-512 would change anything here."""
    return bool(_CPU_INFO.exists() and "avx512f" in instructions(_CPU_INFO.read_text(errors="replace")))


def cpu_name(cpu_info: str) -> str | None:
    """Returns the first model name in /proc/cpuinfo's text."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpu_info, re.MULTILINE)
    return found.group(1).strip() if found else None


def instructions(cpu_info: str) -> list[str]:
    """Returns which of `INSTRUCTIONS` every core has that /proc/cpuinfo's text describes."""
    cores = [set(flags.split()) for flags in re.findall(r"^flags\s*:(.*)$", cpu_info, re.MULTILINE)]
    return [name for name in INSTRUCTIONS if cores and all(name in core for core in cores)]


def _caches() -> list[str]:
    """Returns the caches of the first core, e.g. `L2 1024K`."""
    found = [(folder / "level", folder / "size") for folder in sorted(_CACHES.glob("index*"))]
    texts = [f"L{level.read_text().strip()} {size.read_text().strip()}" for level, size in found if size.exists()]
    return list(dict.fromkeys(texts))


def _memory_gib() -> float | None:
    if not _MEMORY_INFO.exists():
        return None
    found = re.search(r"^MemTotal:\s*(\d+) kB", _MEMORY_INFO.read_text(), re.MULTILINE)
    return round(int(found.group(1)) / 2**20, 1) if found else None


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
