import dataclasses

import numpy as np
import pytest
from sklearn.metrics import auc as area
from summaries import summarize

from contrast_tfdata.evaluation import Predictions, metrics_at, slides_sweep
from contrast_tfdata.report import figures, style


def draw(count=120, seed=0):
    rng = np.random.default_rng(seed)
    labels, names = np.arange(count) % 3 // 2, tuple(map(str, range(count)))
    return Predictions(names, np.zeros(count, np.int64), names, names, labels, rng.normal(4 * labels - 2, 2))


def lines(figure):
    return {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}


def test_learning_curves_hold_the_history():
    history = [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n} for n in (1, 2, 3)]
    drawn = lines(figures.learning_curves(history, "loss", "Loss"))
    np.testing.assert_allclose(drawn["Training"], [(1, 1), (2, 1 / 2), (3, 1 / 3)])
    np.testing.assert_allclose(drawn["Validation"], [(1, 2), (2, 1), (3, 2 / 3)])


def test_roc_area_and_operating_point_are_those_of_the_metrics():
    split = draw()
    metrics = metrics_at(split, 0.3)
    figure = figures.roc({"test": split}, {"test": metrics})
    curve = lines(figure)[f"Test: AUC {metrics['auc']:.3f} (n = 120)"]
    assert area(curve[:, 0], curve[:, 1]) == pytest.approx(metrics["auc"], abs=1e-12)
    points = [line.get_xydata()[0] for line in figure.axes[0].get_lines() if len(line.get_xydata()) == 1]
    np.testing.assert_allclose(points, [(1 - metrics["specificity"], metrics["sensitivity"])])


def test_confusion_shows_every_count_in_its_place():
    figure = figures.confusion({"A": [[451, 3], [6, 111]], "B": [[0, 0], [0, 5]]})
    texts = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    places = {name: (round(x), round(y)) for name, (x, y) in texts.items()}
    assert (places["451"], places["3"], places["6"], places["111"]) == ((0, 0), (1, 0), (0, 1), (1, 1))
    assert {"0", "0.0%", "5", "100.0%"} == {text.get_text() for text in figure.axes[1].texts}


def test_sweep_marks_the_first_maximum_and_the_operating_point():
    test = draw()
    drawn = lines(figures.threshold_sweep(test, 0.31))
    _, accuracies, best = slides_sweep(test.label, test.probability)
    maximum = next(points for label, points in drawn.items() if label.startswith("Maximum"))
    np.testing.assert_allclose(maximum, [(best, accuracies.max())])
    point = next(points for label, points in drawn.items() if label.startswith("Operating point"))
    np.testing.assert_allclose(point, [(0.31, metrics_at(test, 0.31)["accuracy"])])


def test_reliability_shows_each_bin_with_its_interval():
    points = summarize(None, draw())["test"]["reliability"]
    figure = figures.reliability({"test": summarize(None, draw())["test"]})
    (container,) = figure.axes[0].containers
    line, _, (bars,) = container.lines
    expected = [(point["mean_probability"], point["share_with_gad"]) for point in points]
    np.testing.assert_allclose(line.get_xydata(), expected)
    ends = [segment[:, 1] for segment in bars.get_segments()]
    np.testing.assert_allclose(ends, [point["share_with_gad_ci95"] for point in points], atol=1e-12)
    assert line.get_linestyle() == "None"
    assert [text.get_text() for text in figure.axes[0].texts] == [str(point["count"]) for point in points]


def test_risk_coverage_ends_at_all_errors_and_marks_the_band():
    metrics = summarize(draw(seed=1), draw(), max_error=0.05)
    threshold, band = metrics["operating_point"]["threshold"], metrics["test"]["abstention"]
    drawn = lines(figures.risk_coverage({"test": draw()}, metrics, threshold))
    np.testing.assert_allclose(drawn["Test"][-1], (1, 1 - metrics["test"]["accuracy"]))
    label = f"Test: {band['coverage']:.0%} answered, {band['error_rate']:.0%} of them wrong"
    np.testing.assert_allclose(drawn[label], [(band["coverage"], band["error_rate"])])
    # The band is symmetric around the threshold, so its point lies on the curve, up to where its ends fall.
    assert np.abs(drawn["Test"] - drawn[label]).max(axis=1).min() < 0.02


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_histograms_lose_no_slice_at_any_threshold(threshold):
    split = draw()
    extreme = dataclasses.replace(split, logit=split.logit * 50)
    figure = figures.score_histograms({"validation": split, "test": extreme}, threshold)
    for axes in figure.axes:
        assert {"no_gad", "with_gad", "Threshold"} == set(axes.get_legend_handles_labels()[1])
        assert axes.get_title(loc="left").endswith(": 80 no_gad, 40 with_gad")


def every_figure():
    """Returns by name each figure that has a legend."""
    splits = {"validation": draw(seed=1), "test": draw()}
    metrics = summarize(*splits.values(), max_error=0.05)
    threshold = metrics["operating_point"]["threshold"]
    history = [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n, "accuracy": 0.5, "val_accuracy": 0.6} for n in (1, 2, 3)]
    return {
        "loss": figures.learning_curves(history, "loss", "Loss"),
        "both": figures.training_curves(history),
        "roc": figures.roc(splits, metrics),
        "sweep": figures.threshold_sweep(splits["test"], threshold),
        "histograms": figures.score_histograms(splits, threshold),
        "reliability": figures.reliability({name: metrics[name] for name in splits}),
        "risk": figures.risk_coverage(splits, metrics, threshold),
    }


@pytest.mark.parametrize("name", every_figure())
def test_no_legend_covers_what_is_drawn(name):
    figure = every_figure()[name]
    style.rgba(figure)
    (legend,) = figure.legends
    renderer = figure.canvas.get_renderer()
    box = legend.get_window_extent(renderer)
    assert legend.get_texts()
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert not box.overlaps(axes.get_window_extent(renderer))


def test_each_operating_point_is_named_and_has_the_colour_of_its_curve():
    figure = every_figure()["roc"]
    colors = {line.get_label(): line.get_color() for line in figure.axes[0].get_lines()}
    points = {name: color for name, color in colors.items() if name.endswith("operating point")}
    assert points.keys() == {"Validation: operating point", "Test: operating point"}
    for name, color in points.items():
        curve = next(each for each in colors if each.startswith(f"{name.partition(':')[0]}: AUC"))
        assert colors[curve] == color
