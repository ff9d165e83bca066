import json
import os
import subprocess
import sys
from pathlib import Path

import fuzz_images
import pytest

SECONDS, MEBIBYTES = 2, 512


@pytest.mark.slow
def test_damaged_files_are_read_or_rejected(tmp_path):
    # For a longer search: `make fuzz`, or FUZZ_EXAMPLES=1000000.
    count, journal = int(os.environ.get("FUZZ_EXAMPLES", "2000")), tmp_path / "journal"
    script = Path(fuzz_images.__file__)
    paths = os.pathsep.join([str(script.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(script), str(count), str(journal)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"at {journal.read_text()}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert found["slowest"][0] < SECONDS, found["slowest"]
    assert found["peak_mib"] < MEBIBYTES
    assert sum(sum(codes.values()) for codes in found["outcomes"].values()) == count
    for name, codes in found["outcomes"].items():
        assert "more than one line" not in codes, name
        rejected = sum(codes.values()) - codes.get("read", 0)
        assert rejected > sum(codes.values()) // 10, (name, codes)  # The damage reaches the checks of every format.
