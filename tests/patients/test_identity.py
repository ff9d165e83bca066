"""Paths without the patients that they name."""

import itertools
import re
import unicodedata

import pytest
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
    st.lists(st.text("aAbB01/_ü\u200b ", min_size=1, max_size=8), unique=True, max_size=20),
    st.text("aAb0ü\u200b ", min_size=1, max_size=3),
)
def test_different_files_keep_different_names(paths, patient):
    hidden = [hide_patient(path, patient, b"key") for path in paths]
    assert len(set(hidden)) == len(paths)


@pytest.mark.parametrize("written", ["An\u200bna\u00adM", "\ufeffAnnaM", "Anna\u2060M\u200e", "annam", "A\x01nnaM"])
@pytest.mark.parametrize("named", ["AnnaM", "Anna\u200bM", " AnnaM\u00a0"])
def test_characters_that_cannot_be_seen_hide_no_patient(written, named):
    hidden = hide_patient(f"no_gad/{written}_1.png", named, b"key")
    assert not re.search("a.*nna", hidden, re.IGNORECASE)
    assert hidden.endswith("_1.png")
    assert hide_patient("no_gad/AnnaM_1.png", named, b"key") == f"no_gad/{hashed('AnnaM')}_1.png"


@pytest.mark.parametrize("blank", [" ", "  ", "\u00a0", "\u2009", " \u200b"], ids=ascii)
def test_other_blanks_hide_no_patient(blank):
    assert "Anna" not in hide_patient(f"a/Anna{blank}Meier/1.png", "Anna Meier", b"key")
    assert "Anna" not in hide_patient("a/Anna Meier/1.png", f"Anna{blank}Meier", b"key")


def test_a_patient_of_whom_nothing_is_seen_is_nowhere():
    assert hide_patient("a/b.png", "\u3164", b"key", also=["\u200b"]) == "a/b.png"


@pytest.mark.parametrize("name", ["Mülö", "Nguyễn Ậu", "한지민", "Ådne"])
def test_a_name_in_a_mixture_of_forms_is_hidden(name):
    """As two programs after each other leave it: some letters in one piece, marks of others apart, and in any order."""
    letters = [{each, *(unicodedata.normalize(form, each) for form in ("NFC", "NFD"))} for each in name]
    letters = [each | {text[0] + text[:0:-1] for text in each} for each in letters]
    for written in map("".join, itertools.islice(itertools.product(*letters), 200)):
        if unicodedata.normalize("NFC", written) == name:
            assert hide_patient(f"a/{written}_1.png", name, b"key") == f"a/{hashed(written)}_1.png"
