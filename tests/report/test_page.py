import base64
import dataclasses
import re

import numpy as np
import pytest
from PIL import Image
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.gallery import MAX_CASES, collect, collect_suspects
from contrast_tfdata.report.page import render

NASTY = "<script>alert(1)</script>\n\"'&{{ 7*7 }}\u202egnp.\udce9脳$x$"


def page_of(validation, test, *, run=None, images=None, point=None):
    """Returns the page without its charts, which take most of the time."""
    metrics = summarize(validation, test, point)
    split = test or validation
    gallery = collect("test", split, metrics["operating_point"]["threshold"], images or {})
    return render(metrics=metrics, charts=[], gallery=gallery, run=run or RunDescription("A run"), has_history=True)


def test_every_text_is_escaped(draw, parse):
    nasty = {NASTY: NASTY, "nested": {NASTY: [NASTY, NASTY]}}
    manifest = {"splits": {NASTY: {"shards": [dict.fromkeys(("name", "bytes", "records", "sha256"), NASTY)]}}, **nasty}
    run = RunDescription(NASTY, (NASTY, NASTY), nasty, nasty, manifest, nasty, (NASTY,))
    test = draw(60, 1, path=NASTY.replace("{", "{{").replace("}", "}}") + "{}", shift=0.5)
    text = page_of(None, test, run=run)
    text.encode("utf-8")  # Fails on a lone surrogate.
    page = parse(text)
    assert "script" not in page.tags
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "{{ 7*7 }}" in page.text
    assert "\\u202e" in page.text
    assert "\u202e" not in page.text


def test_gallery_counts_what_it_leaves_out(draw, pictures):
    test = draw(300, 1, shift=0.0)
    point = OperatingPoint.fixed(0.5)
    errors = int((test.prediction(0.5) != test.label).sum())
    page = page_of(None, test, images=pictures(test), point=point)
    assert page.count('<img src="data:image/png') == MAX_CASES
    assert f"{errors - MAX_CASES} more are not shown" in page


def test_gallery_pictures_are_the_pixels_given(tmp_path, draw, pictures):
    test = draw(6, 1, labels=[0, 0, 0, 1, 1, 1], shift=-9.0)  # all wrong
    images = pictures(test)
    page = page_of(None, test, images=images, point=OperatingPoint.fixed())
    worst = test.example_id[int(np.argmax(np.abs(test.logit)))]
    first = re.search(r'<img src="data:image/png;base64,([^"]+)"', page).group(1)
    (tmp_path / "first.png").write_bytes(base64.b64decode(first))
    with Image.open(tmp_path / "first.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), images[worst], strict=True)


def test_positions_are_rows_of_the_predictions_file_even_with_unlabelled_rows(draw):
    test = draw(4, 1, labels=[-1, -1, 0, 1])
    test = dataclasses.replace(test, logit=np.array([0.0, 0.0, 5.0, 5.0]))
    page = page_of(None, test, point=OperatingPoint.fixed())
    assert re.findall(r"<b>#(\d+)", page) == ["2"]


def test_pictures_that_are_not_at_hand_are_said_to_be_missing(draw):
    page = page_of(None, draw(60, 1, shift=0.5), images={})
    assert "picture not at hand" in page


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8)])
def test_pictures_of_another_kind_are_refused(draw, bad):
    test = draw(60, 1, shift=0.5)
    with pytest.raises(ValueError, match=r"must be \(height, width\) uint8. Received: shape="):
        page_of(None, test, images=dict.fromkeys(test.example_id, bad))


def test_patients_unknown_is_said_once(draw):
    unknown = RunDescription("A run", manifest={"patients_known": False})
    said = RunDescription("A run", manifest={"patients_known": False, "warnings": ["No patient is known here."]})
    assert "Patient independence unverified" in page_of(draw(30), None, run=unknown)
    page = page_of(draw(30), None, run=said)
    assert "No patient is known here." in page
    assert "Patient independence unverified" not in page


