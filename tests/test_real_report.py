"""The page of a run on real slices says what metrics.json says, number by number."""

import html.parser
import json
import re
from collections import defaultdict

import pytest
from running import WORKDIR_FILES, succeed

SECTIONS = (
    "Result", "Metrics at the operating point", "Slices and series", "How sure an answer is",
    "Could something simpler do it?",
)  # fmt: skip
NO_FIGURE = re.compile(
    r"95 ?%|2,000|\(\d{4}\)|\w+ \d{4}\)|10 bins|0 is best|\(-1 to 1\)|T1|above 180|(?:below|at) 0\.5(?!\d)"
    r"|0\.5 is guessing|1 is perfect|F1|f1|auc_ci95\w*"
)
"""What the page says with digits that is no figure of the run: methods, years, ends of scales."""


class Sections(html.parser.HTMLParser):
    """The text below each heading of the page, tags as spaces."""

    def __init__(self, page):
        super().__init__()
        self.text, self._heading, self._in_heading = defaultdict(str), "", False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self._in_heading = tag == "h2"
        self._heading = "" if self._in_heading else self._heading
        self.text[self._heading] += " "

    def handle_endtag(self, tag):
        self._in_heading = False
        self.text[self._heading] += " "

    def handle_data(self, data):
        if self._in_heading:
            self._heading += data
        else:
            self.text[self._heading] += data


def leaves(value):
    """Yields every number in a mapping that JSON holds."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def as_written(number):
    """Returns every way in which the page may write a number: with the digits of its tables, tiles and sentences."""
    if isinstance(number, int):
        return {str(number)}
    return {f"{number:.{digits}f}" for digits in (2, 3, 4)} | {f"{number:.1%}", f"{number:.2%}"}


def counts_of(matrix):
    """Yields what the page says of a confusion matrix: shares of each true class in percent, sizes, right answers."""
    for row in matrix:
        yield from (f"{count / max(sum(row), 1):.1%}" for count in row)
        yield str(sum(row))
    yield str(matrix[0][0] + matrix[1][1])


def matrices(value):
    if isinstance(value, dict):
        for name, each in value.items():
            yield from [each] if name == "confusion_matrix" else matrices(each)


@pytest.fixture(scope="module")
def run_on_real_slices(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    # The part of a name before the first _ is shared by pictures that look alike.
    fractions = ["--validation_fraction=0.3", "--test_fraction=0.3"]  # Each with slices that the weights get wrong.
    records = ["--group_regex=.*/([^/_]+)_", *fractions, f"--output_dir={folder}/records"]
    assert "files: 216 found" in succeed("make_records", f"--train_dir={real_data}/jpeg", *records)
    training = ["--init_weights=shipped", "--epochs=1", "--learning_rate=1e-4"]
    said = succeed("train", f"--records_dir={folder}/records", f"--workdir={folder}/run", *training, drawn=True)
    assert "test AUC" in said
    return folder / "run"


@pytest.mark.real
@pytest.mark.slow
def test_all_files_are_there_and_the_records_still_whole(run_on_real_slices):
    assert {path.name for path in run_on_real_slices.iterdir()} == WORKDIR_FILES
    records = run_on_real_slices.parent / "records"
    assert "verified" in succeed("make_records", f"--output_dir={records}", "--verify_only")


@pytest.mark.real
@pytest.mark.slow
def test_every_number_on_the_page_is_in_metrics(run_on_real_slices):
    metrics = json.loads((run_on_real_slices / "metrics.json").read_text())
    sections = Sections((run_on_real_slices / "report.html").read_text("utf-8")).text
    known = {text for number in leaves(metrics) for text in as_written(number)}
    known |= {count for matrix in matrices(metrics) for count in counts_of(matrix)}
    for name in SECTIONS:
        text = sections[name].partition("Each series")[0].partition("Before you believe these numbers")[0]
        figures = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?%?", NO_FIGURE.sub(" ", text))
        assert len(figures) >= 9, (name, text)
        assert [figure for figure in figures if figure not in known] == [], (name, text)


@pytest.mark.real
@pytest.mark.slow
def test_figures_stand_where_they_belong(run_on_real_slices):
    """A figure that is somewhere in metrics.json may still stand in another figure's line."""
    test = json.loads((run_on_real_slices / "metrics.json").read_text())["test"]
    text = " ".join(Sections((run_on_real_slices / "report.html").read_text("utf-8")).text[SECTIONS[1]].split())
    for name, key in (
        ("Average precision", "average_precision"),
        ("F1 score", "f1"),
        ("Balanced accuracy", "balanced_accuracy"),
    ):
        assert re.search(rf"{name} {key} [\d.]+ {test[key]:.3f}\b", text), name
    for name, key, interval in (
        ("AUC, patients drawn anew auc_ci95_bootstrap", "auc", "auc_ci95_bootstrap"),
        ("AUC, slices taken as independent auc_ci95", "auc", "auc_ci95"),
        ("slices after contrast that are found sensitivity", "sensitivity", "sensitivity_ci95"),
        ("Accuracy accuracy", "accuracy", "accuracy_ci95"),
    ):
        low, high = test[interval]
        of_validation = r"[\d.]+ [\d.]+ to [\d.]+"
        of_test = rf"{test[key]:.3f} {low:.3f} to {high:.3f}"
        assert re.search(rf"{re.escape(name)} {of_validation} {of_test}", text), name


@pytest.mark.real
@pytest.mark.slow
def test_series_on_the_page_are_those_of_the_metrics(run_on_real_slices):
    series = json.loads((run_on_real_slices / "metrics.json").read_text())["test"]["series"]
    text = Sections((run_on_real_slices / "report.html").read_text("utf-8")).text["Slices and series"]
    pattern = r"\d+\s+(before|after) contrast\s+(before|after) contrast\s+[01]\.\d{4}\s"
    lines = re.findall(pattern, text.partition("Each series")[2])
    assert len(lines) == series["num_examples"]
    classes = ("before", "after")
    assert [[lines.count((truth, answer)) for answer in classes] for truth in classes] == series["confusion_matrix"]
