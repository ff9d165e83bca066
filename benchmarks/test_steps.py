"""The step of this project, of the slides' code and of peers; peak memory; share of what the machine can do."""

import functools
import statistics

import pytest

from benchmarks import machine, targets, versus

CPUS = ("as_is", "avx2")


@pytest.fixture(scope="module")
def compare(outcome, picture_tree, records, sizes, torch_python):
    """Measures on this CPU as it is, or as if it had no AVX-512; each once, both as one section."""
    section: dict = {}

    @functools.cache
    def measure(cpu):
        if cpu == "avx2" and not machine.has_avx512():
            pytest.skip("this CPU has no AVX-512 to do without")
        comparison = versus.Comparison(
            picture_tree,
            records,
            sizes.batch,
            sizes.largest_product,
            avx2=cpu == "avx2",
            bfloat16=cpu == "as_is" and (sizes.slow_variants or versus.native_bfloat16()),
            torch_python=torch_python,
        )
        section[cpu] = versus.compare_steps(comparison, rounds=sizes.rounds)
        return section[cpu]

    yield measure
    if "as_is" in section:
        outcome.add("steps", section)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("code", [versus.SLIDES, versus.KERAS, versus.TORCH])
def test_step_is_faster_than_another_codes_best(cpu, code, compare, sizes):
    found = compare(cpu)
    best = targets.best_of(found, code)
    if best is None:
        pytest.skip(versus.NO_TORCH)
    assert sizes.smoke or statistics.median(targets.step_ratio(found, best)) > 1


@pytest.mark.parametrize("cpu", CPUS)
def test_training_takes_less_memory_than_the_slides(cpu, compare, sizes):
    memory = compare(cpu)["memory"]
    assert sizes.smoke or memory[versus.OWN]["peak"] < memory[versus.SLIDES]["peak"]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_is_faster_than_the_machine(cpu, precision, compare):
    share = targets.roofline_share(compare(cpu), precision)
    if share is None:
        pytest.skip(f"no step was measured in {precision} here")
    assert 0 < share <= 1, "what the machine can do at most was measured wrongly"
