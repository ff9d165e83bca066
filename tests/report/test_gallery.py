"""Which slices are shown: pairs of one patient, both classes, right answers."""

import numpy as np
import pytest

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.report.gallery import collect_samples


def volumes(*rows):
    """Returns predictions of (patient, label, slice_index, logit)."""
    patients, labels, places, logits = zip(*rows, strict=True)
    ids = tuple(map(str, range(len(rows))))
    return Predictions(tuple(f"{p}/{label}" for p, label, *_ in rows), places, ids, patients, labels, logits)


def samples(predictions, *, known=True, threshold=0.5):
    return collect_samples("test", predictions, threshold, {}, patients_known=known)


def shown(found):
    return [(case.path.split("/")[0], case.truth, case.slice_index) for case in found.cases]


def test_a_pair_is_of_one_patient_and_as_near_in_place_as_there_is():
    rows = [("a", 0, place, -1.0) for place in (10, 20, 30)] + [("a", 1, place, 1.0) for place in (11, 19, 40)]
    found = samples(volumes(("alone", 1, 5, 2.0), *rows, ("other", 0, 20, -1.0)))
    assert found.are_pairs
    assert shown(found) == [("a", "no_gad", 20), ("a", "with_gad", 19)]


def test_two_patients_of_many_are_shown():
    found = samples(volumes(*((f"p{number}", label, 0, 0.0) for number in range(9) for label in (1, 0))))
    assert shown(found) == [(name, truth, 0) for name in ("p0", "p4") for truth in ("no_gad", "with_gad")]


@pytest.mark.parametrize(
    ("known", "rows"),
    [
        (False, [("a", 0, 0, 0.0), ("a", 1, 0, 0.0), ("a", 0, 1, 0.0), ("a", 1, 1, 0.0)]),  # Look-alikes, perhaps.
        (True, [("a", 0, 0, 0.0), ("b", 1, 0, 0.0), ("a", 0, 1, 0.0), ("b", 1, 1, 0.0), ("a", -1, 2, 0.0)]),
    ],
    ids=["patients not known", "no patient has both"],
)
def test_without_pairs_both_classes_are_shown(known, rows):
    found = samples(volumes(*rows), known=known)
    assert not found.are_pairs
    assert [case.truth for case in found.cases] == ["no_gad"] * 2 + ["with_gad"] * 2


def test_of_each_class_the_surest_the_middle_and_the_least_sure_right_answer():
    logits = {0: [-5, -4, -3, -2, -1, 3], 1: [-2, 1, 2, 6]}
    split = volumes(*((f"p{label}", label, n, float(x)) for label in (0, 1) for n, x in enumerate(logits[label])))
    right = samples(split).right
    assert np.log([case.probability / (1 - case.probability) for case in right]) == pytest.approx([-5, -3, -1, 6, 2, 1])
    assert [case.truth for case in right] == ["no_gad"] * 3 + ["with_gad"] * 3


@pytest.mark.parametrize("logits", [(1.0, -1.0), (-1.0, -1.0)], ids=["all wrong", "one class right"])
def test_few_right_answers_come_once_each(logits):
    right = samples(volumes(("a", 0, 0, logits[0]), ("b", 1, 0, logits[1]))).right
    assert [case.position for case in right] == ([0] if logits[0] < 0 else [])


def test_one_class_or_no_slice_of_known_class_gives_what_there_is():
    assert [case.truth for case in samples(volumes(("a", 1, 0, 1.0))).cases] == ["with_gad"]
    assert samples(volumes(("a", -1, 0, 1.0))).cases == ()
