"""What flags of an export are refused, before any of the work."""

from pathlib import Path

import pytest

from contrast_tfdata.errors import UsageError
from contrast_tfdata.exporting.formats import chosen


@pytest.mark.parametrize(
    ("name", "quantize", "output", "message"),
    [
        ("savedmodel", "none", "m.onnx", "--output is a folder with --format=savedmodel. Received: m.onnx"),
        ("onnx", "none", "m.tflite", "--output must end in .onnx with --format=onnx. Received: m.tflite"),
        ("tflite", "none", "m", "--output must end in .tflite with --format=tflite. Received: m"),
        ("onnx", "int8", "m.onnx", "--quantize=int8 goes with --format=tflite. Received: --format=onnx"),
    ],
)
def test_flags_that_do_not_fit_are_refused(name, quantize, output, message):
    with pytest.raises(UsageError) as error:
        chosen(name, quantize, Path(output))
    assert str(error.value) == message


def test_8_bits_have_a_tolerance_of_their_own():
    plain, quantized = (chosen("tflite", each, Path("m.tflite")) for each in ("none", "int8"))
    assert plain.tolerance.logit == 1e-4
    assert plain.tolerance.auc_loss is None
    assert quantized.tolerance.logit is None
    assert quantized.tolerance.auc_loss == 0.01
