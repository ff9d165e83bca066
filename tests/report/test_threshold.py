"""Where a threshold comes from is said in the same words everywhere."""

import pytest
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.evaluation.operating_point import OF_MEMBERS
from contrast_tfdata.report import RunDescription, findings, threshold, write_model_card
from contrast_tfdata.report.page import render
from contrast_tfdata.runs import outcome

MEAN = "the mean of the thresholds of 2 networks"
POINTS = [
    (OperatingPoint(0.4, "accuracy", "validation"), "chosen on validation, for the highest accuracy"),
    (OperatingPoint(0.4, "youden", "validation"), "chosen on validation, for the highest sensitivity plus specificity"),
    (
        OperatingPoint(0.4, "specificity=0.9", "validation"),
        "chosen on validation, for the highest sensitivity at a specificity of 0.9 or more",
    ),
    (
        OperatingPoint(0.4, "youden", "series of two sources"),
        "chosen on other data, before, for the highest sensitivity plus specificity",
    ),
    (OperatingPoint(0.4, "fixed", OF_MEMBERS, MEAN), MEAN),
    (OperatingPoint.fixed(0.4), "not chosen on data"),
]


@pytest.mark.parametrize(("point", "said"), POINTS)
def test_page_card_and_console_say_the_same_of_it(tmp_path, draw, parse, point, said):
    metrics, run = summarize(None, draw(90, 1), point), RunDescription("A run")
    page = parse(render(metrics=metrics, charts=[], gallery=None, run=run, has_history=True)).text
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=run).read_text()
    line = outcome.headline(metrics, tmp_path)
    assert f"({'validation' if point.chosen_on == 'validation' else said})" in line  # It is short.
    assert f"({said})" in page
    assert f"({said})" in card
    for text in (page, card, line):
        assert "(none)" not in text
        assert "(fixed" not in text
        assert "youden" not in text


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (OperatingPoint.fixed(reason="there is no validation split to choose it on"), True),
        (OperatingPoint(0.4, "youden", "other series", "there is no validation split"), True),
        (OperatingPoint(0.4, "fixed", OF_MEMBERS, MEAN), False),
        (OperatingPoint(0.4, "youden", "validation"), False),
    ],
)
def test_a_threshold_that_these_data_did_not_choose_is_a_caveat_but_for_an_ensemble(draw, point, said):
    found = findings.caveats(summarize(None, draw(300, 1), point), RunDescription("A run"))
    assert (threshold.caveat(point.to_dict()) in found) == said
