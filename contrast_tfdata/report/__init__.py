"""Numbers to pages: figures, report.html, the page of a prediction and the model card. Needs no TensorFlow.

Names are looked up when they are used: the page of a prediction needs no Matplotlib, and is there without it.
"""

import importlib

_MODULES = {
    "RunDescription": "description",
    "pictures_wanted": "writing",
    "render_shipped_card": "shipped_card",
    "write_model_card": "model_card",
    "write_report": "writing",
    "write_runs_report": "runs_page",
    "write_shipped_card": "shipped_card",
}

__all__ = list(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
