"""Finding labelled files."""

import os
import re
import shutil
import unicodedata
import zipfile
from pathlib import Path

import pytest
from png_files import write_png

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.intake import sources

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


def test_blanks_around_a_patient_are_not_of_the_name(png_tree, tmp_path):
    root = png_tree((1, 1))
    write_png(root / "no_gad" / " p0000 _9.png", 9)
    found = find(root, group_regex="/([^_/]+)_[^/]*$")
    assert {unit.group for unit in found.units if unit.label == 0} == {"p0000"}
    table = root / "table.csv"
    table.write_text("path,label,group\nno_gad/p0000_00000.png,0,P1\nno_gad/ p0000 _9.png,0, P1 \n")
    units = sources.from_table(table, group_regex=None, max_bytes=LIMIT).units
    assert [unit.group for unit in units] == ["P1", "P1"]


def test_nothing_but_blanks_is_no_patient(png_tree):
    root = png_tree((1, 1))
    write_png(root / "no_gad" / " _9.png", 9)
    assert "no patient in 1 of 3 paths" in problems_of(find(root, group_regex="/([^_/]+)_[^/]*$"))
    table = root / "table.csv"
    table.write_text("path,label,group\nno_gad/p0000_00000.png,0,  \n")
    (unit,) = sources.from_table(table, group_regex="/([^_/]+)_[^/]*$", max_bytes=LIMIT).units
    assert unit.group == "p0000"


def test_an_empty_match_is_no_patient(png_tree):
    found = find(png_tree((1, 1)), group_regex="(x*)")
    assert [unit.group for unit in found.units] == [None, None]
    assert "no patient in 2 of 2 paths" in problems_of(found)


@pytest.mark.parametrize(("regex", "words"), [("(", "not a regular expression"), ("p.*", "needs a group")])
def test_bad_group_regex_is_refused_before_anything_is_read(tmp_path, regex, words):
    with pytest.raises(UsageError, match=words):
        find(tmp_path / "nowhere", group_regex=regex)
    with pytest.raises(UsageError, match=words):
        sources.from_table(tmp_path / "nowhere", group_regex=regex, max_bytes=LIMIT)


def test_a_missing_value_in_a_path_is_no_patient(png_tree):
    root = png_tree((1, 1))
    write_png(root / "no_gad" / "None_9.png", 9)
    assert "no patient in 1 of 3 paths" in problems_of(find(root, group_regex="/([^_/]+)_[^/]*$"))


def test_missing_root_shows_what_is_there(png_tree, tmp_path):
    png_tree((1, 1), root=tmp_path / "Training")
    with pytest.raises(DataError, match=r"nowhere.*Expected .*no_gad.*with_gad.*Found in .*: Training"):
        find(tmp_path / "nowhere")


def test_missing_class_folders_show_what_is_there(tmp_path):
    write_png(tmp_path / "pictures" / "deep" / "a.png", 1)
    write_png(tmp_path / "b.png", 1)
    with pytest.raises(DataError, match=r"Expected .*no_gad.*with_gad.*Found: b.png, pictures, pictures/deep$"):
        find(tmp_path)


def test_missing_class_folder_shows_what_is_there(png_tree):
    root = png_tree((2, 1))
    shutil.rmtree(root / "with_gad")
    assert problems_of(find(root)) == f"no image in {root}/with_gad; each class needs some. Found: no_gad (2 files)"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_class_without_image(png_tree, tmp_path, kind):
    root = png_tree((2, 1))
    shutil.rmtree(root / "with_gad")
    (root / "with_gad").mkdir()
    said = problems_of(find(as_kind(root, tmp_path, kind)))
    assert re.fullmatch(
        r"no image in .*/with_gad; each class needs some. Found: no_gad .2 files., with_gad .0 files.", said
    )


def test_neither_class_has_an_image(tmp_path):
    for name in ("no_gad", "with_gad"):
        (tmp_path / "Train" / name).mkdir(parents=True)
    said = problems_of(find(tmp_path))
    assert [line.partition(";")[0] for line in said.splitlines()] == [
        f"no image in {tmp_path}/Train/{name}" for name in ("no_gad", "with_gad")
    ]


