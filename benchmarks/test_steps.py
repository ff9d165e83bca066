"""The step of the slides' code, of this project and of PyTorch; peak memory; share of what the machine can do."""

import statistics

import pytest

from benchmarks import machine, targets, versus


@pytest.fixture(scope="module")
def comparisons(outcome):
    """Both comparisons, as one section."""
    section: dict = {}
    yield section
    if "as_is" in section:
        outcome.add("steps", section)


@pytest.mark.parametrize("cpu", ["as_is", "avx2"])
def test_step_is_faster_than_the_slides(cpu, comparisons, picture_tree, records, sizes, torch_python):
    if cpu == "avx2" and not machine.has_avx512():
        pytest.skip("this CPU has no AVX-512 to do without")
    found = versus.compare_steps(
        pictures=picture_tree, records=records, rounds=sizes.rounds, avx2=cpu == "avx2", torch_python=torch_python
    )
    comparisons[cpu] = found
    assert statistics.median(targets.step_ratio(found, versus.SLIDES)) > 1
    assert found["memory"][versus.OWN]["peak"] < found["memory"][versus.SLIDES]["peak"]


def test_step_is_faster_than_pytorch(comparisons):
    if "as_is" not in comparisons:
        pytest.skip("the comparison of steps did not run")
    ratios = targets.step_ratio(comparisons["as_is"], versus.TORCH)
    if ratios is None:
        pytest.skip(versus.NO_TORCH)
    assert statistics.median(ratios) > 1
