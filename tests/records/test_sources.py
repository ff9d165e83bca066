"""Finding labelled files."""

import os
import shutil

import pytest
from png_files import write_png

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.records import sources

LIMIT = 1 << 20


def find(root, group_regex=None):
    return sources.from_class_folders(root, split=None, group_regex=group_regex, max_bytes=LIMIT)


def problems_of(found):
    return "\n".join(each.text() for each in found.problems)


def test_files_come_by_class_then_name(png_tree):
    units = find(png_tree((3, 2))).units
    assert [(unit.label, unit.path) for unit in units] == [
        (0, "no_gad/p0000_00000.png"),
        (0, "no_gad/p0000_00001.png"),
        (0, "no_gad/p0000_00002.png"),
        (1, "with_gad/p1000_00000.png"),
        (1, "with_gad/p1000_00001.png"),
    ]


def test_group_regex_names_the_patient(png_tree):
    units = find(png_tree((5, 1)), group_regex="/([^_/]+)_[^/]*$").units
    assert [unit.group for unit in units] == ["p0000"] * 4 + ["p0001", "p1000"]


def test_every_path_without_a_patient_is_listed(png_tree):
    root = png_tree((1, 1))
    write_png(root / "no_gad" / "stray.png", 1)
    said = problems_of(find(root, group_regex="/([^_/]+)_[^/]*$"))
    assert said.splitlines() == [
        f"{root}: --group_regex finds no patient in 1 of 3 paths; change it, or move these files away:",
        "  no_gad/stray.png",
    ]


def test_a_pattern_that_suits_few_paths_is_shown_on_some(png_tree):
    said = problems_of(find(png_tree((60, 60)), group_regex="/(p0000)_[^/]*$"))
    assert "no patient in 116 of 120 paths" in said
    assert said.endswith("... and 66 more")


def test_an_empty_match_is_no_patient(png_tree):
    found = find(png_tree((1, 1)), group_regex="(x*)")
    assert [unit.group for unit in found.units] == [None, None]
    assert "no patient in 2 of 2 paths" in problems_of(found)


@pytest.mark.parametrize(("regex", "words"), [("(", "not a regular expression"), ("p.*", "needs a group")])
def test_bad_group_regex(png_tree, regex, words):
    with pytest.raises(UsageError, match=words):
        find(png_tree((1, 1)), group_regex=regex)


def test_fault_01_missing_root(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        find(tmp_path / "nowhere")


def test_fault_01_missing_class_folders_show_what_is_there(tmp_path):
    write_png(tmp_path / "pictures" / "a.png", 1)
    with pytest.raises(DataError, match=r"(?s)Expected .*no_gad.*with_gad.*Found: pictures"):
        find(tmp_path)


def test_fault_02_class_without_image(png_tree):
    root = png_tree((2, 1))
    shutil.rmtree(root / "with_gad")
    (root / "with_gad").mkdir()
    assert f"no image in {root}/with_gad" in problems_of(find(root))


def test_fault_03_unknown_class_is_named(png_tree):
    root = png_tree((1, 1))
    write_png(root / "perhaps_gad" / "a.png", 1)
    found = find(root)
    assert "perhaps_gad" in problems_of(found)
    assert [unit.label for unit in found.units] == [0, 1]


@pytest.mark.parametrize("names", [("Train", "No_Gad", "WITH_GAD"), ("train", "no_gad", "with_gad")])
def test_fault_04_nesting_and_case(tmp_path, names):
    outer, *classes = names
    for seed, name in enumerate(classes):
        write_png(tmp_path / outer / name / "a.png", seed)
    found = find(tmp_path)
    assert [unit.label for unit in found.units] == [0, 1]
    assert any(outer in note for note in found.notes)


def test_fault_05_system_files_are_counted(png_tree):
    root = png_tree((1, 1))
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._x.png"):
        (root / "no_gad" / name).parent.mkdir(exist_ok=True)
        (root / "no_gad" / name).write_bytes(b"x")
    found = find(root)
    assert len(found.units) == 2
    assert found.skipped["system files"] == 3


def test_files_beside_the_classes_are_counted(png_tree):
    root = png_tree((1, 1))
    (root / "LICENSE.txt").write_text("terms")
    assert find(root).skipped["outside the class folders"] == 1


def test_fault_24_link_out_of_the_root(png_tree, tmp_path):
    root = png_tree((1, 1))
    outside = write_png(tmp_path / "outside.png", 99)
    os.symlink(outside, root / "no_gad" / "link.png")
    found = find(root)
    assert len(found.units) == 2
    assert found.skipped["link_outside"] == 1
    assert any("link.png" in line for line in found.passed_over)


def test_fault_25_fifo_does_not_block(png_tree):
    root = png_tree((1, 1))
    os.mkfifo(root / "no_gad" / "pipe.png")
    found = find(root)
    assert len(found.units) == 2
    assert found.skipped["not_a_file"] == 1


def test_fault_12_large_file_is_rejected_unread(png_tree):
    root = png_tree((1, 1))
    with open(root / "no_gad" / "large.png", "wb") as file:
        file.truncate(LIMIT + 1)
    found = find(root)
    assert [(each.path, each.code) for each in found.rejected] == [("no_gad/large.png", "too_large")]


def test_zip_is_read_in_place(png_tree, tmp_path):
    root = png_tree((3, 2))
    archive = shutil.make_archive(str(tmp_path / "pictures"), "zip", root)
    from_zip, from_folder = find(archive).units, find(root).units
    assert [unit.path for unit in from_zip] == [unit.path for unit in from_folder]
    assert [unit.scan() for unit in from_zip] == [unit.scan() for unit in from_folder]


def test_table(tmp_path):
    for seed, name in enumerate(("a.png", "sub/b.png", "c.png")):
        write_png(tmp_path / name, seed)
    table = tmp_path / "table.csv"
    table.write_text(f"path,label,group,split\na.png,no_gad,P1,\nsub/b.png,1,P2,test\n{tmp_path}/c.png,0,,train\n")
    units = sources.from_table(table, group_regex=None, max_bytes=LIMIT).units
    assert [(unit.label, unit.group, unit.split) for unit in units] == [
        (0, "P1", None),
        (1, "P2", "test"),
        (0, None, "train"),
    ]
    assert len({unit.scan().sha256 for unit in units}) == 3


def test_table_lists_every_bad_row(tmp_path):
    write_png(tmp_path / "a.png", 1)
    table = tmp_path / "table.csv"
    table.write_text("path,label,split\na.png,maybe,\nmissing.png,0,\na.png,1,holdout\n")
    text = problems_of(sources.from_table(table, group_regex=None, max_bytes=LIMIT))
    assert all(f"line {number}" in text for number in (2, 3, 4))
    assert "maybe" in text
    assert "missing.png" in text
    assert "holdout" in text


@pytest.mark.parametrize("text", ["file,label\n", "path\n", "path,label,age\n", ""])
def test_table_without_its_columns(tmp_path, text):
    table = tmp_path / "table.csv"
    table.write_text(text)
    with pytest.raises(DataError, match="path,label"):
        sources.from_table(table, group_regex=None, max_bytes=LIMIT)
