import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from summaries import summarize

from contrast_tfdata.evaluation import ConfounderScores, Predictions, metrics_at
from contrast_tfdata.evaluation.confounders import confounders, trivial_scores
from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.images.preprocessing import Preprocessing, foreground_floor
from contrast_tfdata.images.reading import read, scan

NAMES = ["mean_grey", "mean_grey_image", "bright_share", "foreground_share"]


def picture(seed: int, exponent: float = 1.0) -> np.ndarray:
    """Returns a (64, 64) uint8 disc of random texture on black; a smaller exponent makes it brighter."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64] - 32
    texture = rng.beta(2, 4, (64, 64)) ** exponent
    return np.where(np.hypot(rows, columns) < 26, np.rint(70 + 185 * texture), 0).astype(np.uint8)


def predictions(labels, logits, groups=None) -> Predictions:
    names = tuple(map(str, range(len(labels))))
    return Predictions(names, np.zeros(len(labels), np.int64), names, groups or names, labels, logits)


def measured(logits, pictures) -> ConfounderScores:
    rows = [trivial_scores(each) for each in pictures]
    return ConfounderScores(np.asarray(logits), {name: np.array([row[name] for row in rows]) for name in NAMES})


def confounded(count: int = 60, match: bool = False):
    """Returns labels and pictures that differ between classes in nothing but brightness."""
    labels = np.arange(count) % 2
    pictures = [picture(n, 0.7 if label else 1.2) for n, label in enumerate(labels)]
    return labels, [match_foreground(each) for each in pictures] if match else pictures


@given(seed=st.integers(0, 1000))
def test_each_score_is_what_its_name_says(seed):
    pixels = np.clip(np.random.default_rng(seed).lognormal(3.5, 1.3, (20, 30)), 0, 255).astype(np.uint8)
    foreground = pixels[pixels > foreground_floor(pixels)]
    assert trivial_scores(pixels) == pytest.approx(
        {
            "mean_grey": foreground.mean(),
            "mean_grey_image": pixels.mean(),
            "bright_share": np.mean(foreground > 180),
            "foreground_share": foreground.size / pixels.size,
        }
    )


def test_a_black_image_has_scores():
    assert trivial_scores(np.zeros((4, 4), np.uint8)) == dict.fromkeys(NAMES, 0.0)


def test_aucs_are_those_of_the_better_direction():
    labels, pictures = confounded()
    rng = np.random.default_rng(0)
    logits, matched = rng.normal(labels, 1.0), rng.normal(0.2 * labels, 1.0)
    found = confounders(predictions(labels, logits), measured(matched, pictures))
    assert found["auc_histogram_matched"] == pytest.approx(roc_auc_score(labels, matched))
    low, high = found["auc_histogram_matched_ci95"]
    assert low < found["auc_histogram_matched"] < high
    assert list(found["trivial"]) == NAMES
    for name, values in measured(matched, pictures).trivial.items():
        area = roc_auc_score(labels, values)
        assert found["trivial"][name]["auc"] == pytest.approx(max(area, 1 - area))
        low, high = found["trivial"][name]["auc_ci95"] or (0, 1)  # None where classes are apart
        assert low <= found["trivial"][name]["auc"] <= high
    apart = {"auc": 1.0, "auc_ci95": None, "auc_ci95_by_group": None}
    assert found["trivial"]["mean_grey"] == {**apart, "higher_in": "with_gad"}
    other = confounders(predictions(1 - labels, logits), measured(matched, pictures))
    assert other["trivial"]["mean_grey"] == {**apart, "higher_in": "no_gad"}


def test_matching_takes_brightness_away():
    labels, raw = confounded(200)
    _, matched = confounded(200, match=True)
    areas = [confounders(predictions(labels, labels), measured(labels, each))["trivial"] for each in (raw, matched)]
    for name in ("mean_grey", "mean_grey_image", "bright_share"):
        assert areas[0][name]["auc"] > 0.95, name
        assert areas[1][name]["auc"] < 0.65, name


def test_groups_count_together_as_in_the_metrics():
    labels, logits = np.arange(80) % 2, np.random.default_rng(1).normal(np.arange(80) % 2, 1)
    groups = tuple(str(n // 8) for n in range(80))
    split = predictions(labels, logits, groups)
    check = confounders(split, ConfounderScores(split.logit, {"mean_grey": -split.logit}))
    wanted = metrics_at(split, 0.5)
    for key in ("auc", "auc_ci95", "auc_ci95_by_group"):
        assert check[key.replace("auc", "auc_histogram_matched")] == wanted[key]
        assert check["trivial"]["mean_grey"][key] == wanted[key]  # the better direction is the logit itself


def test_slices_of_unknown_class_are_left_out():
    labels, pictures = confounded(40)
    logits = np.random.default_rng(2).normal(labels, 1)
    mixed = np.where(np.arange(40) < 10, -1, labels)
    known = confounders(predictions(labels[10:], logits[10:]), measured(logits[10:], pictures[10:]))
    assert confounders(predictions(mixed, logits), measured(logits, pictures)) == known


def test_one_class_has_no_auc():
    pictures = [picture(n) for n in range(5)]
    found = confounders(predictions([1] * 5, np.arange(5.0)), measured(np.arange(5.0), pictures))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["auc_histogram_matched"] is None
    assert set(found["trivial"]["mean_grey"].values()) == {None}


def test_equal_values_have_no_direction():
    split = predictions([0, 1, 0, 1], np.arange(4.0))
    found = confounders(split, measured(np.arange(4.0), [picture(0)] * 4))
    assert {(each["auc"], each["higher_in"]) for each in found["trivial"].values()} == {(0.5, None)}


def test_rows_must_belong_to_each_other():
    with pytest.raises(ValueError, match="of one length. Received: {'matched_logit': 3, 'mean_grey': 2}"):
        ConfounderScores(np.zeros(3), {"mean_grey": np.zeros(2)})
    with pytest.raises(ValueError, match="Received: 3 scores of 2 slices"):
        confounders(predictions([0, 1], np.zeros(2)), ConfounderScores(np.zeros(3), {}))


def test_the_summary_holds_them_beside_the_figures_of_their_split():
    labels, pictures = confounded()
    split = predictions(labels, np.random.default_rng(3).normal(labels, 1))
    summary = summarize(split, split, checks={"test": measured(split.logit, pictures)})
    assert summary["test"]["confounders"]["auc_histogram_matched"] == summary["test"]["auc"]
    assert summary["validation"]["confounders"] is None
    unlabelled = predictions([-1] * 60, split.logit)
    assert summarize(None, unlabelled, checks={"test": measured(split.logit, pictures)})["test"] is None


@pytest.mark.real
def test_brightness_fakes_an_auc_on_real_slices_until_histograms_match(real_data):
    """One source, whose classes come from different places: what the whole check is there for."""
    labels, pictures = [], []
    for label, name in enumerate(("no_gad", "with_gad")):
        for path in sorted((real_data / "jpeg" / name).iterdir()):
            data = path.read_bytes()
            labels.append(label)
            pictures.append(Preprocessing(intensity="stored")(read(data, scan(data), [0])[0]))
    assert len(labels) == 216
    split = predictions(labels, np.zeros(216))
    raw = confounders(split, measured(np.zeros(216), pictures))["trivial"]
    matched = measured(np.zeros(216), [match_foreground(each) for each in pictures])
    matched = confounders(split, matched)["trivial"]
    assert raw["bright_share"]["auc"] == pytest.approx(0.92, abs=0.02)
    assert raw["bright_share"]["higher_in"] == "no_gad"
    assert raw["mean_grey"]["auc"] > 0.9
    for name in ("bright_share", "mean_grey"):
        assert matched[name]["auc"] < 0.65, name
    # What matching leaves: the heads of one class fill more of their frames.
    assert matched["foreground_share"]["auc"] > 0.7
