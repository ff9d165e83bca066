"""Prediction: the forward pass alone, a folder of pictures from command to table, and one series to its verdict."""

import csv
import functools
import itertools
import statistics

import pytest

from benchmarks import pictures
from benchmarks.children import Child, seconds_of
from benchmarks.measuring import interleave, paired_ratios
from benchmarks.settings import as_the_commands_start, as_the_slides_start

SLIDES, OWN = "slides", "ours, onnxruntime"
COMMAND = "contrast_tfdata.predict"


@pytest.fixture(scope="module")
def figures(outcome):
    """The three figures, as one section."""
    section: dict = {}
    yield section
    if section.keys() == {"images_per_second", "files", "first_verdict"}:
        outcome.add("prediction", section)


def test_prediction_is_faster_than_the_slides(figures, sizes):
    with Child("benchmarks.workloads.prediction", as_the_commands_start().environment) as child:
        child.call("build_slides", name=SLIDES, batch=sizes.batch)
        child.call("build_own", name=OWN, batch=sizes.batch)
        variants = {name: functools.partial(child.call, "images_per_second", name=name) for name in (SLIDES, OWN)}
        rates = interleave(variants, sizes.rounds, warm_up=1)
    figures["images_per_second"] = rates
    assert sizes.smoke or statistics.median(rates[OWN]) > statistics.median(rates[SLIDES])


def test_a_folder_is_scored_faster_than_by_the_slides(figures, sizes, picture_tree, tmp_path):
    tables = (tmp_path / f"{number}.csv" for number in itertools.count())

    def own():
        return seconds_of(COMMAND, str(picture_tree), f"--output={next(tables)}")

    def slides():
        module = "benchmarks.workloads.slides_prediction"
        return seconds_of(module, str(picture_tree), environment=as_the_slides_start().environment)

    seconds = interleave({SLIDES: slides, "ours": own}, sizes.slow_rounds)
    figures["files"] = {"count": sizes.images, "seconds": seconds}
    with (tmp_path / "0.csv").open(newline="") as stream:
        assert len(list(csv.reader(stream))) == 1 + sizes.images
    assert sizes.smoke or statistics.median(paired_ratios(seconds[SLIDES], seconds["ours"])) > 1


def test_a_series_has_its_verdict(figures, sizes, tmp_path):
    folder = tmp_path / "series"
    pictures.write_series(folder, sizes.series_files)
    seconds = [
        seconds_of(COMMAND, str(folder), f"--output={tmp_path / f'{number}.csv'}") for number in range(sizes.rounds)
    ]
    figures["first_verdict"] = {"files": sizes.series_files, "seconds": seconds}
    with (tmp_path / "0.series.csv").open(newline="") as stream:
        [row] = csv.DictReader(stream)
    assert row["verdict"] in {"no_gad", "with_gad", "indeterminate"}
