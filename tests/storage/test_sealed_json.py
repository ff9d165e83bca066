"""JSON that holds its own digest: every edit shows, and nothing else does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.storage import sealed_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(min_size=1), VALUES, max_size=4).map(lambda each: {**each, "format_version": 2})


@given(OBJECTS)
def test_what_was_sealed_comes_back_from_a_file_as_it_was(content):
    read = json.loads(json.dumps(sealed_json.sealed(content), indent=2))
    assert not sealed_json.was_changed(read)
    assert {key: value for key, value in read.items() if key != sealed_json.KEY} == content


@given(OBJECTS, st.text(), VALUES)
def test_another_value_shows(content, key, value):
    changed = {**sealed_json.sealed(content), key: value}
    is_same = json.dumps(changed.get(key)) == json.dumps(sealed_json.sealed(content).get(key, "absent"))
    assert sealed_json.was_changed(changed) != is_same


@given(OBJECTS, st.randoms())
def test_a_missing_key_shows(content, random):
    changed = sealed_json.sealed(content)
    del changed[random.choice(sorted(changed))]
    if "format_version" in changed or sealed_json.KEY in changed:
        assert sealed_json.was_changed(changed)


def test_what_python_holds_otherwise_than_json_is_sealed_as_json_has_it():
    read = json.loads(json.dumps(sealed_json.sealed({"format_version": 2, "pair": (1, 2), "map": {10: "a", 9: "b"}})))
    assert not sealed_json.was_changed(read)


@pytest.mark.parametrize("content", [{}, {"format_version": 1}, {"runs": []}])
def test_what_is_from_before_there_were_seals_needs_none(content):
    assert not sealed_json.was_changed(content)


def test_no_json_is_not_sealed():
    with pytest.raises(ValueError, match="JSON"):
        sealed_json.sealed({"format_version": 2, "value": float("nan")})
