"""Whether a network's answers are of any use is what a reader hears first: on the console, the page and the card."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint, Predictions
from contrast_tfdata.report import RunDescription, findings, usefulness, write_model_card
from contrast_tfdata.report.page import render

KNOWN = RunDescription("A run", manifest={"patients_known": True}, leakage=("Patients were seen.",))


def split(labels, logits, patients=None):
    """Returns predictions of slices, each of a patient of its own or as given."""
    names = tuple(map(str, range(len(labels))))
    group = names if patients is None else tuple(map(str, patients))
    return Predictions(names, np.zeros(len(labels), int), names, group, np.array(labels), np.array(logits, float))


def noise(labels, seed=1):
    """Returns logits that know nothing, all above 0."""
    return 3 + np.random.default_rng(seed).normal(size=len(labels))


FEW_BEFORE = [0] * 6 + [1] * 36
MANY = [0] * 60 + [1] * 120


def warned(predictions, point=None, *, known=True):
    metrics = summarize(None, predictions, point or OperatingPoint.fixed())
    return findings.usefulness_warnings(metrics, patients_known=known)


@pytest.mark.parametrize(("sign", "called"), [(1, "after contrast"), (-1, "before contrast")])
@pytest.mark.parametrize("labels", [FEW_BEFORE, MANY])
@pytest.mark.parametrize("known", [True, False])
def test_one_answer_for_all_is_said_first(labels, sign, called, known):
    first, *_ = warned(split(labels, sign * noise(labels)), known=known)
    assert first == (
        f"At its threshold the network calls every test slice {called}: it has learned nothing that can be used."
    )


def test_one_answer_for_all_by_scores_that_separate_is_the_thresholds_fault():
    (first,) = warned(split(MANY, 9 + 3 * np.array(MANY) + noise(MANY)))
    assert "every test slice after contrast: the threshold does not fit these slices" in first


def test_answers_no_better_than_the_commoner_one_are_said_beside_it():
    logits = np.where(np.arange(180) % 3 == 0, -1.0, 1.0) * noise(MANY)
    first, second = warned(split(MANY, logits))
    assert "Always answering after contrast would be right for 66.7%. These answers show no use" in first
    assert "cannot be told from guessing" in second


def test_a_threshold_that_costs_accuracy_is_no_failure():
    labels = [0] * 30 + [1] * 300
    logits = 2.0 * np.array(labels) + np.random.default_rng(0).normal(size=330)
    (said,) = warned(split(labels, logits - 2.5))
    assert "Judge by sensitivity and specificity." in said


def test_a_good_network_on_many_patients_is_not_warned_of():
    assert warned(split(MANY, 6.0 * np.array(MANY) - 3 + noise(MANY) - 3)) == []


@pytest.mark.parametrize("labels", [[1] * 40, [0] * 40, [1]])
def test_one_class_has_its_own_warning_and_none_of_these(labels):
    assert warned(split(labels, noise(labels))) == []
    assert findings.usefulness_warnings(summarize(None, None), patients_known=True) == []


@pytest.mark.parametrize(
    ("patients", "known", "said"),
    [
        (list(range(42)), True, "only 6 slices of 6 patients before contrast"),
        ([0, 0, 0, 1, 1, 1, *range(6, 42)], True, "only 6 slices of 2 patients before contrast"),
        ([0] * 42, False, "only 6 slices before contrast"),
    ],
)
def test_the_scarcer_class_is_named_with_its_patients(patients, known, said):
    assert said in warned(split(FEW_BEFORE, noise(FEW_BEFORE), patients), known=known)[-1]


@pytest.mark.parametrize(("patients", "said"), [(49, True), (50, False)])
def test_few_patients_who_have_slices_of_both_classes_are_counted_together(patients, said):
    labels = [0, 1] * patients
    logits = 6.0 * np.array(labels) - 3 + noise(labels) - 3
    found = warned(split(labels, logits, np.repeat(range(patients), 2)))
    assert (
        found == [f"The test split has only {patients} patients. On other patients the figures may differ much."] * said
    )


def test_figures_of_an_earlier_version_are_judged_by_slices():
    metrics = summarize(None, split(FEW_BEFORE, noise(FEW_BEFORE)), OperatingPoint.fixed())
    del metrics["test"]["num_groups_by_class"]
    assert "only 6 slices before contrast" in usefulness.warnings("test", metrics["test"], patients_known=True)[-1]


def test_page_card_and_console_say_it_before_all_else(tmp_path, parse):
    from contrast_tfdata.records.manifest import Manifest
    from contrast_tfdata.runs.outcome import say_findings

    metrics = summarize(None, split(FEW_BEFORE, noise(FEW_BEFORE)), OperatingPoint.fixed())
    first = findings.caveats(metrics, KNOWN)[0]
    assert "learned nothing" in first
    page = parse(render(metrics=metrics, charts=[], gallery=None, run=KNOWN, has_history=True)).text
    assert page.partition("Before you believe these numbers")[2].strip().startswith(first)
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=KNOWN).read_text()
    assert card.partition("Before you believe these numbers:**")[2].strip().startswith(f"- {first}")
    assert card.index(first) < card.index("| Figure |")
    console = Console(file=io.StringIO(), width=10_000)
    say_findings(metrics, Manifest({"image_size": 331}, {}, {}, True, {}), console)
    assert console.file.getvalue().startswith(f"warning: {first}\n")


def test_patients_who_have_slices_of_both_classes_count_in_both(draw):
    labels = [0, 1, 0, 1, 1]
    counted = summarize(None, split(labels, noise(labels), [0, 0, 1, 2, 2]))["test"]
    assert counted["num_groups_by_class"] == {"no_gad": 2, "with_gad": 2}
    unknown = dataclasses.replace(split(labels, noise(labels)), group=("",) * 5)
    assert summarize(None, unknown)["test"]["num_groups_by_class"] is None


@pytest.mark.parametrize("known", [True, False])
def test_patients_of_each_class_are_in_the_table_of_splits(draw, parse, tmp_path, known):
    splits = {
        name: {"records": 42, "classes": {"no_gad": 6, "with_gad": 36}, "groups": 40} for name in ("train", "test")
    }
    run = RunDescription(
        "A run",
        manifest={"patients_known": known, "splits": splits},
        training_patients_by_class={"no_gad": 91, "with_gad": 92},
    )
    metrics = summarize(None, split(FEW_BEFORE, noise(FEW_BEFORE), [0, 0, *range(40)]))
    page = render(metrics=metrics, charts=[], gallery=None, run=run, has_history=True).partition('id="data"')[2]
    unit = "Patients" if known else "Groups"
    for name, count in ((f"{unit} before", 91), (f"{unit} before", 4), (f"{unit} after", 92), (f"{unit} after", 36)):
        assert f'data-label="{name}">{count}<' in page
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=run).read_text()
    assert "| test | 42 | 6 | 36 | 40 | 4 | 36 |" in card
