import csv
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import DataError
from contrast_tfdata.evaluation.predictions import (
    CSV_COLUMNS,
    Predictions,
    guard_formula,
    read_csv,
    sigmoid,
    unguard_formula,
)

AWKWARD_NAMES = (
    "plain.png",
    "comma, and space.png",
    'quote".png',
    "new\nline.png",
    "carriage\rreturn.png",
    "ends with both\r\n",
    "Größe/脳.png",
    os.fsdecode(b"latin1-\xe9.png"),
    "<script>alert(1)</script>.png",
    "=cmd|' /C calc'!A0",
    "+1.png",
    "-1.png",
    "@sum.png",
    "\ttab.png",
    "\rcr.png",
    "'quoted'.png",
    "'=x",
    "",
)


def make(logits, labels=None, paths=None, groups=None):
    count = len(logits)
    return Predictions(
        path=paths or tuple(f"file{i}.png" for i in range(count)),
        slice_index=np.arange(count),
        example_id=tuple(f"id{i}" for i in range(count)),
        group=groups or tuple(f"group{i}" for i in range(count)),
        label=np.zeros(count, np.int64) if labels is None else labels,
        logit=logits,
    )


def assert_same(left, right):
    assert (left.path, left.example_id, left.group) == (right.path, right.example_id, right.group)
    for column in ("slice_index", "label", "logit"):
        np.testing.assert_array_equal(getattr(left, column), getattr(right, column), strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_csv_gives_back_every_name_and_every_bit_of_the_logits(tmp_path, dtype):
    logits = np.random.default_rng(0).normal(0, 20, len(AWKWARD_NAMES)).astype(dtype)
    logits[:4] = [0.0, -0.0, np.finfo(np.float32).max, np.finfo(np.float32).tiny]
    labels = np.resize([0, 1, -1], len(logits))
    written = make(logits, labels, AWKWARD_NAMES, AWKWARD_NAMES)
    written.write_csv(tmp_path / "p.csv", 0.5)
    read = read_csv(tmp_path / "p.csv")
    assert_same(written, read)
    np.testing.assert_array_equal(read.logit.astype(dtype), logits)


@given(st.text())
def test_guarding_is_undone_and_leaves_no_formula(cell):
    guarded = guard_formula(cell)
    assert unguard_formula(guarded) == cell
    assert not guarded.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_layout(tmp_path):
    make([-1.5, 2.0], [-1, 1], ("=a", "b,c")).write_csv(tmp_path / "p.csv", 0.9)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "path,slice_index,example_id,group,label,logit,probability,prediction"
    assert lines[1].startswith("'=a,0,id0,group0,,-1.5,0.18242552380635")  # numbers are not guarded
    assert lines[1].endswith(",0")
    assert lines[2].startswith('"b,c",1,id1,group1,1,2.0,0.880797')
    assert lines[2].endswith(",0")  # 0.88 is not above 0.9


def test_csv_is_read_alike_by_the_csv_module(tmp_path):
    make(np.zeros(len(AWKWARD_NAMES)), paths=AWKWARD_NAMES).write_csv(tmp_path / "p.csv", 0.5)
    with open(tmp_path / "p.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert tuple(unguard_formula(row["path"]) for row in rows) == AWKWARD_NAMES


def test_empty_csv(tmp_path):
    make([]).write_csv(tmp_path / "p.csv", 0.5)
    assert len(read_csv(tmp_path / "p.csv")) == 0


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    make([1.0]).write_csv(path, 0.5)
    old = path.read_bytes()

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make([1.0, 2.0]).write_csv(path, 0.5)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]


def test_written_files_have_the_usual_rights(tmp_path):
    make([1.0]).write_csv(tmp_path / "p.csv", 0.5)
    (tmp_path / "usual").touch()
    assert stat.S_IMODE((tmp_path / "p.csv").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns"),
        ("path,logit\n", "Received: 'path,logit'"),
        (",".join(CSV_COLUMNS) + "\na,0,id,g,1\n", "line 2: expected 8 cells. Received: 5"),
        (",".join(CSV_COLUMNS) + "\na,0,id,g,1,much,0,0\n", "line 2: .*much"),
        (",".join(CSV_COLUMNS) + "\na,0,id,g,7,0.5,0,0\n", "'id'.*Received: label=7"),
        (",".join(CSV_COLUMNS) + "\na,0,id,g,1,nan,0,0\n", "'id'.*Received: logit=nan"),
        (",".join(CSV_COLUMNS) + '\n"a"\rb,0,id,g,1,0,0,0\n', "line 2: "),
    ],
)
def test_read_csv_names_what_is_wrong(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text, newline="")
    with pytest.raises(DataError, match=message):
        read_csv(tmp_path / "p.csv")


def test_read_csv_names_all_that_is_wrong(tmp_path):
    lines = [",".join(CSV_COLUMNS), "a,0,id,g,1", "b,x,id,g,1,0.5,0,0", "c,0,id,g,1,0.5,0,0", "d,0,id,g,1,,0,0", '"e']
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"(?s)line 2: expected 8.*line 6.*line 3: .*'x'.*line 5: ") as error:
        read_csv(tmp_path / "p.csv")
    assert "line 4" not in str(error.value)


def test_read_csv_neither_waits_nor_reads_for_ever(tmp_path):
    os.mkfifo(tmp_path / "p.csv")
    for path in (tmp_path / "p.csv", "/dev/zero"):
        with pytest.raises(OSError, match="no regular file"):
            read_csv(path)


def test_non_finite_logits_are_refused_naming_each_example():
    with pytest.raises(DataError, match=r"(?s)2 of 3 examples.*'id0'.*logit=nan.*'id2'.*logit=inf"):
        make([np.nan, 0.0, np.inf])


def test_unequal_columns_are_refused():
    with pytest.raises(ValueError, match="one length. Received"):
        Predictions(("a",), [0, 1], ("x", "y"), ("", ""), [0, 1], [0.0, 1.0])
    with pytest.raises(ValueError, match="one-dimensional"):
        make(np.zeros((2, 1)), np.zeros((2, 1), np.int64))
    with pytest.raises(ValueError, match="fit int64. Received: dtype=float64"):
        make([0.0], [0.5])


def test_columns_cannot_be_changed_and_do_not_follow_their_source():
    logits = np.zeros(2)
    predictions = make(logits)
    logits[0] = 5
    assert predictions.logit[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        predictions.logit[0] = 1


def test_sigmoid_neither_overflows_nor_loses_the_small_end():
    values = sigmoid(np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0]))
    np.testing.assert_allclose(values, [0.0, np.exp(-30.0), 0.5, 1 - np.exp(-30.0), 1.0], rtol=1e-12)


def test_prediction_is_strictly_above():
    np.testing.assert_array_equal(make([-1.0, 0.0, 1.0]).prediction(0.5), [0, 0, 1])


def test_select_and_labelled():
    predictions = make([0.0, 1.0, 2.0], [0, -1, 1])
    labelled = predictions.labelled()
    assert labelled.path == ("file0.png", "file2.png")
    np.testing.assert_array_equal(labelled.logit, [0.0, 2.0])
    assert predictions.select(np.array([2, 0])).example_id == ("id2", "id0")
