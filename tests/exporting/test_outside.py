"""The script that runs exported networks needs nothing of this package, and can get nothing of it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contrast_tfdata.exporting import outside


def test_it_imports_no_module_of_this_package():
    tree = ast.parse(Path(outside.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"json", "os", "sys", "numpy", "tensorflow", "onnxruntime"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


@pytest.mark.slow
@pytest.mark.parametrize("name", outside.BARRED)
def test_what_a_file_must_do_without_cannot_be_imported(name):
    code = f"""
import runpy, sys
outside = runpy.run_path({outside.__file__!r})
try:
    outside["main"]({name!r}, "no file", "no slices", "no answers")
except Exception:
    pass
for module in outside["BARRED"][{name!r}]:
    try:
        __import__(module)
    except ImportError:
        continue
    sys.exit(module)
"""
    assert subprocess.run([sys.executable, "-I", "-c", code], check=False, capture_output=True).returncode == 0
    assert "contrast_tfdata" in outside.BARRED[name]
    assert "keras" in outside.BARRED[name]


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 38, 39])
def test_every_slice_is_run_once_and_in_order(count):
    slices = np.arange(count)
    batches = list(outside.batches(slices))
    np.testing.assert_array_equal(np.concatenate([[], *batches]), slices)
    assert [len(each) for each in batches[:2]] == [size for size in (min(count, 1), min(count - 1, 5)) if size > 0]
