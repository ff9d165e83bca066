"""The forward pass, images decoded: the slides' `predict` and this project's, interleaved in one process."""

import functools
import statistics

from benchmarks.children import Child
from benchmarks.measuring import interleave
from benchmarks.settings import as_the_commands_start

SLIDES, OWN, AUTO = "slides", "ours, float32", "ours, auto"


def test_prediction_is_faster_than_the_slides(outcome, sizes):
    with Child("benchmarks.workloads.prediction", as_the_commands_start().environment) as child:
        child.call("build_slides", name=SLIDES)
        child.call("build_own", name=OWN, precision="float32", jit_compile="false")
        child.call("build_own", name=AUTO, precision="auto", jit_compile="auto")
        variants = {name: functools.partial(child.call, "images_per_second", name=name) for name in (SLIDES, OWN, AUTO)}
        rates = interleave(variants, sizes.rounds, warm_up=1)
    outcome.add("prediction", {"images_per_second": rates})
    assert statistics.median(rates[OWN]) > statistics.median(rates[SLIDES])
