"""The arithmetic behind the table of real images, on answers whose figures are counted by hand."""

import numpy as np
import pytest

from benchmarks.transfer import figures
from benchmarks.transfer.__main__ import _refuse_unknown, table
from benchmarks.transfer.ship import measurements
from contrast_tfdata.report.shipped_card import render_shipped_card


def scored(logits, matched=None):
    """Two patients with two slices before and two after contrast, and one with two slices before it."""
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0])
    patients = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)
    series = np.char.add(patients, labels.astype(str))
    logits = np.array(logits, float)
    return figures.Scored(labels, series, patients, logits, logits if matched is None else np.array(matched, float))


def test_counts_and_areas():
    result = figures.summarize(scored([-2, -1, 1, 2, -2, 3, 2.5, 4, -3, -4], matched=[0] * 10), threshold=0.0)
    assert (result["slices"], result["series"], result["patients"]) == (10, 5, 3)
    # Of 6 x 4 pairs of slices, the one that scores 3 stands above three of the four after contrast.
    assert result["auc"] == pytest.approx(1 - 3 / 24)
    assert result["auc_matched"] == 0.5


def test_series_are_judged_by_their_mean():
    result = figures.summarize(scored([-2, -1, 1, 2, -2, 3, 2.5, 4, -3, -4]), threshold=0.0)
    # Means: a -1.5 and 1.5, b 0.5 and 3.25, c -3.5: one of three series before contrast is called post.
    assert result["series_balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["slice_balanced_accuracy"] == pytest.approx((5 / 6 + 1) / 2)
    assert result["series_auc"] == 1.0
    shifted = figures.summarize(scored([-2, -1, 1, 2, -2, 3, 2.5, 4, -3, -4]), threshold=1.0)
    assert shifted["series_balanced_accuracy"] == 1.0


def test_pairs_are_patients_with_both_series():
    in_order = figures.summarize(scored([-1, -1, 1, 1, -1, -1, 1, 1, 9, 9]), threshold=0.0)
    assert (in_order["pairs"], in_order["pairs_in_order"]) == (2, 2)
    one_wrong = figures.summarize(scored([-1, -1, 1, 1, 2, 2, 1, 1, 9, 9]), threshold=0.0)
    assert one_wrong["pairs_in_order"] == 1


def test_mean_and_spread_over_seeds():
    spread = figures.mean_and_spread([{"auc": 0.8, "auc_ci95": [0, 1]}, {"auc": 0.9, "auc_ci95": None}])
    assert spread == {"auc": (pytest.approx(0.85), pytest.approx(np.std([0.8, 0.9], ddof=1)))}
    assert figures.mean_and_spread([{"auc": 0.8}])["auc"] == (0.8, 0.0)


def test_threshold_lies_where_both_sources_are_told_apart():
    low, high = [-4, -4, -1, -1, -3, -3, 0, 0, -5, -5], [-1, -1, 4, 4, -2, -2, 3, 3, -3, -3]
    # Series of one source: -5, -4, -3 before and -1, 0 after; of the other -3, -2, -1 and 3, 4: no threshold fits both.
    one, other = scored(low), scored(high)
    assert figures.choose_threshold([one]) == -2.0
    assert figures.choose_threshold([other]) == 1.0
    both = figures.choose_threshold([one, other])
    merits = [figures.summarize(each, both)["series_balanced_accuracy"] for each in (one, other)]
    assert np.mean(merits) == pytest.approx((1 + 5 / 6) / 2)


def test_a_threshold_travels_from_the_other_source():
    low, high = scored([-4, -4, -1, -1, -3, -3, 0, 0, -5, -5]), scored([-1, -1, 4, 4, -2, -2, 3, 3, -3, -3])
    found = figures.summarize_sources({"low": low, "high": high}, threshold=1.0)
    # Of `low`, whose series lie at -5, -4, -3 and -1, 0, the 1 of `high` calls all no_gad; of `high`, whose series lie
    # at -3, -2, -1 and 3, 4, the -2 of `low` calls one of three series before contrast with_gad.
    assert found["low"]["series_balanced_accuracy_travelled"] == 0.5
    assert found["high"]["series_balanced_accuracy_travelled"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["high"]["series_balanced_accuracy"] == 1.0


def test_one_class_has_no_area():
    with pytest.raises(ValueError, match="both classes"):
        figures.area(np.ones(3), np.arange(3))


def test_table_has_a_row_for_each_network_and_source():
    source = scored([-2, -1, 1, 2, -2, 3, 2.5, 4, -3, -4])
    one = figures.summarize_sources({"jpeg": source, "nifti": source}, threshold=0.0)["jpeg"]
    lines = list(table({"run": {"jpeg": [one, one], "nifti": [one]}}))
    assert len(lines) == 4
    assert lines[2].startswith("| run | jpeg | 10 | 2 | 0.875 ± 0.000 |")
    assert lines[3].startswith("| run | nifti | 10 | 1 | 0.875 |")


def test_measurements_are_what_the_model_card_takes():
    one = figures.summarize(scored([-2, -1, 1, 2, -2, 3, 2.5, 4, -3, -4]), threshold=0.0)
    description = {"weights_sha256": "f" * 64, "operating_point": {"threshold": 0.5}, "name": "n"}
    written = measurements({"jpeg": one, "nifti": one}, description)
    assert [row["auc"] for row in written["rows"]] == [one["auc"]] * 2
    assert written["rows"][0]["series_balanced_accuracy"] == one["series_balanced_accuracy"]
    assert "0.875" in render_shipped_card(description, written)


def test_patients_are_left_out_with_all_that_is_theirs():
    whole = scored(range(10), matched=range(100, 110))
    left = whole.without(["b", "nobody"])
    assert set(left.patients) == {"a", "c"}
    assert left.logits.tolist() == [0, 1, 2, 3, 8, 9]
    assert (left.matched_logits == left.logits + 100).all()
    assert left.labels.tolist() == [0, 0, 1, 1, 0, 0]
    assert len(whole.without([]).labels) == 10


def test_a_patient_to_leave_out_who_is_in_no_source_is_refused():
    found = {"jpeg": scored(range(10)), "nifti": scored(range(10)).without("b")}
    _refuse_unknown(["a", "b"], found)
    with pytest.raises(SystemExit, match="no source has d, e"):
        _refuse_unknown(["a", "e", "d"], found)
