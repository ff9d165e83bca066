"""What is kept of a file while series are put together: an archive has 100,000 of them."""

import gc
import tracemalloc

import pytest
from image_files import dicom_bytes

from contrast_tfdata.intake import scanning, stacks
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.scoring.inputs import find_inputs

MOST_BYTES = 3000
"""A file: 0.3 GB of an archive of 100,000."""


@pytest.mark.slow
def test_three_kilobytes_a_file(tmp_path):
    number = 0
    for series in range(10):
        for position in range(30):
            place = {"ImagePositionPatient": [float(position), 0.0, 0.0], "InstanceNumber": position + 1}
            names = {"SeriesInstanceUID": f"1.2.826.{series}", "SOPInstanceUID": f"1.2.826.{series}.{position}"}
            folder = tmp_path / f"series-{series}"
            folder.mkdir(exist_ok=True)
            (folder / f"image-{position}").write_bytes(dicom_bytes(SeriesDescription="T1 SAG", **place, **names))
            number += 1
    with Workers(1) as workers:
        tracemalloc.start()
        try:
            found = find_inputs([str(tmp_path)], max_bytes=1 << 20)
            scanned, rejected = scanning.scan(list(found.units.items()), workers, lambda *stage: None)
            assembled = stacks.assemble(scanned)
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert not rejected
    assert len(scanned) == number
    assert len(assembled.stacks) == 10
    assert kept / number < MOST_BYTES
