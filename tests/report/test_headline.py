"""The result in words, and which interval it comes with."""

import dataclasses

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import Choices, IndeterminateBand, OperatingPoint
from contrast_tfdata.report import RunDescription, headline
from contrast_tfdata.report.page import render
from contrast_tfdata.runs import outcome

KNOWN = RunDescription("A run", manifest={"patients_known": True})
UNKNOWN = RunDescription("A run", manifest={"patients_known": False})


def page_of(metrics, run):
    return render(metrics=metrics, charts=[], gallery=None, run=run, has_history=True)


def three_digits(bounds):
    return f"{bounds[0]:.3f}", f"{bounds[1]:.3f}"


def test_the_interval_counts_patients_and_that_of_slices_is_folded_away(draw, parse):
    metrics = summarize(None, draw(90, 1, shift=1.5))
    test = metrics["test"]
    assert three_digits(test["auc_ci95"]) != three_digits(test["auc_ci95_by_group"])
    first, _, folded = page_of(metrics, KNOWN).partition("<details>")
    low, high = three_digits(test["auc_ci95_by_group"])
    assert f"95% interval {low} to {high}" in first
    assert f"probably lies between {low} and {high}" in parse(first).text
    assert "counts the 23 patients, not the slices" in parse(first).text
    for bounds in (test["auc_ci95"], test["accuracy_ci95"], test["sensitivity_ci95"]):
        assert not any(f"{end:.3f} to" in first or f"{end:.4f} to" in first for end in bounds)
    low, high = test["auc_ci95"]
    assert f"{low:.3f} to {high:.3f}" in folded
    assert "They are too narrow where several slices are of one patient" in folded


@pytest.mark.parametrize("run", [UNKNOWN, RunDescription("A run")], ids=["unknown", "not told"])
def test_without_patients_no_interval_is_trusted_and_the_reason_is_given(draw, parse, run):
    first = parse(page_of(summarize(None, draw(90, 1, shift=1.5)), run).partition("<details>")[0]).text
    assert "No interval can be trusted here, because it is not known which slices are of the same patient" in first
    assert "95% interval" not in first


@pytest.mark.parametrize(
    ("split", "reason"),
    [({"shift": 30.0}, "the classes are perfectly separated"), ({"few": True}, "a class has fewer than two patients")],
    ids=["separated", "one patient"],
)
def test_why_there_is_no_interval_is_said(draw, split, reason):
    predictions = draw(60, 1, shift=split.get("shift", 0.5))
    if split.get("few"):
        group = np.where(predictions.label == 1, "alone", predictions.group)
        predictions = dataclasses.replace(predictions, group=tuple(group.tolist()))
    metrics = summarize(None, predictions)
    assert metrics["test"]["auc_ci95_by_group"] is None
    assert reason in headline.summary(metrics, "test", KNOWN)[0]


def test_figures_come_in_words_and_as_counts(draw, parse):
    metrics = summarize(None, draw(90, 1, shift=1.5))
    (right_before, wrong_before), (wrong_after, right_after) = metrics["test"]["confusion_matrix"]
    text = parse(page_of(metrics, KNOWN)).text
    for said in (
        f"{right_before + right_after} of 90 slices",
        f"{right_after} of 30 slices",
        f"{right_before} of 60 slices",
        f"Of 60 slices before contrast, {wrong_before} {'is' if wrong_before == 1 else 'are'} called after contrast.",
        f"Of 30 slices after contrast, {wrong_after} {'is' if wrong_after == 1 else 'are'} called before contrast.",
    ):
        assert said in text


@pytest.mark.parametrize("labels", [[1], [0, 0, 0], [1] * 5])
def test_one_class_has_no_auc_and_nothing_is_said_of_the_other(draw, labels):
    metrics = summarize(None, draw(len(labels), 1, labels=labels))
    first, second = headline.summary(metrics, "test", KNOWN)
    assert "of one class only, so an AUC is undefined" in first
    assert "Of 0 slices" not in second
    assert [tile["value"] for tile in headline.tiles(metrics, "test", KNOWN)].count("–") == 2


def test_what_the_band_leaves_unanswered_is_on_the_first_screen(draw, parse, tmp_path):
    metrics = summarize(draw(90, 0, shift=1.5), draw(90, 1, shift=1.5), max_error=0.02)
    figures = metrics["test"]["abstention"]
    assert 0 < figures["num_indeterminate"] < 90
    first = parse(page_of(metrics, KNOWN).partition("<nav")[0]).text
    assert f"{figures['num_indeterminate']} of 90 slices are indeterminate" in first
    assert f"{figures['num_indeterminate']}of 90 slices: no answer should be given" in first
    wrong = round(figures["error_rate"] * figures["num_answered"])
    assert f"Of the {figures['num_answered']} answered, {wrong} {'is' if wrong == 1 else 'are'} wrong." in first
    assert f"in 90, {figures['num_indeterminate']} indeterminate: " in outcome.headline(metrics, tmp_path)


def test_a_band_in_which_all_lies_leaves_no_answer(draw):
    band = IndeterminateBand(0.0, 1.0, 0.02, "validation")
    metrics = summarize(None, draw(30, 1), Choices(OperatingPoint.fixed(), band))
    assert headline.summary(metrics, "test", KNOWN)[2].endswith("No slice is answered.")


@pytest.mark.parametrize("choices", [None, Choices(OperatingPoint.fixed())], ids=["empty", "no band"])
def test_without_a_band_nothing_is_indeterminate(draw, choices, tmp_path):
    metrics = summarize(None, draw(90, 1), choices)
    assert "indeterminate" not in " ".join(headline.summary(metrics, "test", KNOWN))
    assert "Indeterminate" not in [tile["name"] for tile in headline.tiles(metrics, "test", KNOWN)]
    assert "indeterminate" not in outcome.headline(metrics, tmp_path)
