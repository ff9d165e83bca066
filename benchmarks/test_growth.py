"""Four and sixteen times the data: time must grow with it and no faster; memory not at all, unless it is the cache."""

import os
import shutil

import pytest

from benchmarks import pictures
from benchmarks.children import Child
from benchmarks.measuring import growth_exponent
from benchmarks.settings import as_the_commands_start

FACTORS = (1, 4, 16)
EPOCHS = 3
CACHES = ("memory", "disk", "none")
LINEAR = 1.25
"""Largest exponent of time over data that counts as linear: 16 times the data may take 32 times as long."""

FLAT = 0.25
"""Largest exponent of memory over data that counts as flat: 16 times the data may take twice the memory."""
SHARD_IMAGES = 800
SHARDS = 2
"""Of the smallest data: somewhat more slices than are shuffled together, beyond which memory is promised to be flat."""


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
def shards(tmp_path_factory):
    """Folders of records by factor, made without pictures: these would take minutes."""
    root = tmp_path_factory.mktemp("shards")
    folders = {factor: root / f"records{factor}" for factor in FACTORS}
    with Child("benchmarks.workloads.inputs", as_the_commands_start().environment) as child:
        for factor, folder in folders.items():
            child.call("write_records", output=str(folder), num_shards=SHARDS * factor, shard_images=SHARD_IMAGES)
    return folders


@pytest.fixture(scope="module")
def rows(grown, shards, outcome, tmp_path_factory):
    """One row for each kind of work and factor."""
    found = [
        {"what": "conversion", "factor": factor, "images": each["made"]["images"],
         "seconds": each["made"]["seconds"], "bytes": each["bytes"]}
        for factor, each in grown.items()
    ]  # fmt: skip
    for cache in CACHES:
        for factor, records in shards.items():
            folder = tmp_path_factory.mktemp("cache")
            found.append({"what": f"input, cache {cache}", "factor": factor, **_read(records, cache, folder)})
            shutil.rmtree(folder)  # as large as the data
    outcome.add("growth", {"rows": found})
    return found


@pytest.mark.parametrize("what", ["conversion", *(f"input, cache {cache}" for cache in CACHES)])
def test_time_grows_no_faster_than_the_data(what, rows):
    images, seconds = zip(*((row["images"], row["seconds"]) for row in rows if row["what"] == what), strict=True)
    assert growth_exponent(images, seconds) < LINEAR


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_memory_does_not_grow_with_the_data(cache, rows):
    images, held = zip(
        *((row["images"], row["bytes"]) for row in rows if row["what"] == f"input, cache {cache}"), strict=True
    )
    assert growth_exponent(images, held) < FLAT


def _read(records, cache, folder) -> dict:
    """Returns images, seconds of all epochs, and the peak above what the process had before."""
    with Child("benchmarks.workloads.inputs", as_the_commands_start().environment) as child:
        idle = child.call("memory")["now"]
        read = child.call("own", records=str(records), cache=cache, cache_dir=str(folder), epochs=EPOCHS)
        return {
            "images": read["images"],
            "seconds": sum(read["seconds"]),
            "bytes": child.call("memory")["peak"] - idle,
        }