def as_kind(root, tmp_path, kind):
    """The folder itself, or a .zip of it, which has an entry for each folder."""
    return root if kind == "folder" else shutil.make_archive(str(tmp_path / "pictures"), "zip", root)


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("content", ["a.png", "deep/a.png", ".DS_Store", "deep/Thumbs.db", None])
@pytest.mark.parametrize("base", [".", "Train"])
def test_unknown_class_is_named(png_tree, tmp_path, base, content, kind):
    root = png_tree((1, 1), root=tmp_path / "pictures" / base).parent if base != "." else png_tree((1, 1))
    (root / base / "perhaps_gad").mkdir()
    if content:
        write_png(tmp_path / "a.png", 1)
        (root / base / "perhaps_gad" / content).parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "a.png", root / base / "perhaps_gad" / content)
    found = find(as_kind(root, tmp_path, kind))
    assert "unknown class folders: perhaps_gad;" in problems_of(found)
    assert [unit.label for unit in found.units] == [0, 1]


def test_folders_of_the_system_are_no_classes(png_tree, tmp_path):
    root = png_tree((1, 1))
    for name in (".git/objects", "__MACOSX/no_gad", ".ipynb_checkpoints"):
        (root / name).mkdir(parents=True)
    assert len(find(root).units) == len(find(as_kind(root, tmp_path, "zip")).units) == 2


def test_folders_below_a_class_are_no_classes(png_tree, tmp_path):
    root = png_tree((1, 1))
    (root / "no_gad" / "empty").mkdir()
    assert len(find(root).units) == 2


@pytest.mark.parametrize("names", [("Train", "No_Gad", "WITH_GAD"), ("train", "no_gad", "with_gad")])
def test_nesting_and_case(tmp_path, names):
    outer, *classes = names
    for seed, name in enumerate(classes):
        write_png(tmp_path / outer / name / "a.png", seed)
    found = find(tmp_path)
    assert [unit.label for unit in found.units] == [0, 1]
    assert any(outer in note for note in found.notes)


@pytest.mark.parametrize(
    ("given", "resolved"), [("data/train", "data/Train"), ("DATA/train", "data/Train"), ("data/Train", None)]
)
@pytest.mark.parametrize("nested", ["", "Train"])
def test_root_in_another_case(png_tree, tmp_path, monkeypatch, given, resolved, nested):
    png_tree((1, 1), root=tmp_path / "data" / "Train" / nested)
    monkeypatch.chdir(tmp_path)
    for path in (Path(given), tmp_path / given):
        found = find(path)
        assert [unit.label for unit in found.units] == [0, 1]
        notes = [note for note in found.notes if "one level down" not in note]
        assert [f"{resolved} was taken" in note and given in note for note in notes] == [True] * bool(resolved)
        assert len(found.notes) - len(notes) == bool(nested)


def test_roots_that_only_case_tells_apart(png_tree, tmp_path):
    for name in ("Train", "TRAIN"):
        png_tree((1, 1), root=tmp_path / name)
    with pytest.raises(DataError, match=r"/train does not exist, but .*/TRAIN and .*/Train do"):
        find(tmp_path / "train")
    assert find(tmp_path / "Train").notes == []


def test_archive_in_another_case(png_tree, tmp_path):
    archive = as_kind(png_tree((1, 1)), tmp_path, "zip")
    found = find(Path(archive).with_name("Pictures.ZIP"))
    assert len(found.units) == 2
    assert archive in found.notes[0]


def test_system_files_are_counted(png_tree):
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


def test_link_out_of_the_root(png_tree, tmp_path):
    root = png_tree((1, 1))
    outside = write_png(tmp_path / "outside.png", 99)
    os.symlink(outside, root / "no_gad" / "link.png")
    found = find(root)
    assert len(found.units) == 2
    assert found.skipped["link_outside"] == 1
    assert any("link.png" in line for line in found.passed_over)


def test_fifo_does_not_block(png_tree):
    root = png_tree((1, 1))
    os.mkfifo(root / "no_gad" / "pipe.png")
    found = find(root)
    assert len(found.units) == 2
    assert found.skipped["not_a_file"] == 1


def test_large_file_is_rejected_unread(png_tree):
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


def from_table(folder, *rows, header="path,label,group,split", group_regex=None):
    table = folder / "table.csv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return sources.from_table(table, group_regex=group_regex, max_bytes=LIMIT)


def test_table_lists_every_bad_cell(tmp_path):
    write_png(tmp_path / "a.png", 1)
    text = problems_of(
        from_table(tmp_path, "a.png,maybe,,", "missing.png,0,,", "a.png,1,,holdout", "b.png,,nan,", "c.png,2", ",0,,")
    )
    assert text.count("table.csv: ") == 5
    for line, said in (
        (2, "'maybe'"),
        (3, "'missing.png': No such file"),
        (4, "'holdout'"),
        (5, "'b.png': No such file"),
        (5, "''"),
        (5, "'nan'"),
        (6, "expected 4 cells. Received: 2"),
        (7, "the cell is empty"),
    ):
        assert f"  line {line}: {said}" in text


