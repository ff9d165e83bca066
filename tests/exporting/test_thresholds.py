"""Comparing float32 logits decides as comparing their float64 probabilities with the threshold does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.evaluation import Choices, IndeterminateBand, OperatingPoint
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.exporting.thresholds import UNANSWERED, Thresholds, in_logits

THRESHOLDS = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, 5e-324, 1 - 2**-53, float(sigmoid(17.3))]))


@given(THRESHOLDS)
def test_a_threshold_is_the_last_logit_that_is_not_above(threshold):
    last = in_logits(threshold)
    assert last.dtype == np.float32
    assert sigmoid(last) <= threshold
    assert last == np.inf or sigmoid(np.nextafter(last, np.float32(np.inf))) > threshold


@given(THRESHOLDS, st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_predictions_are_those_of_the_probabilities(threshold, logits):
    logits = np.array(logits, np.float32)
    thresholds = Thresholds.of(Choices(OperatingPoint.fixed(threshold)))
    np.testing.assert_array_equal(thresholds.prediction(logits), sigmoid(logits) > threshold)
    np.testing.assert_array_equal(thresholds.decision(logits), thresholds.prediction(logits))


@given(st.lists(THRESHOLDS, min_size=3, max_size=3).map(sorted), st.lists(st.floats(-40, 40, width=32), min_size=1))
def test_decisions_are_those_of_the_band(ends, logits):
    low, threshold, high = ends
    logits, band = np.array(logits, np.float32), IndeterminateBand(low, high, 0.02, "validation")
    decision = Thresholds.of(Choices(OperatingPoint.fixed(threshold), band)).decision(logits)
    np.testing.assert_array_equal(decision == UNANSWERED, band.is_indeterminate(sigmoid(logits)))
    answered = decision != UNANSWERED
    np.testing.assert_array_equal(decision[answered], (sigmoid(logits) > threshold)[answered])


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, 0.0), (1.0, np.inf)])
def test_known_thresholds(threshold, expected):
    # Around 0 the probability is 0.5 for all logits up to half a unit of float64.
    assert in_logits(threshold) == pytest.approx(expected, abs=3e-16)
