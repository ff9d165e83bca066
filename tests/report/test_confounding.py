import copy

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import ConfounderScores
from contrast_tfdata.report import RunDescription, findings, write_model_card
from contrast_tfdata.report.page import render


def checked(split, *, matched=None, grey=None, name="test"):
    """Returns metrics of a split with a check: what the network says of matched slices, and one trivial score."""
    rng = np.random.default_rng(0)
    scores = ConfounderScores(
        split.logit if matched is None else matched,
        {"mean_grey": rng.random(len(split)) if grey is None else grey, "foreground_share": rng.random(len(split))},
    )
    splits = {"validation": None, "test": None, name: split}
    return summarize(**splits, checks={name: scores})


def page_of(metrics):
    run = RunDescription("A run")
    return render(metrics=metrics, charts=[], gallery=None, run=run, has_history=True)


@pytest.mark.parametrize("name", ["test", "validation"])
def test_page_and_card_show_one_table_and_one_sentence(tmp_path, draw, parse, name):
    split = draw(90, 1)
    metrics = checked(split, grey=np.where(split.label == 1, 0.2, 0.6) + np.linspace(0, 0.5, 90), name=name)
    grey = metrics[name]["confounders"]["trivial"]["mean_grey"]
    assert grey["higher_in"] == "no_gad"
    low, high = grey["auc_ci95"]
    page = parse(page_of(metrics)).text
    card = write_model_card(tmp_path / "card.md", metrics=metrics, run=RunDescription("A run")).read_text()
    for text in (page, card):
        assert text.count("Could something simpler do it?") == 1
        assert f"separates the classes of {name} best: AUC {grey['auc']:.3f}, higher before contrast." in text
        assert "the same histogram" in text
        assert f"{grey['auc']:.3f}" in text
    assert f"| Only the mean grey of the foreground | {grey['auc']:.3f} | {low:.3f} to {high:.3f} | no_gad |" in card


def test_nothing_is_warned_of_where_the_network_beats_all_and_keeps_its_auc(draw):
    metrics = checked(draw(90, 1))
    assert findings.confounder_warnings(metrics) == []
    assert findings.confounder_sentence(metrics)


def test_a_trivial_score_as_good_as_the_network_is_warned_of(draw, parse):
    split = draw(90, 1)
    metrics = checked(split, grey=-split.logit)
    assert metrics["test"]["confounders"]["trivial"]["mean_grey"]["auc"] == pytest.approx(metrics["test"]["auc"])
    (warning,) = findings.confounder_warnings(metrics)
    assert "mean grey of the foreground alone (AUC" in warning
    assert "higher before contrast" in warning
    assert warning in parse(page_of(metrics)).text
    assert warning in findings.caveats(metrics, RunDescription("A run"))


@pytest.mark.parametrize(("fall", "warned"), [(0.09, False), (0.11, True)])
def test_a_fall_without_brightness_is_warned_of_above_a_tenth(draw, fall, warned):
    metrics = checked(draw(90, 1))
    metrics["test"]["confounders"]["auc_histogram_matched"] = metrics["test"]["auc"] - fall
    found = findings.confounder_warnings(metrics)
    assert [("relies on brightness" in each) for each in found] == [True] * warned


def test_one_class_and_no_check_say_nothing(draw, parse):
    unchecked = summarize(None, draw(60, 1))
    for metrics in (checked(draw(5, 1, [1] * 5)), unchecked, summarize(None, None)):
        assert findings.confounder_rows(metrics) == []
        assert findings.confounder_sentence(metrics) is None
        assert findings.confounder_warnings(metrics) == []
        assert "Could something simpler" not in parse(page_of(metrics)).text


def test_metrics_of_an_earlier_version_are_still_shown(draw):
    metrics = copy.deepcopy(summarize(None, draw(60, 1)))
    del metrics["test"]["confounders"]
    assert "Could something simpler" not in page_of(metrics)


def test_a_score_of_a_later_version_is_called_by_its_key(draw):
    metrics = checked(draw(60, 1))
    metrics["test"]["confounders"]["trivial"]["later_score"] = {"auc": 1.0, "higher_in": "with_gad"}
    assert findings.confounder_rows(metrics)[-1]["name"] == "Only the later_score"
    assert "the later_score separates" in findings.confounder_sentence(metrics)


def stored_apart(split, kind="file_bytes", overlap=0.0):
    """Returns metrics of a split whose classes differ in the size of their files, and in nothing of the pictures."""
    rng = np.random.default_rng(0)
    values = {"mean_grey": rng.random(len(split)), kind: split.label + overlap * rng.normal(size=len(split))}
    return summarize(None, split, checks={"test": ConfounderScores(split.logit, values)})


@pytest.mark.parametrize("kind", ["file_bytes", "image_pixels"])
def test_sizes_of_files_tell_of_storage_and_not_of_the_network(draw, kind):
    metrics = stored_apart(draw(90, 1, shift=1.5), kind)
    (warning,) = findings.confounder_warnings(metrics)
    assert "were stored in different ways" in warning
    assert "The network sees the pixels only" in warning
    assert "does not show" not in warning
    assert "mean grey" in findings.confounder_sentence(metrics)  # of what the network sees


@pytest.mark.parametrize(("count", "overlap"), [(90, 1.0), (12, 0.0)], ids=["not clearly", "few patients"])
def test_sizes_of_files_by_chance_are_not_warned_of(draw, count, overlap):
    assert findings.confounder_warnings(stored_apart(draw(count, 1), overlap=overlap)) == []


@pytest.mark.parametrize("count", [12, 90])
def test_a_simple_score_of_few_patients_is_not_warned_of(draw, count):
    split = draw(count, 1)
    assert bool(findings.confounder_warnings(checked(split, grey=split.logit))) == (count == 90)


@pytest.mark.parametrize(
    ("count", "change", "said"),
    [
        (90, 0.05, "so it does not rely on brightness"),
        (90, -0.2, "so it relies on brightness"),
        (90, 0.2, "so brightness misleads it here, and it does better without"),
        (12, 0.2, "the difference may be chance"),
        (12, -0.2, "the difference may be chance"),
    ],
)
def test_what_becomes_of_the_auc_without_brightness_is_explained(draw, count, change, said):
    metrics = checked(draw(count, 1))
    metrics["test"]["auc"], metrics["test"]["confounders"]["auc_histogram_matched"] = 0.7, 0.7 + change
    assert findings.confounder_sentence(metrics).endswith(f"{said}.")
    assert any("relies on brightness" in each for each in findings.confounder_warnings(metrics)) == (
        said == "so it relies on brightness"
    )