@pytest.mark.parametrize("header", ["file,label", "path", "path,label,age", "", "path,label,label", "path,label,Label"])
def test_table_without_its_columns(tmp_path, header):
    with pytest.raises(DataError, match=r"must name the columns path,label\[,group\]"):
        from_table(tmp_path, header=header)


def test_table_with_nothing_but_its_columns(tmp_path):
    with pytest.raises(DataError, match="no row below the first line"):
        from_table(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "folder", "missing"])
def test_table_that_is_no_file(tmp_path, kind):
    table = tmp_path / "table.csv"
    {"fifo": os.mkfifo, "folder": os.mkdir, "missing": str}[kind](table)
    with pytest.raises(DataError, match="table.csv: the table cannot be read: "):
        sources.from_table(table, group_regex=None, max_bytes=LIMIT)


@pytest.mark.parametrize("said", ["m" * 20_000, "\x1b[2J", "\u202e" * 300])
def test_what_a_table_says_is_shown_in_part(tmp_path, said):
    write_png(tmp_path / "a.png", 1)
    text = problems_of(from_table(tmp_path, f"{said},{said},P,{said}", f"a.png,0,P,{said}"))
    assert len(text) < 1200
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())


def test_rows_that_are_wrong_alike_share_a_line(tmp_path):
    write_png(tmp_path / "a.png", 1)
    text = problems_of(from_table(tmp_path, *["a.png,yes,P,"] * 40, *["a.png,0,P,"] * 60))
    assert text.splitlines()[1:] == ["  lines 2, 3, 4, 5, 6 and 35 more: 'yes'"]


def test_a_wrong_folder_does_not_list_every_row(tmp_path):
    text = problems_of(from_table(tmp_path, *(f"nowhere/{number}.png,0,P," for number in range(500))))
    assert len(text.splitlines()) == 52


@pytest.mark.parametrize("cell", ["nan", "NaN", "None", "null", "N/A", "NA", "#N/A", "<NA>", "NaT", "-", "?", " nan "])
def test_a_missing_value_is_no_patient(tmp_path, cell):
    write_png(tmp_path / "a.png", 1)
    text = problems_of(from_table(tmp_path, "a.png,0,P1,", f"a.png,1,{cell},"))
    assert "missing value" in text
    assert "line 3" in text


@pytest.mark.parametrize("cell", ["1.23457E+11", "1,23457E+11", "2.5e+08", "1E+12"])
def test_a_number_that_a_spreadsheet_rounded_is_no_patient(tmp_path, cell):
    write_png(tmp_path / "a.png", 1)
    assert "rounded" in problems_of(from_table(tmp_path, f'a.png,0,"{cell}",'))


@pytest.mark.parametrize("cell", ["nan", "N/A", "", " ", "\u200b"])
def test_a_missing_value_is_no_subgroup(tmp_path, cell):
    write_png(tmp_path / "a.png", 1)
    found = from_table(tmp_path, f"a.png,0,{cell},north", header="path,label,subgroup:site,subgroup:side")
    assert not found.problems
    assert found.units[0].subgroups == (("side", "north"),)


def test_a_group_that_nobody_can_see_is_none(tmp_path):
    write_png(tmp_path / "p7_1.png", 1)
    (unit,) = from_table(tmp_path, "p7_1.png,0,\u200b\ufeff,", group_regex="(p[0-9])_").units
    assert unit.group == "p7"


@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_a_file_in_another_form_of_unicode_is_called_as_on_the_disk(tmp_path, stored, asked):
    name = unicodedata.normalize(stored, "Müller/ü.png")
    write_png(tmp_path / name, 1)
    found = from_table(tmp_path, unicodedata.normalize(asked, "Müller/ü.png") + ",0,P,")
    assert not found.problems
    assert found.units[0].path == name
    assert found.units[0].scan().num_bytes > 0


@pytest.mark.parametrize("cell", ["a\\b c.png", " a/b c.png ", "a/b\u00a0c.png", "./x/../a/\ufeffb c.png"])
def test_a_file_whose_name_looks_like_that_in_the_table(tmp_path, cell):
    write_png(tmp_path / "a" / "b c.png", 1)
    (tmp_path / "x").mkdir()
    (unit,) = from_table(tmp_path, f"{cell},0,P,").units
    assert (tmp_path / unit.path).samefile(tmp_path / "a" / "b c.png")


