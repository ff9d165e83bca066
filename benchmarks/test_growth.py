"""Four and sixteen times the data: time must grow with it and no faster; memory not at all, unless it is the cache."""

import os
import shutil

import pytest

from benchmarks import pictures
from benchmarks.children import Child, seconds_of
from benchmarks.measuring import growth_exponent
from benchmarks.settings import as_the_commands_start
from contrast_tfdata.model.architecture import IMAGE_SIZE

FACTORS, RECORD_FACTORS = (1, 4, 16), (1, 3, 9)
EPOCHS = 3
CACHES = ("memory", "disk", "none")
LINEAR = 1.25
"""Largest exponent of time over data that counts as linear: 16 times the data may take 32 times as long."""

FLAT = 0.25
"""Largest exponent of memory over data that counts as flat: 16 times the data may take twice the memory."""
RECORD_FLAGS = (
    "--group_regex=/([a-z_]+[0-9]+)_", "--slice_range=0,1", "--intensity=stored", "--validation_fraction=0",
    "--test_fraction=0",
)  # fmt: skip
"""Every slice of every volume becomes a record, as it is."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory, sizes):
    """What the conversion of pictures took, by factor."""
    root = tmp_path_factory.mktemp("growth")
    found = {}
    for factor in FACTORS:
        source, records = root / f"pictures{factor}", root / f"records{factor}"
        pictures.write_tree(source, factor * sizes.growth_images)
        with Child("benchmarks.workloads.conversion", as_the_commands_start().environment) as child:
            idle = child.call("memory")["now"]
            made = child.call("make_records", pictures=str(source), output=str(records), workers=os.cpu_count())
            found[factor] = {"made": made, "bytes": child.call("memory")["peak"] - idle}
    return found


@pytest.fixture(scope="module")
def grown_records(tmp_path_factory, sizes):
    """Folders of records by factor, of volumes of noise: as many pictures would take minutes to convert."""
    root = tmp_path_factory.mktemp("volumes")
    folders = {}
    for factor in RECORD_FACTORS:
        source, folders[factor] = root / f"volumes{factor}", root / f"records{factor}"
        pictures.write_volumes(source, factor * sizes.growth_slices, IMAGE_SIZE)
        seconds_of(
            "contrast_tfdata.make_records", f"--train_dir={source}", f"--output_dir={folders[factor]}", *RECORD_FLAGS
        )
        shutil.rmtree(source)
    return folders


@pytest.fixture(scope="module")
def rows(grown, grown_records, outcome, tmp_path_factory, sizes):
    """One row for each kind of work and factor."""
    found = [
        {"what": "conversion", "factor": factor, "images": each["made"]["images"],
         "seconds": each["made"]["seconds"], "bytes": each["bytes"]}
        for factor, each in grown.items()
    ]  # fmt: skip
    for cache in CACHES:
        for factor, records in grown_records.items():
            folder = tmp_path_factory.mktemp("cache")
            found.append(
                {"what": f"input, cache {cache}", "factor": factor, **_read(records, cache, folder, sizes.batch)}
            )
            shutil.rmtree(folder)  # as large as the data
    outcome.add("growth", {"rows": found})
    return found


@pytest.mark.parametrize("what", ["conversion", *(f"input, cache {cache}" for cache in CACHES)])
def test_time_grows_no_faster_than_the_data(what, rows, sizes):
    images, seconds = zip(*((row["images"], row["seconds"]) for row in rows if row["what"] == what), strict=True)
    assert sizes.smoke or growth_exponent(images, seconds) < LINEAR


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_memory_does_not_grow_with_the_data(cache, rows, sizes):
    images, held = zip(
        *((row["images"], row["bytes"]) for row in rows if row["what"] == f"input, cache {cache}"), strict=True
    )
    assert sizes.smoke or growth_exponent(images, held) < FLAT


def _read(records, cache, folder, batch) -> dict:
    """Returns images, seconds of all epochs, and the peak above what the process had before."""
    with Child("benchmarks.workloads.inputs", as_the_commands_start().environment) as child:
        idle = child.call("memory")["now"]
        read = child.call("own", records=str(records), cache=cache, cache_dir=str(folder), epochs=EPOCHS, batch=batch)
        return {
            "images": read["images"],
            "seconds": sum(read["seconds"]),
            "bytes": child.call("memory")["peak"] - idle,
        }
