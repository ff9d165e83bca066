"""The page of several runs: every number that it should have, and nothing that it should not."""

import html
import re

import pytest

from contrast_tfdata.report import write_runs_report
from contrast_tfdata.runs.several_runs import summarize


def rows(*areas, splits=("validation", "test")):
    return [
        {
            "name": f"repeat-{number}",
            "flags": {"seed": 1019 + number, "repeats": 1},
            "threshold": 0.1 * number,
            **{split: {"auc": area, "accuracy": 0.75} for split in splits},
        }
        for number, area in enumerate(areas, 1)
    ]


def written(folder, found, title="Runs"):
    path = write_runs_report(folder, title, found, summarize(found))
    assert path == folder / "report.html"
    return path.read_text()


def cells(page):
    """Returns by name of a row the figures in it."""
    found = {}
    for line in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL):
        name, *values = re.split(r"<td class=\"figure\">", line)
        found[re.sub(r"<[^>]*>", " ", name).split()[0]] = [value.removesuffix("</td>") for value in values]
    for name, values in found.items():
        found[name] = [value.replace("</td>", "").strip() for value in values]
    return found


def test_it_has_every_figure_of_every_run_and_how_they_vary(tmp_path):
    page = written(tmp_path, rows(0.9, 0.95))
    assert cells(page) == {
        "repeat-1": ["0.900", "0.750", "0.900", "0.750", "0.100"],
        "repeat-2": ["0.950", "0.750", "0.950", "0.750", "0.200"],
        "Mean": ["0.925", "0.750", "0.925", "0.750", "0.150"],
        "Standard": ["0.035", "0.000", "0.035", "0.000", "0.071"],
        "Smallest": ["0.900", "0.750", "0.900", "0.750", "0.100"],
        "Largest": ["0.950", "0.750", "0.950", "0.750", "0.200"],
    }
    assert "On test the AUC is 0.925 in the mean, from 0.900 to 0.950." in page
    assert "seed=1020, repeats=1" in page
    assert 'href="repeat-2/report.html"' in page


def test_it_says_what_to_know_before_believing_it(tmp_path):
    found = rows(0.9, 0.95)
    assert "Before you believe" not in written(tmp_path, found)
    write_runs_report(tmp_path, "Runs", found, summarize(found), ["Patients <b> may have been trained on."])
    page = (tmp_path / "report.html").read_text()
    assert "Before you believe these numbers" in page
    assert "<li>Patients &lt;b&gt; may have been trained on.</li>" in page


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (rows(0.9, 0.8, splits=["validation"]), "On validation the AUC is 0.850"),
        (rows(0.9, None), "The thresholds that validation chose lie between 0.100 and 0.200."),
        (rows(0.9, 0.8, splits=[]), "lie between 0.100 and 0.200."),
    ],
    ids=["no test", "an undefined AUC", "no split that all have"],
)
def test_what_is_not_there_is_not_claimed(found, said, tmp_path):
    page = written(tmp_path, found)
    assert said in page
    assert ("undefined" in page) == any(row.get("test", {}).get("auc", 0) is None for row in found)
    assert page.count("On test the AUC") == 0


def test_it_loads_nothing_and_names_are_text(tmp_path):
    page = written(tmp_path, rows(0.9, 0.95), title="<script>alert(1)</script>")
    assert "<script" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", page) == [
        "data:,",
        "repeat-1/report.html",
        "repeat-2/report.html",
    ]