def test_a_file_that_several_names_may_mean_is_not_guessed(tmp_path):
    for form in ("NFC", "NFD"):
        write_png(tmp_path / unicodedata.normalize(form, "ü.png"), 1)
    for name in ("a.PNG", "b.png"):
        write_png(tmp_path / name, 1)
    text = problems_of(from_table(tmp_path, "u\u0308\u200b.png,0,P,", "A.png,0,P,"))
    assert "there is 'ü.png' and 'ü.png'" in unicodedata.normalize("NFC", text)
    assert "'A.png': No such file or directory; there is 'a.PNG'" in text


def test_a_root_in_another_form_of_unicode(png_tree, tmp_path):
    root = png_tree((1, 1), root=tmp_path / unicodedata.normalize("NFD", "Müller"))
    found = find(tmp_path / unicodedata.normalize("NFC", "Müller"))
    assert len(found.units) == 2
    assert f"{root} was taken" in found.notes[0]


def test_a_table_of_a_country_with_decimal_commas(tmp_path):
    write_png(tmp_path / "a,b.png", 1)
    (unit,) = from_table(tmp_path, "a,b.png;0;P1;", header="path;label;group;split").units
    assert (unit.path, unit.group) == ("a,b.png", "P1")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_classes_that_hold_nothing_but_links_say_so(tmp_path, kind):
    outside = write_png(tmp_path / "outside" / "a.png", 1)
    root = tmp_path / "pictures"
    for name in ("no_gad", "with_gad"):
        (root / name).mkdir(parents=True)
        (root / name / "Thumbs.db").write_bytes(b"x")
        for number in range(3):
            os.symlink(outside, root / name / f"{number}.png")
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
            for path in root.rglob("*.png"):
                info = zipfile.ZipInfo(str(path.relative_to(root)))
                info.external_attr = 0o120777 << 16
                archive.writestr(info, str(outside))
            archive.writestr("no_gad/Thumbs.db", "x")
            archive.writestr("with_gad/Thumbs.db", "x")
    said = problems_of(find(root if kind == "folder" else tmp_path / "pictures.zip"))
    links = "links that lead out of it" if kind == "folder" else "links inside an archive"
    for name in ("no_gad", "with_gad"):
        assert (
            f"/{name}; each class needs some. Found: no_gad (0 files), with_gad (0 files); passed over: 6 {links}"
            in said
        )
    assert said.count(", 2 system files") == 2


def test_classes_that_are_links_say_so(png_tree, tmp_path):
    root, elsewhere = tmp_path / "pictures", png_tree((1, 1), root=tmp_path / "elsewhere")
    root.mkdir()
    for name in ("no_gad", "with_gad"):
        os.symlink(elsewhere / name, root / name)
    with pytest.raises(
        DataError, match="no file at all; passed over: 2 links that lead out of it .*name what they lead"
    ):
        find(root)


def write_records(folder):
    folder.mkdir(parents=True)
    for name in ("manifest.json", "contrast-train.tfrecord-00000-of-00001", "rejected.csv"):
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize("base", [".", "Train"])
@pytest.mark.parametrize("name", ["records", "other name"])
def test_records_of_before_are_no_class(png_tree, tmp_path, base, name):
    png_tree((1, 1), root=tmp_path / "pictures" / base)
    write_records(tmp_path / "pictures" / base / name)
    found = find(tmp_path / "pictures")
    assert (len(found.units), problems_of(found)) == (2, "")
    assert found.skipped["outside the class folders"] == 3
    (tmp_path / "pictures" / base / name / "manifest.json").unlink()
    assert f"unknown class folders: {name};" in problems_of(find(tmp_path / "pictures"))


def test_an_archive_with_backslashes_holds_what_the_folder_holds(png_tree, tmp_path):
    root = png_tree((3, 2), root=tmp_path / "DATA")
    for prefix in ("", "DATA\\"):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for path in sorted(root.rglob("*.png")):
                name = prefix + str(path.relative_to(root)).replace("/", "\\")
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
        from_zip, from_folder = find(tmp_path / "x.zip").units, find(root).units
        assert [unit.path.removeprefix("DATA/") for unit in from_zip] == [unit.path for unit in from_folder]
        assert [unit.scan() for unit in from_zip] == [unit.scan() for unit in from_folder]
