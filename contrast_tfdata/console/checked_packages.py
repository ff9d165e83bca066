"""Whether the packages are installed that a command needs, and fit together.

Otherwise TensorFlow, or what is built against another NumPy, fails at its import with pages about something else.
"""

import sys
from collections.abc import Callable
from importlib import metadata

from contrast_tfdata.errors import ContrastError, UsageError, how_to_install

_WITH_ADDONS = {"tensorflow": "2.15.", "tensorflow-addons": "0.23.", "keras": "2.15.", "numpy": "1."}
_WITHOUT_ADDONS = {"tensorflow": "2.21.", "tf_keras": "2.21.", "numpy": "2."}
NEEDED = {(3, 10): _WITH_ADDONS, (3, 11): _WITH_ADDONS, (3, 12): _WITHOUT_ADDONS, (3, 13): _WITHOUT_ADDONS}
"""By version of Python, how the versions begin that work together."""
_SAME_AS = {"tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")}
"""Other names under which the same package is installed."""
_ALL_OF_THEM = "python -m pip install -r requirements.lock"


def require_tensorflow() -> None:
    """Returns where TensorFlow and what belongs to it are installed, in versions that work together.

    Raises:
        UsageError: TensorFlow is not installed (it comes with the extra `train`), or Python runs without docstrings.
        ContrastError: the versions do not fit together.
    """
    python = sys.version_info[:2]
    if sys.flags.optimize > 1:
        raise UsageError("TensorFlow needs its docstrings, which Python leaves out here: unset PYTHONOPTIMIZE, or -OO")
    if _version_of("tensorflow", installed_version) is None:
        how = how_to_install("train")
        if python not in NEEDED:
            how = "there is none for this Python; use 3.10 to 3.13 (predict runs here)"
        raise UsageError(f"it needs TensorFlow, which is not installed: {how}")
    if found := problems(installed_version, python):
        raise ContrastError(
            f"these packages do not fit together: {', '.join(found)}; install the set that was tested: {_ALL_OF_THEM}"
        )


def problems(version_of: Callable[[str], str | None], python: tuple[int, int]) -> list[str]:
    """Returns what does not fit, for people.

    Args:
        version_of: from a package's name to its version, None where it is not installed.
        python: version of the interpreter.
    """
    if python not in NEEDED:
        return [f"Python {python[0]}.{python[1]} (needed: 3.10 to 3.13)"]
    found = []
    for name, needed in NEEDED[python].items():
        version = _version_of(name, version_of)
        if version is None:
            found.append(f"no {name} (needed: {needed}*)")
        elif not version.startswith(needed):
            found.append(f"{name} {version} (needed: {needed}*)")
    return found


def _version_of(name: str, version_of: Callable[[str], str | None]) -> str | None:
    return next(filter(None, map(version_of, (name, *_SAME_AS.get(name, ())))), None)


def installed_version(name: str) -> str | None:
    """Returns the version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
