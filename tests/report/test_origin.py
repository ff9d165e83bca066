"""What a page says first: what was learned from, what was scored, and whether patients are known."""

import pytest
from summaries import summarize

from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.page import render

TRAINED = {"synthetic_share": 1.0, "is_synthetic": True, "was_trained_here": True}
FILES = {"synthetic_share": 0.0, "is_synthetic": False, "was_trained_here": True}


def described(*, known=True, apart=True, **facts):
    rule = {"rule": "group" if apart else "keras", "allow_leakage": False}
    splits = {"train": {"records": 90, "classes": {}, "groups": 30, "shards": []}}
    return RunDescription("A run", manifest={"patients_known": known, "split_rule": rule, "splits": splits}, **facts)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (described(**TRAINED), "learned from 90 slices of 30 synthetic patients."),
        (described(**FILES), "learned from 90 slices of 30 patients."),
        (described(known=False, **FILES), "learned from 90 slices of an unknown number of patients."),
        (
            described(synthetic_share=0.5, is_synthetic=False, was_trained_here=True),
            "30 patients. Beside them, 50% of each batch were synthetic slices.",
        ),
        (described(synthetic_share=1.0, is_synthetic=False), "learned from synthetic patients only"),
        (described(synthetic_share=0.0, is_synthetic=True), "learned from image files, not from synthetic patients"),
        (described(synthetic_share=0.25), "learned from image files and from synthetic patients"),
        (described(), "not recorded whether the network learned from synthetic patients"),
        (described(flags={"init_weights": "shipped"}, **FILES), "It began with the weights of shipped."),
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


@pytest.mark.parametrize(("count", "known", "said"), [(60, True, True), (300, True, False), (60, False, False)])
def test_few_patients_are_a_reason_for_distrust(draw, count, known, said):
    found = findings.caveats(summarize(None, draw(count, 1)), described(known=known))
    assert any(f"only {count // 4} patients" in each for each in found) == said


def test_nothing_scored_and_no_manifest_are_no_reason_to_stop(draw):
    page = render(metrics=summarize(None, None), charts=[], gallery=None, run=RunDescription("A run"), has_history=True)
    assert "Scored on" not in page
    assert "Patients are not known" in page


def test_warnings_of_records_become_sentences(draw):
    run = RunDescription("A run", warnings=("85 pairs look alike", "mind the gap."))
    assert findings.caveats(summarize(None, draw(60, 1)), run)[:2] == ["85 pairs look alike.", "Mind the gap."]
