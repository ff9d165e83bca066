import re
from importlib import resources

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.report import RunDescription, write_model_card
from contrast_tfdata.report.checklists import FOR_THE_AUTHOR, checklist

NOTHING = summarize(None, None)
APART = "a patient is never in two splits"


def scored():
    labels = np.arange(40) % 2
    names = tuple(map(str, range(40)))
    logits = np.random.default_rng(0).normal(2 * labels - 1, 1)
    return summarize(None, Predictions(names, np.zeros(40, int), names, names, labels, logits))


def test_every_item_of_claim_is_there_once():
    assert [item.claim for item in checklist(NOTHING, patients_known=True, group_rule=APART)] == list(range(1, 45))


def test_every_item_of_tripod_has_a_place():
    numbers = {
        int(digits)
        for item in checklist(NOTHING, patients_known=True, group_rule=APART)
        for digits in re.findall(r"\d+", item.tripod)
    }
    assert set(range(1, 28)) - numbers == {19, 21, 24}  # The card says so below the table.


@pytest.mark.parametrize("metrics", [NOTHING, scored()], ids=["nothing scored", "scored"])
def test_sections_that_it_names_exist(tmp_path, metrics):
    """A reviewer who follows it finds something."""
    manifest = {"splits": {"test": {"records": 40, "classes": {}, "groups": 40}}, "patients_known": True}
    path = write_model_card(
        tmp_path / "MODEL_CARD.md",
        metrics=metrics,
        run=RunDescription("A run", manifest=manifest, model={"parameters": 1}),
    )
    card, page = (
        path.read_text(),
        resources.files("contrast_tfdata.report").joinpath("report_sections.html.j2").read_text(),
    )
    for item in checklist(metrics, patients_known=True, group_rule=APART):
        for section in re.findall(r"(?:^|; )([A-Z][\w ]+), (?:above|below)", item.where):
            assert f"\n## {section}\n" in card, item
        for section in re.findall(r"report.html, ([A-Z][\w ]+)", item.where):
            assert f"<h2>{section}</h2>" in page, item


def test_what_was_not_measured_is_said_to_be_missing():
    where = {item.claim: item.where for item in checklist(NOTHING, patients_known=False, group_rule=APART)}
    assert where[20].endswith("patients are unknown")
    assert where[29] == where[39] == "nothing was scored"
    assert "not measured" in where[30]
    assert where[44] == FOR_THE_AUTHOR
    assert (
        "95% intervals"
        in {item.claim: item.where for item in checklist(scored(), patients_known=True, group_rule=APART)}[29]
    )
