"""What a page says first: what was learned from, what was scored, and whether patients are known."""

import pytest
from summaries import summarize

from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.page import render

COUNTS = {"training_slices": 90, "training_patients": 30}
TRAINED = {"synthetic_share": 1.0, "is_synthetic": True, "was_trained_here": True, **COUNTS}
FILES = {"synthetic_share": 0.0, "is_synthetic": False, "was_trained_here": True, **COUNTS}


def described(*, known=True, apart=True, **facts):
    rule = {"rule": "group" if apart else "keras", "allow_leakage": False}
    splits = {"train": {"records": 90, "classes": {}, "groups": 30, "shards": []}}
    return RunDescription("A run", manifest={"patients_known": known, "split_rule": rule, "splits": splits}, **facts)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (described(**TRAINED), "learned from 90 slices of 30 synthetic patients."),
        (described(**FILES), "learned from 90 slices of 30 patients."),
        (
            described(known=False, **{**FILES, "training_patients": None}),
            "learned from 90 slices of an unknown number of patients.",
        ),
        (
            described(synthetic_share=0.5, is_synthetic=False, **COUNTS),
            "learned from 90 slices of 30 patients, and from synthetic slices, 50% of each batch.",
        ),
        (described(synthetic_share=1.0, is_synthetic=False), "learned from synthetic patients only"),
        (described(synthetic_share=1.0, **COUNTS), "learned from 90 slices of 30 synthetic patients."),
        (described(synthetic_share=0.0, is_synthetic=True), "learned from image files, not from synthetic patients."),
        (described(synthetic_share=0.0, **COUNTS), "learned from 90 slices of 30 patients."),
        (described(synthetic_share=0.25), "learned from image files and from synthetic patients"),
        (described(), "not recorded whether the network learned from synthetic patients"),
        (
            described(init_weights="shipped", **FILES),
            "30 patients. It began with the weights in this package, which learned from synthetic patients only.",
        ),
        (
            described(init_weights="shipped", synthetic_share=0.0),
            "learned from image files. It began with the weights in this package, which learned from synthetic",
        ),
        (described(init_weights="before/run", **FILES), "It began with the weights of before/run."),
        (described(**TRAINED), "scored on 60 slices of 15 synthetic patients: the test split."),
        (described(known=False), "scored on 60 slices of an unknown number of patients: the test split."),
        (described(**TRAINED), "Patients are known: no patient is in two splits."),
        (described(apart=False, **FILES), "nothing kept a patient from being in two splits"),
        (described(known=False, **FILES), "Patients are not known: slices of one patient may be in training and in"),
        (described(known=False, synthetic_share=1.0), "nobody can say which slices are of the same patient"),
    ],
)
def test_page_and_card_say_what_was_trained_on_what(tmp_path, draw, parse, run, said):
    metrics = summarize(None, draw(60, 1))
    page = parse(render(metrics=metrics, charts=[], gallery=None, run=run, has_history=True)).text
    assert said in page.partition("Result")[0]
    assert "not a medical device" in page.partition("Result")[0]
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=run).read_text()
    assert said in card.partition("## Data")[2].partition("\n## ")[0]


@pytest.mark.parametrize("is_synthetic", [True, False, None])
def test_synthetic_patients_are_a_reason_for_distrust(draw, is_synthetic):
    run = described(is_synthetic=is_synthetic)
    found = findings.caveats(summarize(None, draw(60, 1)), run)
    assert any("The patients are synthetic" in each for each in found) == bool(is_synthetic)


def test_nothing_scored_and_no_manifest_are_no_reason_to_stop(draw):
    page = render(metrics=summarize(None, None), charts=[], gallery=None, run=RunDescription("A run"), has_history=True)
    assert "Scored on" not in page
    assert "Patients are not known" in page


def test_warnings_of_records_become_sentences(draw):
    run = RunDescription("A run", warnings=("85 pairs look alike", "mind the gap."))
    assert {"85 pairs look alike.", "Mind the gap."} <= set(findings.caveats(summarize(None, draw(60, 1)), run))
