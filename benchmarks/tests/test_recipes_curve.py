import pytest

from benchmarks.recipes import Curve, compare, mean_curve


def test_accuracy_is_reached_at_the_end_of_an_epoch():
    curve = Curve([0.5, 0.8, 0.7, 0.9], steps_per_epoch=12, seconds=40.0)
    assert curve.steps_to(0.8) == 24
    assert curve.steps_to(0.85) == 48
    assert curve.steps_to(0.95) is None
    assert curve.settled == pytest.approx(0.8)


def test_runs_of_a_recipe_are_averaged_epoch_by_epoch():
    curve = mean_curve([Curve([0.5, 0.75], 12, 40.0), Curve([0.75, 1.0], 12, 50.0)])
    assert curve.accuracy == [0.625, 0.875]
    assert (curve.steps_per_epoch, curve.seconds) == (12, 45.0)
    with pytest.raises(ValueError, match="shorter"):
        mean_curve([Curve([0.5, 0.75], 12, 40.0), Curve([0.75], 12, 50.0)])


def test_fraction_is_of_the_steps_to_the_same_accuracy():
    slides, fast = Curve([0.5, 0.6, 0.7, 0.9, 0.9, 0.9], 10, 60.0), Curve([0.7, 0.9], 10, 24.0)
    found = compare([slides], [fast])
    assert found["step_fraction"] == pytest.approx(20 / 40)
    assert found["recipes"]["fast"]["seconds_to_accuracy"] == pytest.approx(24.0)
    assert found["recipes"]["slides"]["seconds_to_accuracy"] == pytest.approx(40.0)


def test_an_accuracy_that_is_not_reached_has_no_fraction():
    assert compare([Curve([0.9], 10, 6.0)], [Curve([0.8], 10, 6.0)])["step_fraction"] is None


def test_single_runs_are_kept():
    found = compare([Curve([0.5], 10, 6.0), Curve([0.75], 10, 6.0)], [Curve([0.8], 10, 6.0)])
    assert found["recipes"]["slides"]["runs"] == [[0.5], [0.75]]
    assert found["recipes"]["slides"]["accuracy"] == [0.625]
