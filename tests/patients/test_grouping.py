"""Which files share a group."""

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.images.patient_ids import is_placeholder
from contrast_tfdata.images.slices import FileFacts
from contrast_tfdata.intake.files import FileRef
from contrast_tfdata.intake.units import FileUnit
from contrast_tfdata.patients.grouping import MOST_JOINED, Name, join, name_of, patient_id_warnings, written_names
from contrast_tfdata.patients.near_duplicates import Pair

POOLS = (None, "train", "validation", "test", "development")


def files(count, known=()):
    return [Name(f"file {number:03d}", number in known) for number in range(count)]


def scanned(patient_id, study=None, group=None):
    return FileUnit(FileRef("root", "no_gad/a.dcm", 1), 0, None, group), FileFacts(
        b"0", "dicom", 1, 1, patient_id, study
    )


@pytest.mark.parametrize(
    "text",
    [
        "ANONYMOUS",
        "anon",
        "Unknown",
        "NONE",
        "N/A",
        "0",
        "000000",
        "00-00",
        "",
        " ",
        "-",
        "?",
        "X",
        "xxx",
        "No_ID",
        "^^",
    ],
)
def test_placeholders_are_nobodys_number(text):
    assert is_placeholder(text)
    assert name_of(*scanned(text, "1.2.3")) == Name("study:1.2.3", False)
    assert name_of(*scanned(text)) == Name("file:None:no_gad/a.dcm", False)


@pytest.mark.parametrize("text", ["1", "007", "ANON-0001", "P0", "X1", "Nona", "Ünal", "0-1", "10"])
def test_numbers_and_pseudonyms_are_patients(text):
    assert not is_placeholder(text)
    assert name_of(*scanned(text, "1.2.3")) == Name(f"patient:{text}", True)


def test_one_name_in_either_form_of_unicode_is_one_patient():
    composed, decomposed = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    assert composed != decomposed
    expected = Name(f"patient:{composed}", True)
    for text in (composed, decomposed):
        assert name_of(*scanned(text, "1.2.3")) == name_of(*scanned(None, group=text)) == expected


@pytest.mark.parametrize(
    "text", ["Anna\u200b Meier", "\ufeffAnna Meier", "An\u00adna Meier", "Anna\u00a0Meier", "Anna  Meier "]
)
def test_one_name_with_what_cannot_be_seen_is_one_patient(text):
    expected = Name("patient:Anna Meier", True)
    assert name_of(*scanned(text, "1.2.3")) == name_of(*scanned(None, group=text)) == expected


def test_a_patient_id_of_which_nothing_is_seen_is_nobodys():
    assert name_of(*scanned("\u3164", "1.2.3")) == Name("study:1.2.3", False)


def test_a_placeholder_in_a_table_or_path_is_what_the_user_says():
    assert name_of(*scanned("ANON", group="ANON")) == Name("patient:ANON", True)
    assert patient_id_warnings([scanned("ANON", group="ANON")]) == []


@pytest.mark.parametrize(("studies", "of_one", "warned"), [(20, 11, True), (20, 10, False), (19, 19, False)])
def test_one_number_for_most_studies_is_warned_of(studies, of_one, warned):
    found = [scanned("7" if number < of_one else f"P{number}", f"1.{number}") for number in range(studies)]
    lines = patient_id_warnings(found * 2)
    assert [f"covers {of_one} of {studies} studies" in line for line in lines] == [True] * warned


def test_look_alikes_share_a_group():
    assert join(files(5), [None] * 5, [Pair(1, 3, 0.96), Pair(3, 4, 0.99)]) == [
        "file 000", "file 001", "file 002", "file 001", "file 001",
    ]  # fmt: skip


def test_look_alikes_of_a_known_patient_become_that_patients():
    groups = join(files(4, known={2}), [None] * 4, [Pair(0, 1, 0.99), Pair(1, 2, 0.98)])
    assert groups == ["file 002", "file 002", "file 002", "file 003"]


def test_two_known_patients_stay_apart():
    names = files(3, known={0, 2})
    assert join(names, [None] * 3, [Pair(0, 1, 0.97), Pair(1, 2, 0.99)]) == ["file 000", "file 002", "file 002"]


