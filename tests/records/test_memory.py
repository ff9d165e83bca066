"""Memory of a conversion's own process by the number of files."""

import subprocess
import sys

import numpy as np
import pytest
from child_memory import PEAK
from png_files import png_bytes

FEW, MANY = 2000, 5000  # Few, too, are more than what is compared at a time: its memory does not grow with the files.

PLANNING = (
    PEAK
    + """
import sys
from pathlib import Path
import numpy as np
from contrast_tfdata.patients import look_alikes, plan
from contrast_tfdata.intake import sources
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.intake.workers import Workers

tree, folder, regex = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] or None
found = sources.from_class_folders(tree, split=None, group_regex=regex, max_bytes=1 << 29)
with Workers(1) as pool:
    planned = plan.make_plan(found, PlanOptions(), pool, lambda *_: None, folder, skip_bad_images=False)
random = np.random.default_rng(0)
with look_alikes.comparing(planned, folder) as thumbnails:
    for unit in [unit for units in planned.units.values() for unit in units]:
        thumbnails.add(unit, random.integers(0, 256, (48, 48), np.uint8) if thumbnails.wanted else None)
print(sum(map(len, planned.units.values())), peak())
"""
)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A folder of few pictures and one of many: half of a class in one folder, half in one for each patient."""
    folder = tmp_path_factory.mktemp("trees")
    pixels = np.random.default_rng(0)
    for count in (FEW, MANY):
        for number in range(count):
            label, patient = ("no_gad", "with_gad")[number % 2], f"p{number // 20:06d}"
            place = folder / str(count) / label / (f"site/{patient}" if number % 4 < 2 else "")
            place.mkdir(parents=True, exist_ok=True)
            picture = png_bytes(pixels.integers(0, 256, (16, 16), np.uint8))
            (place / f"{patient}_{number:07d}.png").write_bytes(picture)
    return folder


def planned_and_peak(tree, folder, regex):
    command = [sys.executable, "-c", PLANNING, str(tree), str(folder), regex]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("regex", "most_bytes"), [("/(p[0-9]+)_[^/]*$", 1500), ("", 2200)], ids=["patients known", "unknown"]
)
def test_a_file_takes_little_memory(trees, tmp_path, regex, most_bytes):
    """Not more than its path and what is known of it: no pixels, and no thumbnail, whenever it is made."""
    few, peak_of_few = planned_and_peak(trees / str(FEW), tmp_path, regex)
    many, peak_of_many = planned_and_peak(trees / str(MANY), tmp_path, regex)
    assert (few, many) == (FEW, MANY)
    assert (peak_of_many - peak_of_few) * 1024 < most_bytes * (MANY - FEW)
