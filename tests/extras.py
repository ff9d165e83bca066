"""Marks of tests that need what is not there for every Python."""

from importlib.util import find_spec

import pytest

NEEDS_ONNX = pytest.mark.skipif(find_spec("tf2onnx") is None, reason="no tf2onnx for this version of TensorFlow")
