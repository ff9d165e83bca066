"""Epochs of `fit` on the slides' number of files, end to end, each code in a process of its own."""

import statistics

from benchmarks.children import Child
from benchmarks.settings import as_the_commands_start, as_the_slides_start

MODULE = "benchmarks.workloads.epochs"


def test_epoch_is_faster_than_the_slides(picture_tree, records, sizes, outcome):
    options = {"epochs": sizes.epochs, "batch": sizes.batch}
    with Child(MODULE, as_the_slides_start().environment) as child:
        slides = child.call("slides", pictures=str(picture_tree), **options)
    with Child(MODULE, as_the_commands_start().environment) as child:
        own = child.call("own", records=str(records), **options)
    outcome.add("epochs", {"slides": slides, "ours": own})
    assert slides["steps"] == own["steps"], "the same files were to be trained on"
    assert sizes.smoke or statistics.median(own["seconds"]) < statistics.median(slides["seconds"])
