"""Names that look the same are one name; what stands for no name is none."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.intake.names import Folders, is_missing, one_form

INVISIBLE = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "left-to-right mark": "\u200e",
    "override of direction": "\u202e",
    "word joiner": "\u2060",
    "variation selector": "\ufe0f",
    "tag": "\U000e0041",
    "filler of Hangul": "\u3164",
    "control": "\x01",
    "delete": "\x7f",
}
BLANKS = ("  ", "\u00a0", "\u2009", "\u3000", "\t", " \u200b ", "\u2028")


@pytest.mark.parametrize("character", INVISIBLE.values(), ids=INVISIBLE)
def test_what_cannot_be_seen_makes_no_other_name(character):
    for text in (f"P{character}7", f"{character}P7", f"P7{character}", f" {character}P7{character} "):
        assert one_form(text) == "P7"
    assert one_form(f"Mu{character}\u0308ller") == "Müller"
    assert one_form(character) == ""
    assert is_missing(character)


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_blanks_are_one_blank(blank):
    assert one_form(f"{blank}Anna{blank}Meier{blank}") == "Anna Meier"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_forms_of_unicode_are_one(form):
    assert one_form(unicodedata.normalize(form, "Nguyễn Ådne")) == "Nguyễn Ådne"


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_ordinary_names_stay_as_they_are(name):
    assert one_form(name) == name


@given(st.text())
def test_one_form_is_the_form_of_itself(name):
    assert one_form(one_form(name)) == one_form(name)


@pytest.mark.parametrize("seen", ["a1 A1", "1 １", "O 0", "Anna-Meier AnnaMeier", "é e"])
def test_what_can_be_seen_tells_names_apart(seen):
    one, other = seen.split()
    assert one_form(one) != one_form(other)


MISSING = ("nan", "NaN", "None", "null", "NULL", "N/A", "NA", "#N/A", "<NA>", "NaT", "-", "?", " nan ", "n\u200ban", "")


@pytest.mark.parametrize("text", MISSING)
def test_what_programs_write_for_nothing(text):
    assert is_missing(text)


@pytest.mark.parametrize("text", ["Nana", "0", "P-1", "nan1", "Noneman", "a?", "ANON"])
def test_names_that_are_somebodys(text):
    assert not is_missing(text)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_is_found_in_any_form_of_its_folders_and_name(tmp_path, stored, asked, absolute):
    on_disk = unicodedata.normalize(stored, "Müller/Å b/ü.png")
    touch(tmp_path, on_disk, "Müller2/Å b/ü.png", "Muller/u.png")
    path = unicodedata.normalize(asked, "Müller/Å b/ü.png")
    assert Folders().alike(tmp_path, f"{tmp_path}/{path}" if absolute else path) == [tmp_path / on_disk]


@pytest.mark.parametrize("path", ["a\\b c.png", "./a/../a/b c.png", "a/b\u00a0c.png", "a/\ufeffb c.png", " a/b c.png "])
def test_other_ways_to_write_a_path(tmp_path, path):
    touch(tmp_path, "a/b c.png")
    (found,) = Folders().alike(tmp_path, path)
    assert os.path.samefile(found, tmp_path / "a" / "b c.png")


def test_all_that_a_path_may_mean_are_found_and_nothing_else(tmp_path):
    both = {unicodedata.normalize(form, "ü.png") for form in ("NFC", "NFD")}
    touch(tmp_path, *both, "Ü.PNG", "u.png", "folder.png/x")
    assert {each.name for each in Folders().alike(tmp_path, "ü.png")} == both | {"Ü.PNG"}
    for path in ("folder.png", "nowhere/ü.png", "", "x" * 5000, "ü.png/x", "\udcff.png"):
        assert Folders().alike(tmp_path, path) == []