@pytest.mark.parametrize(
    ("split_rule", "kept_apart"),
    [
        ({"rule": "group", "allow_leakage": False}, True),
        ({"rule": "group", "allow_leakage": True}, False),
        ({"rule": "keras", "allow_leakage": False}, False),
        ({}, False),
    ],
)
def test_no_more_is_promised_of_groups_than_the_records_do(tmp_path, draw, split_rule, kept_apart):
    splits = {"test": {"records": 60, "classes": {}, "groups": 60}}
    run = RunDescription("A run", manifest={"splits": splits, "patients_known": True, "split_rule": split_rule})
    test = draw(60, 1)
    card = write_model_card(tmp_path / "MODEL_CARD.md", metrics=summarize(None, test), run=run).read_text()
    for text in (page_of(None, test, run=run), card):
        assert ("a patient is never in two splits" in text) == kept_apart
        assert ("nothing kept a patient from being in two splits" in text) == (not kept_apart)


def test_doubts_about_the_network_come_first_and_hide_no_other_caveat(draw, parse):
    doubt = "Whether patients were trained on is not known."
    run = RunDescription("A run", manifest={"patients_known": False}, warnings=("Mind the gap.",), leakage=(doubt,))
    metrics = summarize(draw(30), None)
    found = findings.caveats(metrics, run)
    first = found.index(doubt)
    assert found[:first] == findings.usefulness_warnings(metrics, patients_known=False)
    assert found[first + 1] == "Mind the gap."
    assert found[first + 2].startswith("Patient independence unverified")
    assert doubt in parse(page_of(draw(30), None, run=run)).text


@pytest.mark.parametrize("shift", [2.5, 30.0], ids=["suspects", "no suspects"])
def test_slices_are_said_not_to_be_trained_on_only_where_that_is_known(draw, shift):
    split, claim = draw(200, 1, shift=shift), "that the network was not trained on"
    suspects = collect_suspects({"test": split}, {})
    for leakage, said in (((), True), (("Patients of test were trained on.",), False)):
        run = RunDescription("A run", leakage=leakage)
        options = {"charts": [], "gallery": None, "suspects": suspects, "has_history": True}
        assert (claim in render(metrics=summarize(None, split), run=run, **options)) == said


def test_perfect_separation_claims_no_certainty(draw, parse):
    page = page_of(draw(60, 0, shift=30.0), draw(60, 1, shift=30.0))
    text = parse(page).text
    assert "No slice of test is misclassified" in text
    assert "has no interval" in text


def test_bad_descriptions_are_refused():
    with pytest.raises(ValueError, match="Received: title=' '"):
        RunDescription(" ")
    with pytest.raises(ValueError, match="Received: command='one'"):
        RunDescription("A run", command="one")
    with pytest.raises(ValueError, match="Received: warnings='one'"):
        RunDescription("A run", warnings="one")
    with pytest.raises(ValueError, match="Received: leakage='one'"):
        RunDescription("A run", leakage="one")


LIST = "NEAR-DUPLICATES: 7 pairs of look-alike files (look_alikes.csv lists them): " + "; ".join(
    f"train patient-{number}/picture-of-a-head.png = test patient-{number}/another.png" for number in range(5)
)


@pytest.mark.parametrize(
    ("caveat", "is_folded"),
    [
        (LIST, True),
        (LIST[:190], False),
        ("Trained on others: run-1, run-2. " + "Each was trained on all but its own part; see the table. " * 5, False),
        ("No list stands here. " * 20, False),
    ],
)
def test_a_long_list_of_files_is_folded_and_nothing_is_lost(draw, parse, caveat, is_folded):
    page = page_of(draw(30), None, run=RunDescription("A run", warnings=(caveat.strip(),)))
    box = page.partition('id="caveats"')[2].partition("</div>")[0]
    assert ("<details>" in box) == is_folded
    assert all(word in parse(box).text for word in caveat.replace(":", "").split())
