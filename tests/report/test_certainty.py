import copy
import dataclasses
import html
import re

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.page import render


def page_of(metrics):
    return render(metrics=metrics, charts=[], gallery=None, run=RunDescription("A run"), has_history=True)


def card_of(metrics, folder):
    return write_model_card(folder / "card.md", metrics=metrics, run=RunDescription("A run")).read_text()


def in_volumes(split):
    """Returns the same slices as if three of one class were a volume of a patient."""
    volumes = [f"{label}/{number // 9}.nii" for number, label in enumerate(split.label)]
    return dataclasses.replace(split, path=volumes, group=[name.rpartition("/")[2] for name in volumes])


def numbers_in(values):
    """Yields every number that metrics hold, to the three digits that are shown, and intervals as they are shown."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, dict | list):
            yield from numbers_in(value)
        elif value is not None and not isinstance(value, str):
            yield f"{value:.3f}"


@pytest.fixture
def metrics(draw):
    return summarize(in_volumes(draw(180, 0, shift=1.5)), in_volumes(draw(270, 1, shift=1.5)), max_error=0.05)


def test_every_figure_in_the_tables_is_in_the_metrics(metrics, tmp_path):
    cells = re.findall(r'<td class="figure">(?:[^<]*<span class="interval">)?([^<]+)<', page_of(metrics))
    cells += re.findall(r'<td class="figure">([^<]+)<', page_of(metrics))
    cells += re.findall(r"(?<=\| )-?[\d.]+(?: to [\d.]+)?(?= \|)", card_of(metrics, tmp_path))
    shown = {number for cell in cells for number in re.findall(r"-?\d\.\d{3}\b", html.unescape(cell))}
    assert len(shown) > 60
    assert shown <= set(numbers_in(metrics))


def test_page_and_card_show_series_beside_slices(metrics, parse, tmp_path):
    test, series = metrics["test"], metrics["test"]["series"]
    assert series["num_examples"] == 60
    low, high = series["auc_ci95_bootstrap"]
    row = next(row for row in findings.series_rows(metrics) if row["name"] == "AUC, groups drawn anew")
    assert [cell["value"] for cell in row["cells"]] == [f"{each['auc']:.3f}" for each in (test, series)]
    assert row["cells"][1]["interval"] == f"{low:.3f} to {high:.3f}"
    for text in (parse(page_of(metrics)).text, card_of(metrics, tmp_path)):
        assert text.count("Slices and series") == 1
        assert f"{low:.3f} to {high:.3f}" in text


def test_band_temperature_and_optimism_are_said(metrics, parse, tmp_path):
    band, figures = metrics["indeterminate_band"], metrics["test"]["abstention"]
    for text in (parse(page_of(metrics)).text, card_of(metrics, tmp_path)):
        for needle in (
            f"above {band['low']:.4f}, up to {band['high']:.4f}, are indeterminate",
            "at most 5.00% of the answers",
            f"{figures['coverage']:.2%} of the slices are then answered",
            f"{figures['error_rate']:.2%} of the answers wrong",
            f"a temperature of {metrics['temperature']['value']:.3f}",
            f"That is {metrics['test_best_threshold']['optimism']:.3f} more than at the operating point",
        ):
            assert needle in text, needle


def test_slices_that_are_series_are_shown_once(draw, parse):
    metrics = summarize(None, dataclasses.replace(draw(90, 1), group=tuple(map(str, range(90)))))
    assert findings.series_rows(metrics) == []
    assert "Slices and series" not in parse(page_of(metrics)).text


@pytest.mark.parametrize("shift", [30.0, -3.0, 0.0], ids=["separated", "the wrong way", "no sense"])
def test_reasons_are_given_where_nothing_could_be_chosen(draw, parse, shift):
    metrics = summarize(draw(60, 0, shift=shift), draw(60, 1, shift=shift), max_error=0.0)
    text = parse(page_of(metrics)).text
    assert ("No temperature could be fitted" in text) == (metrics["temperature"]["value"] is None)
    assert ("No indeterminate band" in text) == bool(metrics["indeterminate_band"].get("reason"))
    assert ("No slice is indeterminate" in text) == (shift == 30.0)
    assert not re.search(r"\b(nan|None)\b", text)


def test_a_point_given_alone_says_nothing_of_a_band(draw, parse):
    metrics = summarize(None, draw(60, 1), OperatingPoint.fixed())
    assert findings.certainty_sentences(metrics) == []
    assert "How sure an answer is" not in parse(page_of(metrics)).text


def test_no_slice_answered_is_said(metrics):
    metrics["test"]["abstention"] |= {"num_answered": 0, "error_rate": None, "error_rate_ci95": None, "coverage": 0.0}
    assert "No slice of test is then answered." in findings.certainty_sentences(metrics)


def test_metrics_of_an_earlier_version_are_still_shown(metrics, tmp_path):
    old = copy.deepcopy(metrics)
    for key in ("indeterminate_band", "temperature"):
        del old[key]
    for split in ("validation", "test"):
        for key in [
            "series",
            "reliability",
            "abstention",
            "temperature_scaling",
            "auc_ci95_bootstrap",
            "average_precision",
            "f1",
        ]:
            del old[split][key]
    del old["test_best_threshold"]["optimism"]
    for text in (page_of(old), card_of(old, tmp_path)):
        assert f"{metrics['test']['auc']:.3f}" in text
        assert "How sure an answer is" not in text
        assert np.all(["Slices and series" not in text, "more than at the operating point" not in text])
