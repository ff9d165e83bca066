"""Conversion: one picture of each format on one core, and the whole folder with one worker and with two."""

import functools
import itertools

import pytest

from benchmarks import pictures
from benchmarks.children import Child
from benchmarks.measuring import interleave
from benchmarks.settings import as_the_commands_start
from contrast_tfdata.images import reading
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.records import manifest as manifests

SAMPLES = 12
WORKERS = (1, 2)


@pytest.fixture(scope="module")
def figures(outcome):
    """The formats' and the workers' figures, as one section."""
    section: dict = {"formats": {}, "workers": {}}
    yield section
    if section["formats"].keys() == set(pictures.FORMATS) and section["workers"]:
        outcome.add("conversion", section)


@pytest.mark.parametrize("image_format", pictures.FORMATS)
def test_picture_becomes_a_slice(image_format, benchmark, figures, sizes):
    files = itertools.cycle(pictures.samples(image_format, SAMPLES))
    preprocess = Preprocessing()

    def convert(data):
        return preprocess(reading.read(data, reading.scan(data), [0])[0])

    pixels = benchmark.pedantic(
        convert, setup=lambda: ((next(files),), {}), rounds=SAMPLES * sizes.rounds, warmup_rounds=SAMPLES
    )
    figures["formats"][image_format] = {"seconds": list(benchmark.stats.stats.data)}
    assert pixels.shape == (331, 331)
    assert pixels.any()


def test_two_workers_make_the_same_records_as_one(picture_tree, figures, tmp_path, sizes):
    outputs = (tmp_path / str(number) for number in itertools.count())
    with Child("benchmarks.workloads.conversion", as_the_commands_start().environment) as child:

        def make_records(workers):
            output = str(next(outputs))
            return child.call("make_records", pictures=str(picture_tree), output=output, workers=workers)

        variants = {str(workers): functools.partial(make_records, workers) for workers in WORKERS}
        figures["workers"] = interleave(variants, sizes.slow_rounds)
    assert len({manifests.load(folder).fingerprint for folder in tmp_path.iterdir()}) == 1
