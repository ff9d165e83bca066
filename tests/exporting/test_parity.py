"""The comparison of an exported network's answers with the network's: what passes, and what does not."""

import numpy as np
import pytest

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.evaluation import Choices, IndeterminateBand, OperatingPoint
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.exporting import parity
from contrast_tfdata.exporting.formats import Tolerance
from contrast_tfdata.exporting.samples import Sample
from contrast_tfdata.exporting.thresholds import Thresholds

CUTS = Thresholds.of(Choices(OperatingPoint.fixed(0.5), IndeterminateBand(0.4, 0.6, 0.02, "validation")))
LOGITS = np.array([-20, -1, -0.1, 0.1, 1, 20], np.float32)
SAMPLE = Sample(np.zeros((6, 2, 2), np.uint8), np.array([0, 0, 0, 1, 1, 1]), "six slices")
FLOAT32 = Tolerance(logit=1e-4)


def answers(logits, **changes):
    logits = np.asarray(logits, np.float32)
    own = {"probability": sigmoid(logits), "prediction": CUTS.prediction(logits), "decision": CUTS.decision(logits)}
    return {"logit": logits, **own, **changes}


def compared(given, near=1e-4):
    return parity.compare(LOGITS, given, CUTS, SAMPLE, {"runtime": "1"}, near)


def test_the_same_answers_pass():
    found = compared(answers(LOGITS))
    assert (found.logit, found.agreement, found.decision_agreement, found.strays) == (0, 1, 1, 0)
    assert found.probability < 1e-16
    assert found.auc == found.auc_network == 1
    assert found.problems(FLOAT32) == []
    assert found.problems(Tolerance(logit=0.0)) == []


def test_differences_are_relative_to_large_logits():
    moved = LOGITS + np.array([0.001, 0, 0, 0, 0, 0], np.float32)
    found = compared(answers(moved))
    assert found.logit == pytest.approx(0.001, rel=1e-2)
    assert found.logit_relative == pytest.approx(0.001 / 20, rel=1e-2)
    assert found.problems(FLOAT32) == []
    small = compared(answers(LOGITS + np.array([0, 0, 0.001, 0, 0, 0], np.float32)))
    assert small.problems(FLOAT32) == ["logit difference, relative: 0.001, allowed 0.0001"]


@pytest.mark.parametrize("name", ["prediction", "decision"])
def test_another_answer_far_from_a_threshold_is_refused_though_the_logits_agree(name):
    wrong = answers(LOGITS)[name].copy()
    wrong[-1] = 0
    found = compared(answers(LOGITS, **{name: wrong}))
    assert found.strays == 1
    assert found.problems(FLOAT32) == ["other answers than the network's: 1 slice, not near a threshold"]


def test_another_answer_at_a_threshold_is_rounding():
    at_the_cut = np.array([*LOGITS[:5], CUTS.threshold], np.float32)
    given = answers(at_the_cut)
    given["prediction"] = given["prediction"].copy()
    given["prediction"][-1] = 1
    found = parity.compare(at_the_cut, given, CUTS, SAMPLE, {}, 1e-4)
    assert found.agreement == pytest.approx(5 / 6)
    assert found.strays == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_is_refused(value):
    given = answers(LOGITS)
    given["logit"] = np.where(np.arange(6) == 2, np.float32(value), LOGITS)
    assert any("logit difference" in each for each in compared(given).problems(FLOAT32))


def test_a_lost_order_is_a_loss_of_auc():
    found = compared(answers(LOGITS[::-1]))
    assert (found.auc, found.auc_loss) == (0, 1)
    assert found.problems(Tolerance(auc_loss=0.01)) == ["loss of AUC: 1, allowed 0.01"]
    assert "AUC 0.0000, the network's 1.0000 (loss 1.0000)" in found.lines()


def test_of_one_class_no_auc_is_told():
    sample = Sample(SAMPLE.pixels, np.ones(6, int), "one class")
    found = parity.compare(LOGITS, answers(LOGITS), CUTS, sample, {})
    assert found.auc is found.auc_loss is None
    assert found.problems(Tolerance(auc_loss=0.01)) == []
    assert len(found.lines()) == 3


@pytest.mark.parametrize("change", [{"decision": None}, {"logit": np.zeros((6, 1), np.float32)}])
def test_missing_and_misshapen_answers_are_refused(change):
    given = {name: value for name, value in {**answers(LOGITS), **change}.items() if value is not None}
    with pytest.raises(ContrastError, match=f"misshapen answers: {next(iter(change))}"):
        compared(given)


def test_a_file_that_does_not_run_is_refused_with_the_runtimes_word(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no network")
    with pytest.raises(ContrastError, match="does not run by itself: .*m.onnx"):
        parity.run_outside("onnx", tmp_path / "m.onnx", SAMPLE.pixels)
