import dataclasses

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint, Predictions
from contrast_tfdata.evaluation.abstention import IndeterminateBand
from contrast_tfdata.evaluation.summary import Choices
from contrast_tfdata.report import series_table
from contrast_tfdata.report.ordering import CASE_ORDERS, SERIES_ORDERS, places
from contrast_tfdata.report.series_table import collect_series


def volumes(*series):
    """Returns predictions of volumes (path, label, logits)."""
    rows = [(path, place, label, logit) for path, label, logits in series for place, logit in enumerate(logits)]
    paths, places_in_file, labels, logits = zip(*rows, strict=True)
    names = tuple(f"{path}-{place}" for path, place, *_ in rows)
    return Predictions(paths, np.array(places_in_file), names, paths, labels, np.array(logits))


FOUR = volumes(
    ("right.nii", 1, [2.0, 4.0]),
    ("wrong.nii", 0, [3.0, 1.0, 2.0]),
    ("unsure.nii", 1, [-0.5, 0.0]),
    ("sure.nii", 0, [-5, -5]),
)


def table_of(split, point=0.5, band=None):
    choices = Choices(OperatingPoint.fixed(point), band)
    return collect_series("test", split, summarize(None, split, choices))


def test_the_worst_series_comes_first():
    table = table_of(FOUR)
    assert [line.name for line in table.lines] == ["wrong.nii", "unsure.nii", "right.nii", "sure.nii"]
    assert [line.num_slices for line in table.lines] == [3, 2, 2, 2]
    assert table.lines[0].probability == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert [line.answer for line in table.lines] == ["wrong", "wrong", "right", "right"]


def test_what_is_not_answered_is_said():
    band = IndeterminateBand(0.4, 0.6, 0.02, "validation")
    answers = {line.name: line.answer for line in table_of(FOUR, band=band).lines}
    assert answers["unsure.nii"] == "indeterminate (wrong if answered)"
    assert answers["right.nii"] == "right"


def test_a_threshold_decides_and_moves_all_alike():
    table = table_of(FOUR, point=0.99)
    assert {line.name: line.prediction for line in table.lines}["right.nii"] == "no_gad"
    assert [line.name for line in table.lines] == ["unsure.nii", "right.nii", "wrong.nii", "sure.nii"]


def test_slices_that_are_series_of_their_own_need_no_table():
    single = volumes(("a.png", 0, [1.0]), ("b.png", 1, [1.0]))
    assert table_of(single) is None


def test_files_of_a_series_are_counted():
    folder = Predictions(
        ("s/1.dcm", "s/2.dcm", "t/1.dcm"),
        np.zeros(3, int),
        tuple("abc"),
        tuple("ggh"),
        np.array([0, 0, 1]),
        np.arange(3.0),
    )
    lines = {line.name: line.num_files for line in table_of(folder).lines}
    assert lines == {"s/1.dcm": 2, "t/1.dcm": 1}


def test_as_many_as_a_page_holds_are_shown(monkeypatch):
    monkeypatch.setattr(series_table, "MAX_SERIES", 3)
    table = table_of(FOUR)
    assert (len(table.lines), table.num_left_out) == (3, 1)


def test_every_entry_has_a_place_in_every_order():
    lines = table_of(FOUR).lines
    names = [line.name for line in lines]
    styles = [dict(each.split(":") for each in style.split(";")) for style in places(lines, SERIES_ORDERS)]
    by_name = sorted(range(len(lines)), key=lambda each: int(styles[each][f"--by{len(SERIES_ORDERS) - 1}"]))
    assert [names[each] for each in by_name] == sorted(names)
    for number in range(1, len(SERIES_ORDERS)):
        assert sorted(int(style[f"--by{number}"]) for style in styles) == [0, 1, 2, 3]
    assert places((), CASE_ORDERS) == []


def test_equal_entries_stay_as_they_come():
    same = dataclasses.replace(table_of(FOUR).lines[0])
    assert places([same, same], SERIES_ORDERS)[0] == "--by1:0;--by2:0;--by3:0;--by4:0"
