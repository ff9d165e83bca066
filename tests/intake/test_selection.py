from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import UsageError
from contrast_tfdata.images.slices import FileFacts
from contrast_tfdata.intake.selection import SliceSelection, choose_slices, series_key


def slice_of(series: str | None, position: float | None) -> FileFacts:
    return FileFacts(b"0" * 32, "dicom", 1, series_uid=series, position=position)


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


def places_of(facts):
    """Returns each file's slice index where all slices are used."""
    chosen = choose_slices(facts, SliceSelection((Fraction(0), Fraction(1))))
    return {path: index for path, (index,) in chosen.items()}


def test_series_is_ordered_by_position_then_path():
    facts = {
        "d": slice_of("one", None),
        "c": slice_of("one", -4.0),
        "b": slice_of("one", 10.5),
        "a": slice_of("one", 10.5),
        "x": slice_of("two", 3.0),
        "picture": FileFacts(b"1" * 32, "png", 1),
        "lonely": slice_of(None, 7.0),
    }
    expected = {"c": 0, "a": 1, "b": 2, "d": 3, "x": 0, "picture": 0, "lonely": 0}
    assert places_of(facts) == expected
    assert places_of(dict(reversed(facts.items()))) == expected


def test_one_series_number_for_everybody_joins_neither_patients_nor_studies():
    """As anonymisers write it; a placeholder, or none, tells nobody apart."""
    whose = [("P1", "1"), ("P2", "1"), ("P2", "2"), ("ANON", "3"), ("0", "4")]
    facts = {
        f"{number}/{place}": FileFacts(b"0", "dicom", 1, 1, patient, study, "one", float(place))
        for number, (patient, study) in enumerate(whose)
        for place in range(3)
    }
    chosen = choose_slices(facts, SliceSelection())
    assert [path for path, indices in chosen.items() if indices] == [f"{number}/1" for number in range(5)]
    assert places_of(facts) == {path: int(path[-1]) for path in facts}


def test_placeholders_of_several_kinds_are_one_series():
    ids = ("ANON", "0", None)
    facts = {
        f"{place}": FileFacts(b"0", "dicom", 1, 1, patient, "1", "one", float(place))
        for place, patient in enumerate(ids)
    }
    assert places_of(facts) == {"0": 0, "1": 1, "2": 2}
    assert len({series_key(each) for each in facts.values()}) == 1
    assert series_key(FileFacts(b"0", "png", 1)) is None


def test_choosing_treats_a_series_like_a_volume():
    series = {f"slice{place}": slice_of("one", float(-place)) for place in range(9)}
    others = {"volume": FileFacts(b"2" * 32, "nifti", 1, num_slices=9), "picture": FileFacts(b"1" * 32, "jpeg", 1)}
    chosen = choose_slices({**series, **others}, SliceSelection())
    assert chosen["volume"] == [3, 4, 5]
    assert chosen["picture"] == [0]
    assert sorted(index for path in series for index in chosen[path]) == [3, 4, 5]
    assert chosen["slice8"] == []  # Position -8 is the first of the series.
    assert chosen["slice4"] == [4]
