"""Tables as people and their programs make them: read as they are meant, or refused with the line."""

import os
import resource
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import DataError
from contrast_tfdata.storage import csv_table
from contrast_tfdata.storage.csv_table import CsvTable, misnamed, quoted
from contrast_tfdata.storage.csv_text import csv_line

GOOD = "a/p1.png,no_gad,P1"


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = CsvTable(path, **options)
    rows = list(table.rows())
    return rows, "\n".join(each.text() for each in table.kinds_of_problems())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_as_spreadsheets_of_any_country_and_system_write_it(tmp_path, delimiter, end, mark):
    lines = ["path,label", "Müller.png,0", '"b.png",1', "", ",", "c d.png,0", ""]
    text = mark + end.join(lines).replace(",", delimiter)
    rows, problems = read(tmp_path / "t.csv", text)
    assert [(line, *row.values()) for line, row in rows] == [
        (2, "Müller.png", "0"), (3, "b.png", "1"), (6, "c d.png", "0"),
    ]  # fmt: skip
    assert not problems


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=3, max_size=3), max_size=5))
def test_what_was_written_is_read(tmp_path_factory, cells):
    cells = [row for row in cells if any(map(str.strip, row))]
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("a,b,c\n" + "".join(map(csv_line, cells)), encoding="utf-8", newline="", errors="surrogatepass")
    table = CsvTable(path, line_breaks=True, any_bytes=True)
    whole = [row for row in cells if not any("\ud800" <= each <= "\udfff" for cell in row for each in cell)]
    found = [list(row.values()) for _, row in table.rows()]
    assert found == cells if whole == cells else len(found) == len(cells)
    assert not table.problems


@pytest.mark.parametrize("closed", [None, "at the start of a later cell", "at the end of a later cell"])
@pytest.mark.parametrize("rows", [10, 5000])
def test_a_quote_that_is_not_closed_is_told_where_it_was_opened(tmp_path, rows, closed):
    lines = ["path,label,group", *[GOOD] * rows]
    lines[3] = '"' + lines[3]
    if closed:
        lines[8] = '"' + lines[8] if "start" in closed else lines[8] + '"'
    found, problems = read(tmp_path / "t.csv", "\n".join(lines) + "\n")
    assert "line 4" in problems
    assert "a quote" in problems
    assert len(problems) < 500
    assert [line for line, _ in found][:2] == [2, 3]
    assert [line for line, _ in found][2:] == (list(range(10, rows + 2)) if closed else [])


@pytest.mark.parametrize("row", ['"a"b,0,P', 'a,"0"",P', '"a,0,P'])
def test_a_quote_within_its_line(tmp_path, row):
    found, problems = read(tmp_path / "t.csv", f"path,label,group\n{GOOD}\n{row}\n")
    assert "line 3" in problems
    assert [line for line, _ in found] == [2]


def test_a_cell_with_a_line_break_is_none_unless_it_may_have_one(tmp_path):
    text = 'path,label\n"a\nb.png",0\nc.png,1\n'
    rows, problems = read(tmp_path / "t.csv", text)
    assert [line for line, _ in rows] == [4]
    assert "line 2, whose cell goes on to line 3" in problems
    rows, problems = read(tmp_path / "t.csv", text, line_breaks=True)
    assert [(line, row["path"]) for line, row in rows] == [(2, "a\nb.png"), (4, "c.png")]
    assert not problems


def test_all_problems_are_told_at_once_by_their_kind(tmp_path):
    text = b'path,label\na,0,more\n\xfcmlaut,1\n"open\nnul\0,1\n'
    table = tmp_path / "t.csv"
    _, problems = read(table, text)
    for line in ("line 2: expected 2 cells. Received: 3", "line 3: byte 0xfc", "line 4", "line 5"):
        assert line in problems
    assert len(problems.splitlines()) == 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path,label\na,0\n".encode("utf-16"), "in UTF-16"),
        ("path,label\na,0\n".encode("utf-16-le"), "in UTF-16"),
        ("path,label\na,0\n".encode("utf-16-be"), "in UTF-16"),
        (b"PK\x03\x04rest", "save the table as 'CSV UTF-8'"),
        (b"\xd0\xcf\x11\xe0rest", "save the table as 'CSV UTF-8'"),
        ("pfad,größe\n".encode("latin-1"), "line 1: byte 0xf6"),
        (b'"path,label\na,0\n', "line 1"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path / "t.csv", content)


def test_what_never_ends_or_never_begins_is_refused_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero", tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            CsvTable(path)
    monkeypatch.setattr(csv_table, "MAX_BYTES", 10)
    with pytest.raises(OSError, match="larger than the 10 bytes"):
        read(tmp_path / "t.csv", "path,label\n")


def test_an_empty_table_has_no_columns(tmp_path):
    for content in ("", "\n\n", "\ufeff", " \n,\n"):
        table = tmp_path / "t.csv"
        table.write_text(content)
        assert CsvTable(table).columns == ()


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("path,label,group", []),
        ("path,label,label", ["columns 2 and 3 are all named 'label'"]),
        ("path,label,", ["column 3 has no name"]),
        ("path,label, ", ["column 3 has no name"]),
        ("path,label,group,Group", ["the names of columns 3 and 4 differ by case or blanks only: 'group'"]),
        ("path,label,subgroup:a,subgroup:A\u200b", ["the names of columns 3 and 4 differ by case or blanks only"]),
        ("Path,label", ["column 1 is to be named path, in these very letters: 'Path'"]),
        ("path, label", ["column 2 is to be named label, in these very letters: ' label'"]),
        ("path,lab\u00adel,x,x", ["column 2 is to be named label", "columns 3 and 4 are all named 'x'"]),
    ],
)
def test_names_of_columns_that_nobody_can_tell_apart(columns, found):
    said = misnamed(columns.split(","), ("path", "label", "group"))
    assert len(said) == len(found)
    assert all(line.startswith(start) for line, start in zip(said, found, strict=True))


def test_text_of_a_table_is_shown_in_part_and_cannot_act():
    assert quoted("a.png") == "'a.png'"
    assert quoted("\x1b[2J\n") == r"'\x1b[2J\n'"
    assert len(quoted("\u202e" * 10_000)) < 150


def test_reading_row_by_row_takes_little_more_than_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("path,label,group\n" + f"{'x' * 80},0,P1\n" * 100_000)
    tracemalloc.start()
    table = CsvTable(path)
    assert sum(1 for _ in table.rows()) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * path.stat().st_size + resource.getpagesize() * 64
