import base64
import json
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from disks import small_disk
from PIL import Image
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.report import RunDescription, style, write_report
from contrast_tfdata.report.writing import FIGURE_FILES

RUN = RunDescription("A run", flags={"epochs": 15}, warnings=("Mind the gap.",))
HISTORY = [
    {"epoch": n, "loss": 1 / n, "accuracy": 1 - 0.3 / n, "val_loss": 1.1 / n, "val_accuracy": 1 - 0.4 / n}
    for n in range(1, 4)
]


def report(folder, validation, test, *, history=HISTORY, point=None, **options):
    rng = np.random.default_rng(1)
    keys = [key for split in (validation, test) if split for key in split.example_id]
    images = {key: rng.integers(0, 256, (48, 40), np.uint8) for key in keys}
    metrics = summarize(validation, test, point)
    return write_report(
        folder, metrics=metrics, validation=validation, test=test, history=history, images=images, run=RUN, **options
    )


def written(folder):
    return {path.name for path in (folder / "figures").iterdir()}


@pytest.fixture(scope="module")
def full(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("report")
    report(folder, draw(60, 0), draw(90, 1))
    return folder


@pytest.fixture
def crowded(monkeypatch):
    """Figures that make no room for their texts, which takes half of a report's time: for tests of files alone."""
    monkeypatch.setattr(style, "_lay_out", lambda figure: figure.set_layout_engine("none"))


def test_every_figure_is_a_real_picture(full):
    assert written(full) == set(FIGURE_FILES)
    for name in FIGURE_FILES:
        with Image.open(full / "figures" / name) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert min(pixels.shape) >= 500, name
        assert pixels.std() > 5, name


def test_figures_that_do_not_fit_on_the_disk_are_told_and_in_the_page(tmp_path, draw, crowded):
    told = []
    with small_disk(tmp_path / "figures", 32 << 10):
        page = report(tmp_path, draw(60, 0), draw(90, 1), warn=told.append)
    assert told == [f"{tmp_path}/figures: cannot be written (No space left on device); report.html holds all figures"]
    assert page.read_text("utf-8").count("<figure") > 5


def test_page_loads_nothing_and_runs_nothing(full, parse):
    page = parse((full / "report.html").read_text("utf-8"))
    assert {source.split(":")[0] for source in page.sources if not source.startswith("#")} == {"data"}
    assert "script" not in page.tags
    assert not re.search(r"https?://|url\(|@import", (full / "report.html").read_text("utf-8"))


def test_line_plots_are_vectors_without_references(full, parse):
    page = parse((full / "report.html").read_text("utf-8"))
    drawings = [source for source in page.sources if source.startswith("data:image/svg+xml")]
    # Loss, accuracy, both ROC curves in one, sweep, reliability, risk and coverage, histogram of each split.
    assert len(drawings) == 8
    for drawing in drawings:
        svg = base64.b64decode(drawing.split(",")[1]).decode()
        assert "<path" in svg
        assert not re.search(r'href="(?!#)', svg)


def test_page_shows_numbers_flags_and_warnings(full, parse, draw):
    text = parse((full / "report.html").read_text("utf-8")).text
    metrics = summarize(draw(60, 0), draw(90, 1))
    for needle in ("Mind the gap.", "--epochs=15", f"{metrics['test']['auc']:.3f}", "Optimistic"):
        assert needle in text, needle
    low, high = metrics["test"]["auc_ci95"]
    assert f"{low:.3f} to {high:.3f}" in text
    assert str(metrics["test"]["confusion_matrix"][0][0]) in text


@pytest.mark.slow
def test_same_input_same_page_and_global_matplotlib_settings_stay_as_they_are(full, tmp_path, draw, monkeypatch):
    monkeypatch.undo()  # The layout of a figure depends a little on the pixels it was first drawn with.
    before = dict(matplotlib.rcParams)
    report(tmp_path, draw(60, 0), draw(90, 1))
    assert (tmp_path / "report.html").read_bytes() == (full / "report.html").read_bytes()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("validation", "test", "missing"),
    [
        ((60, 0), None, {"roc_test", "confusion_test", "confusion_test_best_threshold", "threshold_sweep_test"}),
        (None, (60, 0), {"roc_validation", "confusion_validation"}),
        ((1, 0, [0]), (1, 1, [1]), {"roc_validation", "roc_test"}),
        ((5, 0, [1] * 5), (5, 1, [0] * 5), {"roc_validation", "roc_test"}),
        ((60, 0), (5, 1, [-1] * 5), {"roc_test", "confusion_test"}),
    ],
    ids=["no test", "no validation", "one slice", "one class", "unlabelled test"],
)
def test_absent_small_and_one_class_splits(tmp_path, draw, parse, validation, test, missing):
    splits = [split and draw(*split) for split in (validation, test)]
    page = report(tmp_path, *splits, history=[])
    assert not {f"{name}.png" for name in missing} & written(tmp_path)
    assert {"misclassified.png", "score_histograms.png", "reliability.png", "risk_coverage.png"} <= written(tmp_path)
    assert not re.search(r"\b(nan|None)\b", parse(page.read_text()).text.replace("None.", ""))


def test_nothing_scored_at_all(tmp_path):
    page = report(tmp_path, None, None, history=[])
    assert written(tmp_path) == set()
    assert "No slice with a known class was scored" in page.read_text()


def test_without_training_there_are_no_curves_nor_figures_of_an_earlier_report(tmp_path, draw, crowded):
    page = report(tmp_path, None, draw(30), history=[], point=OperatingPoint(0.4, "accuracy", "validation"))
    assert "learning_curves_loss.png" not in written(tmp_path)
    assert "nothing was trained in this run" in page.read_text()
    # Of a later report that has no data for them, figures do not stay.
    assert "roc_test.png" in written(tmp_path)
    (tmp_path / "figures" / "own.png").write_bytes(b"kept")
    report(tmp_path, None, None, history=[])
    assert "roc_test.png" not in written(tmp_path)
    assert "own.png" in written(tmp_path)


def test_history_without_validation_values(tmp_path):
    history = [{"epoch": 1, "loss": 0.5, "accuracy": 0.8, "val_loss": None}, {"epoch": 2, "loss": 0.4, "accuracy": 0.9}]
    report(tmp_path, None, None, history=history)
    assert "learning_curves_accuracy.png" in written(tmp_path)


def test_a_page_that_cannot_be_written_is_an_oserror(tmp_path, draw, crowded):
    (tmp_path / "report.html").mkdir()  # Cannot be replaced by a file, not even by root.
    with pytest.raises(OSError, match="report.html"):
        report(tmp_path, draw(40), None, history=[])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "report.html"]


def test_package_needs_no_tensorflow_and_no_pyplot():
    code = "import sys, contrast_tfdata.report; print(json.dumps([n in sys.modules for n in sys.argv[1:]]))"
    command = [sys.executable, "-c", "import json; " + code, "tensorflow", "matplotlib.pyplot", "sklearn"]
    assert json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) == [False] * 3