def test_train_and_test_folder_stay_apart():
    pools = ["development", "test", "development"]
    assert join(files(3), pools, [Pair(0, 1, 0.99), Pair(0, 2, 0.96)]) == ["file 000", "file 001", "file 000"]


def test_a_chain_through_all_files_is_cut():
    """A group of everything would leave nothing to validate and test on."""
    count = 200
    groups = join(files(count), [None] * count, [Pair(i, i + 1, 0.96) for i in range(count - 1)])
    sizes = [len(list(each)) for _, each in itertools.groupby(groups)]
    assert max(sizes) == MOST_JOINED * count
    assert len(set(groups)) == len(sizes)


def test_slices_of_one_study_count_as_one_name():
    names = [Name(f"study {number // 50}", False) for number in range(500)]
    groups = join(names, [None] * 500, [Pair(0, 50, 0.97)])
    assert groups[50:100] == ["study 0"] * 50
    assert groups[100] == "study 2"


@given(
    pairs=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.95, 1)), max_size=30),
    pools=st.lists(st.sampled_from(POOLS), min_size=12, max_size=12),
    known=st.sets(st.integers(0, 11)),
    order=st.randoms(use_true_random=False),
)
def test_neither_order_nor_constraints_are_broken(pairs, pools, known, order):
    pairs = [Pair(*sorted(each[:2]), each[2]) for each in pairs if each[0] != each[1]]
    names, shuffled = files(12, known), pairs.copy()
    order.shuffle(shuffled)
    groups = join(names, pools, pairs)
    assert groups == join(names, pools, shuffled)
    for group in set(groups):
        members = [number for number in range(12) if groups[number] == group]
        assert len(known & set(members)) <= 1
        assert len({pools[number] for number in members} & {"train", "validation", "test"}) <= 1


@pytest.mark.parametrize(("count", "expected"), [(8, 1), (9, 2)])
def test_eight_names_may_be_joined_however_few_there_are(count, expected):
    """Of nine that all look alike the last one stays alone; so it is of forty, of which a fifth are eight."""
    chain = [Pair(number, number + 1, 0.96) for number in range(count - 1)]
    assert len(set(join(files(count), [None] * count, chain))) == expected
    assert len(set(join(files(44), [None] * 44, chain))) == 44 - count + expected
    assert len(set(join(files(45), [None] * 45, chain))) == 45 - count + 1


def test_the_most_alike_are_joined_first_and_of_equals_the_first_names():
    """Patient 0 and patient 3 must stay apart, and file 1 can go to one of them only."""
    names = files(4, known={0, 3})
    assert join(names, [None] * 4, [Pair(0, 1, 0.96), Pair(1, 3, 0.97)])[1] == "file 003"
    assert join(names, [None] * 4, [Pair(1, 3, 0.97), Pair(0, 1, 0.97)])[1] == "file 000"


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"patient_id": "7", "study_uid": "1.2", "series_uid": "1.3"}, Name("patient:7", True)),
        ({"study_uid": "1.2", "series_uid": "1.3"}, Name("study:1.2", False)),
        ({"series_uid": "1.3"}, Name("study:1.3", False)),
        ({}, Name("file:None:no_gad/a.dcm", False)),
    ],
)
def test_a_name_is_the_patients_else_the_studys_else_the_series_else_the_files(facts, name):
    unit = scanned(None)[0]
    assert name_of(unit, FileFacts(b"0", "dicom", 1, **facts)) == name


def test_names_as_they_were_written():
    assert written_names(*scanned(" 7 ", group="Anna")) == ["Anna", " 7 "]
    assert written_names(*scanned("ANON")) == []


def test_placeholders_are_counted_but_where_the_user_names_somebody():
    found = [scanned("ANON", "1"), scanned("0", "2"), scanned(None, "3"), scanned("7", "4"), scanned("X", "5", "Anna")]
    (line,) = patient_id_warnings(found)
    assert line.startswith("2 files: PatientID is a placeholder")
