"""The table of perturbed slices in page and model card."""

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.images.perturbations import PERTURBATIONS
from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.page import render

RUN = RunDescription("A run")
TITLE = "When slices change"


@pytest.mark.parametrize("name", ["test", "validation"])
def test_page_and_card_show_every_figure(tmp_path, draw, parse, name):
    split, rng = draw(90, 1), np.random.default_rng(0)
    perturbed = {each: split.logit + rng.normal(1, 1 + number, 90) for number, each in enumerate(PERTURBATIONS)}
    metrics = summarize(**{"validation": None, "test": None, name: split}, perturbed={name: perturbed})
    page = parse(render(metrics=metrics, charts=[], gallery=None, run=RUN, has_history=True)).text
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=RUN).read_text()
    assert page.count(TITLE) == card.count(f"## {TITLE}\n") == 1
    keys = "auc", "accuracy", "sensitivity", "specificity"
    measured = [{**metrics[name], "name": "as it is", "setting": ""}, *metrics[name]["robustness"]]
    assert len(measured) == 17
    for row in measured:
        cells = [row["name"], row["setting"], *(f"{row[key]:.3f}" for key in keys)]
        assert f"| {' | '.join(cells)} |" in card
        assert "".join(cells) in page


def test_nothing_is_shown_that_was_not_measured(tmp_path, draw):
    unmeasured = summarize(None, draw(60, 1))
    earlier = summarize(None, draw(60, 1))
    del earlier["test"]["robustness"]
    for metrics in (unmeasured, earlier, summarize(None, None)):
        assert findings.robustness_rows(metrics) == []
        assert TITLE not in render(metrics=metrics, charts=[], gallery=None, run=RUN, has_history=True)
        assert TITLE not in write_model_card(tmp_path / "card.md", metrics=metrics, run=RUN).read_text()
