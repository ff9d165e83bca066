"""Paths without the patients that they name."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.patients.identity import group_key, hide_patient


def hashed(text):
    return group_key(f"patient:{text}", b"key")


def test_every_way_of_writing_a_patient_is_hidden():
    composed, decomposed = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    path = f"no_gad/{composed}/{decomposed}_MÜLLER.2.png"
    expected = f"no_gad/{hashed(composed)}/{hashed(decomposed)}_{hashed('MÜLLER')}.2.png"
    assert hide_patient(path, composed, b"key") == expected
    assert hide_patient("a/b.c/1.png", "b.c", b"key") == f"a/{hashed('b.c')}/1.png"
    assert hide_patient("a/bxc/1.png", "b.c", b"key") == "a/bxc/1.png"


def test_further_names_are_hidden_at_the_same_time():
    """Not one after the other: the second name may occur in the hash of the first."""
    path = "no_gad/MRN70/subject-0/mrn7_7.dcm"
    expected = f"no_gad/{hashed('MRN7')}0/{hashed('subject-0')}/{hashed('mrn7')}_{hashed('7')}.dcm"
    assert hide_patient(path, "subject-0", b"key", also=["7", "MRN7"]) == expected
    assert hide_patient(path, "nobody", b"key", also=[]) == path


def test_bytes_that_are_no_text_are_hidden_too():
    patient = b"M\xfcller".decode("utf-8", "surrogateescape")
    assert hide_patient(f"no_gad/{patient}.png", patient, b"key") == f"no_gad/{hashed(patient)}.png"


@given(
    st.lists(st.text("aAbB01/_ü", min_size=1, max_size=8), unique=True, max_size=20),
    st.text("aAb0ü", min_size=1, max_size=3),
)
def test_different_files_keep_different_names(paths, patient):
    hidden = [hide_patient(path, patient, b"key") for path in paths]
    assert len(set(hidden)) == len(paths)
