"""Importing this ends a command, with a line that says why, where packages are installed that do not fit together.

Otherwise TensorFlow, or what is built against another NumPy, fails at its import with pages about something else. It is
the first of ours that `cli` imports, so that nothing of the set was imported before.
"""

import sys
from collections.abc import Callable
from importlib import metadata

from contrast_tfdata.errors import ContrastError

_WITH_ADDONS = {"tensorflow": "2.15.", "tensorflow-addons": "0.23.", "keras": "2.15.", "numpy": "1."}
_WITHOUT_ADDONS = {"tensorflow": "2.21.", "tf_keras": "2.21.", "numpy": "2."}
NEEDED = {(3, 10): _WITH_ADDONS, (3, 11): _WITH_ADDONS, (3, 12): _WITHOUT_ADDONS, (3, 13): _WITHOUT_ADDONS}
"""By version of Python, how the versions begin that work together."""
_SAME_AS = {"tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")}
"""Other names under which the same package is installed."""


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
        version = next(filter(None, map(version_of, (name, *_SAME_AS.get(name, ())))), None)
        if version is None:
            found.append(f"no {name} (needed: {needed}*)")
        elif not version.startswith(needed):
            found.append(f"{name} {version} (needed: {needed}*)")
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if _found := problems(_installed, sys.version_info[:2]):
    print(
        f"error: these packages do not fit together: {', '.join(_found)}; install the set that was tested: "
        "python -m pip install -r requirements.lock",
        file=sys.stderr,
    )
    sys.exit(ContrastError.exit_code)
