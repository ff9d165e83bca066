"""Tell pre- from post-contrast sagittal T1 brain MRI.

The rooms, in the order in which data goes through them (imports run the same way, never back): `storage`, `images`,
`phantom`, `intake`, `patients`, `records`, `pipeline`, `model`, `training`, `evaluation`, `scoring`, `exporting`,
`report`, `console`, `runs`, `api`.
Entry points: `python -m contrast_tfdata.make_records`, `.train`, `.evaluate`, `.predict`, `.export`.

From Python, as `import contrast_tfdata as ct`: `ct.load_records`, `ct.ContrastNet`, `ct.load_model`, `ct.save_model`,
`ct.evaluate`, `ct.predict`, `ct.plots`. Importing the package imports none of what they need: they do, where they are
first used.
"""

import importlib
import importlib.util
import os
import sys
import types

from contrast_tfdata.version import __version__

if importlib.util.find_spec("tf_keras"):
    # The network is written for Keras 2. TensorFlow 2.16 and later has it as tf_keras, and asks for it at its import.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

# TensorFlow reads this at its import, too, which a notebook may do next. Without it, steps take three times as long on
# a CPU without AVX-512 (see `model.runtime_plan`).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

CLASS_NAMES = ("no_gad", "with_gad")
"""Class names; a label is the position of its name here: 0 before contrast, 1 after."""

SPLITS = ("train", "validation", "test")
"""What records are divided into, in this order everywhere."""

_PUBLIC = {
    "ContrastNet": "model.contrast_net",
    "evaluate": "api.evaluation",
    "load_model": "api.models",
    "load_records": "api.data",
    "plots": "api.plots",
    "predict": "api.prediction",
    "save_model": "api.models",
}
"""What the package offers to Python programs, and where it is."""
_WITHOUT_TENSORFLOW = ("predict",)

_HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None

__all__ = ["CLASS_NAMES", "SPLITS", "__version__"]
__all__ += [name for name in _PUBLIC if _HAS_TENSORFLOW or name in _WITHOUT_TENSORFLOW]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _WITHOUT_TENSORFLOW:
        _prepare_tensorflow(name)
    module = importlib.import_module(f"{__name__}.{_PUBLIC[name]}")
    found = module if name == "plots" else getattr(module, name)
    setattr(sys.modules[__name__], name, found)
    return found


def _prepare_tensorflow(name: str) -> None:
    """Has TensorFlow imported as the network needs it.

    Raises AttributeError, as for a name that is not there, where TensorFlow is not: hasattr and help then work. Raises
    ImportError where another Keras was taken before.
    """
    if "tensorflow" not in sys.modules:
        from contrast_tfdata.errors import ContrastError

        try:
            importlib.import_module(f"{__name__}.console.checked_packages").require_tensorflow()
        except ContrastError as error:
            raise AttributeError(f"{__name__}.{name}: {error}") from None
        importlib.import_module(f"{__name__}.model.runtime_plan").configure_environment()
    importlib.import_module(f"{__name__}.model.which_keras").require_keras_2()


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(types.ModuleType):
    """Keeps the functions `evaluate` and `predict`, which importing the commands of these names would hide."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, types.ModuleType) and name in ("evaluate", "predict")):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
