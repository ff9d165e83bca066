"""The dumped step: that JAX can take it up where TensorFlow is not."""

import re

import pytest

from benchmarks import gpu_step


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_jax_can_take_up_the_dumped_step(precision):
    text = gpu_step._step_hlo(precision, batch=2)
    assert text.startswith("HloModule")
    assert "input_output_alias" not in text
    # As an operation; names of values may well say copy.
    assert not re.search(r"= \S+ copy\(", text)
    assert re.search(r"= u8\[2,331,331\]\S* parameter\(0\)", text)
    assert text.count(" convolution(") >= 17  # 6 forward, 5 to their inputs, 6 to their kernels
