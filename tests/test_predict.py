"""`predict` as a user runs it on files of a clinic: what it says about them, and what it must not say."""

import subprocess
import sys

import pytest
from image_files import dicom_bytes

SECRET = "Secret^1"
"""As long as the UID that it takes the place of, and no UID: pydicom quotes such a value when it complains."""


def predict(*arguments):
    """Runs `predict` with the weights of the package in a process of its own."""
    words = [sys.executable, "-m", "contrast_tfdata.predict", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False)


@pytest.mark.slow
def test_fault_28_no_value_that_pydicom_complains_of_is_printed(tmp_path):
    (tmp_path / "a.dcm").write_bytes(dicom_bytes(SeriesInstanceUID="1.2.333").replace(b"1.2.333\0", SECRET.encode()))
    result = predict(tmp_path / "a.dcm")  # One file is read in the process itself, where absl prints what is logged.
    assert result.returncode == 0, result.stderr
    assert b"1 slices in 1 series" in result.stdout
    assert result.stderr == b""
    assert SECRET.encode() not in result.stdout
