"""What a command is asked for is written, whoever reads what it shows."""

import os
import subprocess
import sys

import pytest
from png_files import write_png
from running import read_rows

COMMAND = f"{sys.executable} -m contrast_tfdata.predict pictures --output=p.csv --num_workers=1"


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        write_png(tmp_path / "pictures" / f"{number}.png", number, size=60)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("{} | true; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{} >/dev/full", 74, "error: the standard output could not be written (No space left on device)"),
        ("{} >&-", 0, ""),
        ("{} >&- 2>&- <&-", 0, ""),
        ("{} >/dev/full 2>/dev/full", 74, ""),
    ],
)
def test_tables_are_written_all_the_same(pictures, shell, code, said):
    words = ["bash", "-c", shell.format(COMMAND)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(words, cwd=pictures, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) <= 1
    assert len(read_rows(pictures / "p.csv")) == 3


@pytest.mark.slow
def test_what_is_shown_is_whole_where_it_can_be(pictures):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "ascii"}
    os.rename(pictures / "pictures" / "0.png", pictures / "pictures" / "ü.png")
    words = ["bash", "-c", COMMAND]
    result = subprocess.run(words, cwd=pictures, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "\\xfc.png" in result.stdout
    assert "predictions: p.csv" in result.stdout
