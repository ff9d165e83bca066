"""The commands under names of their own: `contrast-predict` is `python -m contrast_tfdata.predict`, and so on."""

import runpy


def make_records() -> None:
    """Runs `python -m contrast_tfdata.make_records`."""
    _run("make_records")


def train() -> None:
    """Runs `python -m contrast_tfdata.train`."""
    _run("train")


def evaluate() -> None:
    """Runs `python -m contrast_tfdata.evaluate`."""
    _run("evaluate")


def predict() -> None:
    """Runs `python -m contrast_tfdata.predict`."""
    _run("predict")


def export() -> None:
    """Runs `python -m contrast_tfdata.export`."""
    _run("export")


def _run(name: str) -> None:
    # As the main module: by it absl tells which flags are the command's, and worker processes what to import.
    runpy.run_module(f"contrast_tfdata.{name}", run_name="__main__", alter_sys=True)
