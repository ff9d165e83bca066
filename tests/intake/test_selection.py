from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import UsageError
from contrast_tfdata.intake.selection import SliceSelection


@pytest.mark.parametrize(
    ("num_slices", "expected"), [(1, [0]), (2, [0, 1]), (3, [1]), (4, [1, 2]), (6, [2, 3]), (9, [3, 4, 5])]
)
def test_the_middle_third_of_few_slices(num_slices, expected):
    assert list(SliceSelection().indices(num_slices)) == expected


@given(
    num_slices=st.integers(1, 2000),
    bounds=st.lists(st.fractions(0, 1, max_denominator=50), min_size=2, max_size=2, unique=True).map(sorted),
    step=st.integers(1, 9),
)
def test_indices_are_never_empty_and_cover_the_range(num_slices, bounds, step):
    indices = SliceSelection(tuple(bounds), step).indices(num_slices)
    assert len(indices) > 0
    assert 0 <= indices[0] <= num_slices * bounds[0]
    assert indices[-1] < num_slices
    assert indices.stop >= num_slices * bounds[1]
    assert indices.step == step


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("1/3,2/3", (Fraction(1, 3), Fraction(2, 3))), ("0.3, 0.7", (Fraction(3, 10), Fraction(7, 10))), ("0,1", (0, 1))],
)
def test_parse(text, bounds):
    assert SliceSelection.parse(text) == SliceSelection(bounds)


@pytest.mark.parametrize(
    "text", ["", "1/3", "a,b", "1/0,1", "0.7,0.3", "0.5,0.5", "-0.1,0.5", "0.5,1.1", "0,0.5,1", "nan,1"]
)
def test_bad_ranges_are_named(text):
    with pytest.raises(UsageError, match="Received: slice_range="):
        SliceSelection.parse(text)


@pytest.mark.parametrize("step", [0, -1, 1.5, True])
def test_bad_steps_are_named(step):
    with pytest.raises(UsageError, match=f"Received: slice_step={step}"):
        SliceSelection(slice_step=step)
