"""Input pipelines alone, each in a process of its own: images a second and milliseconds a batch."""

import pytest

from benchmarks import targets
from benchmarks.children import Child
from benchmarks.settings import as_the_commands_start

MODULE = "benchmarks.workloads.inputs"
CACHES = {"ours, cached": "memory", "ours, cached on disk": "disk", "ours, not cached": "none"}
COLD = 1.05
"""Most that the first epoch may take of what a later one does, input alone counted: its program is built before."""


@pytest.fixture(scope="module")
def pipelines(outcome, picture_tree, records, sizes, tmp_path_factory):
    """Every pipeline's epochs, the first one cold."""
    environment, options = as_the_commands_start().environment, {"batch": sizes.batch}
    found = {}
    for name, cache in CACHES.items():
        folder = str(tmp_path_factory.mktemp("cache"))
        with Child(MODULE, environment) as child:
            found[name] = child.call(
                "own", records=str(records), cache=cache, cache_dir=folder, epochs=max(2, sizes.rounds), **options
            )
    for name, function in (
        ("ImageDataGenerator", "image_data_generator"),
        ("image_dataset_from_directory", "image_dataset_from_directory"),
    ):
        with Child(MODULE, environment) as child:
            found[name] = child.call(function, pictures=str(picture_tree), epochs=2, **options)
    outcome.add("input", found)
    return found


@pytest.mark.parametrize("own", CACHES)
@pytest.mark.parametrize("theirs", ["ImageDataGenerator", "image_dataset_from_directory"])
def test_own_input_is_faster(own, theirs, pipelines, sizes):
    assert sizes.smoke or targets.images_per_second(pipelines[own]) > targets.images_per_second(pipelines[theirs])


def test_first_epoch_is_fed_like_a_later_one(records, outcome, sizes):
    with Child(MODULE, as_the_commands_start().environment) as child:
        found = child.call("cold_and_warm", records=str(records), batch=sizes.batch)
    outcome.add("cold input", found)
    assert sizes.smoke or targets.cold_ratio(found) < COLD
