import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring import Spread, growth_exponent, interleave, paired_ratios

SECONDS = st.floats(1e-6, 1e6)


@given(st.lists(SECONDS, min_size=1, max_size=30))
def test_spread_is_numpys(values):
    found = Spread.of(values)
    quartiles = np.percentile(values, [25, 50, 75])
    np.testing.assert_allclose([found.lower, found.median, found.upper], quartiles, rtol=1e-12)
    assert (found.least, found.most, found.count) == (min(values), max(values), len(values))


def test_an_empty_sample_is_refused():
    with pytest.raises(ValueError, match=r"Received: values=\[\]"):
        Spread.of([])


def test_ratios_are_of_the_same_round():
    # Everything slowed down twofold in the second round: the ratios must not show it.
    assert paired_ratios([3.0, 6.0], [1.0, 2.0]) == [3.0, 3.0]


def test_ratios_of_unequal_rounds_stop_at_the_shorter():
    assert paired_ratios([4.0, 6.0, 9.0], [2.0, 2.0]) == [2.0, 3.0]


def test_ratios_need_a_common_round():
    with pytest.raises(ValueError, match="0 and 1 rounds"):
        paired_ratios([], [1.0])


def recorded(names):
    calls = []

    def variant(name):
        def call():
            calls.append(name)
            return calls.count(name)

        return call

    return calls, {name: variant(name) for name in names}


def test_variants_take_turns_and_each_goes_first():
    calls, variants = recorded("abc")
    results = interleave(variants, 3)
    assert "".join(calls) == "abc" + "bca" + "cab"
    assert results == {"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3]}


def test_warm_up_is_not_kept():
    calls, variants = recorded("ab")
    assert interleave(variants, 2, warm_up=2) == {"a": [3, 4], "b": [3, 4]}
    assert calls[:4] == ["a", "a", "b", "b"]


def test_slow_variants_drop_out():
    calls, variants = recorded("ab")
    assert interleave(variants, {"a": 3, "b": 1}) == {"a": [1, 2, 3], "b": [1]}
    assert "".join(calls) == "abaa"


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5])
def test_growth_of_a_power_is_its_exponent(exponent):
    sizes = [64, 256, 1024]
    assert growth_exponent(sizes, [0.3 * size**exponent for size in sizes]) == pytest.approx(exponent, abs=1e-9)
