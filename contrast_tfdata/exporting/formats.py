"""The formats of an export: what each is called, needs and may differ by. Free of TensorFlow."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from contrast_tfdata.errors import UsageError

QUANTIZATIONS = ("none", "int8")
FACTS_SUFFIX = ".json"
"""Of the file beside an exported one that says what to feed it with."""


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far answers may lie from the network's; what is None is not asked.

    Attributes:
        logit: largest difference of logits, relative to the larger of 1 and the network's logit. With it, answers must
            be the same but where the network's logit lies as near as that to where they change.
        probability_mean: largest mean difference of probabilities.
        auc_loss: by how much the AUC may be smaller.
    """

    logit: float | None = None
    probability_mean: float | None = None
    auc_loss: float | None = None


_FLOAT32 = Tolerance(logit=1e-4)
"""Only the order of float32 sums differs, which conformance tests saw move logits by 5e-6 of their size at most."""
_INT8 = Tolerance(auc_loss=0.01, probability_mean=0.02)
"""Features have 256 levels, so single logits move; what must stay is the order of the slices, and most answers."""


@dataclasses.dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: as `--format` takes it.
        suffix: that its file must have; "" for a folder.
        tolerance: how far from the network's its answers may be.
        quantize: `none`, or `int8`.
    """

    name: str
    suffix: str = ""
    tolerance: Tolerance = _FLOAT32
    quantize: str = "none"


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("savedmodel"),
        Format("onnx", ".onnx"),
        Format("tflite", ".tflite"),
    )
}


def chosen(name: str, quantize: str, output: Path) -> Format:
    """Returns the format that flags ask for.

    Raises:
        UsageError: they do not fit each other.
    """
    form = FORMATS[name]
    if quantize != "none":
        if name != "tflite":
            raise UsageError(f"--quantize={quantize} goes with --format=tflite. Received: --format={name}")
        form = dataclasses.replace(form, quantize=quantize, tolerance=_INT8)
    suffixes = {each.suffix for each in FORMATS.values() if each.suffix}
    if form.suffix and output.suffix != form.suffix:
        raise UsageError(f"--output must end in {form.suffix} with --format={name}. Received: {output}")
    if not form.suffix and output.suffix in suffixes:
        raise UsageError(f"--output is a folder with --format={name}. Received: {output}")
    return form
