"""The table of parts of the data in page and model card."""

import pytest
from summaries import summarize

from contrast_tfdata.report import RunDescription, write_model_card
from contrast_tfdata.report.page import render

RUN = RunDescription("A run")
TITLE = "Parts of the data"


@pytest.mark.parametrize("name", ["test", "validation"])
def test_page_and_card_show_every_part(tmp_path, draw, parse, name):
    told = [{"vendor": "<b>GE" if number % 4 else "Siemens"} for number in range(90)]
    metrics = summarize(**{"validation": None, "test": None, name: draw(90, 1)}, metadata={name: told})
    page = parse(render(metrics=metrics, charts=[], gallery=None, run=RUN, has_history=True)).text
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=RUN).read_text()
    assert page.count(TITLE) == card.count(f"## {TITLE}\n") == 1
    assert [row["value"] for row in metrics[name]["subgroups"]] == ["<b>GE", "Siemens"]
    for row in metrics[name]["subgroups"]:
        low, high = row["accuracy_ci95"]
        figures = f"{row['accuracy']:.3f}", f"{low:.3f} to {high:.3f}", f"{row['sensitivity']:.3f}"
        assert " | ".join(figures) in card
        assert "".join((row["value"], str(row["num_examples"]), str(row["num_groups"]))) in page
        assert "".join(figures) in page
    assert "<b>" not in card
    assert f"{TITLE}, above; the rest for the author" in card


def test_nothing_is_shown_where_nothing_tells_slices_apart(tmp_path, draw):
    metrics = summarize(None, draw(60, 1), metadata={"test": [{}] * 60})
    assert metrics["test"]["subgroups"] == []
    assert TITLE not in render(metrics=metrics, charts=[], gallery=None, run=RUN, has_history=True)
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=RUN).read_text()
    assert f"## {TITLE}" not in card
