"""Several runs in one command: their figures, and that each is the run that its own command would be."""

import io
import json
import math

import numpy as np
import pytest
from absl import flags
from bright_records import write_records
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from running import succeed

from contrast_tfdata import train
from contrast_tfdata.console import cli
from contrast_tfdata.errors import UsageError
from contrast_tfdata.runs import several_runs
from contrast_tfdata.storage import sealed_json

FINITE = st.floats(-1e6, 1e6)


def metrics(auc, threshold=0.5, *, test=True):
    found = {"operating_point": {"threshold": threshold}, "validation": {"auc": 1.0, "accuracy": 0.9, "brier": 0.1}}
    return {**found, "test": {"auc": auc, "accuracy": 0.8, "brier": 0.2} if test else None}


@given(st.lists(FINITE, min_size=2, max_size=9))
def test_spread_is_that_of_numpy(values):
    found = several_runs.spread(values)
    assert found["mean"] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert found["sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)
    assert (found["min"], found["max"]) == (min(values), max(values))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([0.5, None], None), ([0.5], {"mean": 0.5, "sd": 0.0, "min": 0.5, "max": 0.5})],
)
def test_spread_of_little(values, expected):
    assert several_runs.spread(values) == expected


def test_summary_and_its_line(tmp_path):
    rows = [{"name": "a", **several_runs.figures_of(metrics(*each))} for each in ((0.9, 0.4), (1.0, 0.6))]
    path = tmp_path / "new" / "repeats.json"
    summary = several_runs.write_summary(path, rows)
    written = json.loads(path.read_text())
    assert {key: written[key] for key in ("summary", "runs")} == {"summary": summary, "runs": rows}
    assert not sealed_json.was_changed(written)
    assert summary["test"]["auc"] == {"mean": 0.95, "sd": pytest.approx(0.1 / math.sqrt(2)), "min": 0.9, "max": 1.0}
    assert several_runs.headline(summary, 2, path) == (
        "2 runs: test AUC 0.9500 ± 0.0707 (0.9000 to 1.0000), accuracy 0.8000 ± 0.0000 (0.8000 to 0.8000), threshold "
        f"0.5000 ± 0.1414 (0.4000 to 0.6000): {path}"
    )


def test_without_a_test_split_validation_is_named_and_an_undefined_auc_is_said():
    rows = [several_runs.figures_of(metrics(None, test=False)) for _ in range(2)]
    assert "validation AUC 1.0000" in several_runs.headline(several_runs.summarize(rows), 2, "P")
    rows = [several_runs.figures_of(metrics(each)) for each in (0.9, None)]
    assert "test AUC undefined" in several_runs.headline(several_runs.summarize(rows), 2, "P")


@pytest.fixture
def parsed_flags():
    """The flags of `train`, as parsed from a command line."""
    values = {"seed": "7", "workdir": "W", "repeats": "2"}
    flags.FLAGS(["train", *(f"--{name}={value}" for name, value in values.items())])
    yield
    flags.FLAGS.unparse_flags()
    for name in values:
        flags.FLAGS[name].unparse()


def test_each_member_has_its_flags_and_folder(parsed_flags, tmp_path):
    seen = []

    def run():
        seen.append(cli.flag_values(train))
        return metrics(0.9)

    members = [several_runs.Member(f"repeat-{number}", {"seed": number, "repeats": 1}) for number in (1, 2)]
    console = Console(file=io.StringIO())
    rows = several_runs.run_all(tmp_path, members, run, console=console)
    assert [(each["seed"], each["repeats"], each["workdir"]) for each in seen] == [
        (number, 1, str(tmp_path / f"repeat-{number}")) for number in (1, 2)
    ]
    assert [(row["name"], row["flags"]["seed"]) for row in rows] == [("repeat-1", 1), ("repeat-2", 2)]
    assert "repeat-2: seed=2, repeats=1" in console.file.getvalue()
    after = cli.flag_values(train)
    assert (after["seed"], after["repeats"], after["workdir"]) == (7, 2, "W")


def test_the_command_names_each_flag_that_has_no_default_value(parsed_flags):
    assert cli.command_words(train) == ("contrast_tfdata.train", "--repeats=2", "--seed=7", "--workdir=W")
    with cli.changed_flags({"repeats": 1, "deterministic": True}):
        expected = ("contrast_tfdata.train", "--deterministic", "--seed=7", "--workdir=W")
        assert cli.command_words(train) == expected


def test_a_flag_out_of_range_is_refused_and_others_are_restored(parsed_flags):
    with pytest.raises(UsageError, match="seed"), cli.changed_flags({"repeats": 1, "seed": -1}):
        pass
    assert cli.flag_values(train)["repeats"] == 2


@pytest.mark.slow
def test_each_repeat_is_the_run_of_its_own_command(tmp_path):
    write_records(tmp_path / "records", (("train", 12), ("validation", 8), ("test", 8)))
    training = [f"--records_dir={tmp_path}/records", "--epochs=1", "--batch_size=4"]
    said = succeed("train", *training, "--seed=5", "--repeats=2", f"--workdir={tmp_path}/all")
    succeed("train", *training, "--seed=6", f"--workdir={tmp_path}/own")
    own, second = (tmp_path / name for name in ("own", "all/repeat-2"))
    for name in ("history.csv", "metrics.json", "predictions-test.csv"):
        assert (own / name).read_bytes() == (second / name).read_bytes()
    assert [path.name for path in (own / "model").iterdir()] == [path.name for path in (second / "model").iterdir()]
    assert f"--workdir={second}" in (second / "flags.txt").read_text()
    found = json.loads((tmp_path / "all" / "repeats.json").read_text())
    assert [run["flags"]["seed"] for run in found["runs"]] == [5, 6]
    assert "2 runs: test AUC " in said.splitlines()[-1]
    page = (tmp_path / "all" / "report.html").read_text()
    assert all(f"{run['threshold']:.3f}" in page for run in found["runs"])
    assert f"{found['summary']['threshold']['sd']:.3f}" in page
