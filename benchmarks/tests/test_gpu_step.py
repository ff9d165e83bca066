"""The dumped step: that JAX can take it up where TensorFlow is not."""

import re
from types import SimpleNamespace

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


def test_kernels_are_added_up_and_time_counts_once():
    def event(name, operation, start, duration):
        return SimpleNamespace(name=name, stats=[("hlo_op", operation)], start_ns=start, duration_ns=duration)

    def line(name, *events):
        return SimpleNamespace(name=name, events=events)

    gpu = [
        line("Stream #1", event("k", "conv", 0, 3000), event("k", "conv", 10_000, 5000)),
        line("Stream #2", event("l", "add", 2000, 2000)),  # 1000 of them beside the first
        line("XLA Ops", event("conv", "conv", 0, 90_000)),
    ]
    planes = [SimpleNamespace(name="/device:GPU:0", lines=gpu), SimpleNamespace(name="/host:CPU", lines=gpu)]
    assert gpu_step._kernels(SimpleNamespace(planes=planes), steps=2) == {
        "busy": 0.0045,
        "kernels": [
            {"us": 4.0, "launches": 1.0, "operation": "conv", "kernel": "k"},
            {"us": 1.0, "launches": 0.5, "operation": "add", "kernel": "l"},
        ],
    }
