"""`train --folds` as a user runs it, and its networks as an ensemble."""

import html
import json

import pytest
from bright_records import SIZE, write_records
from running import read_rows, run, succeed

from contrast_tfdata.evaluation import read_csv
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.model.reference import reference_network

COUNTS = (("train", 20), ("validation", 10), ("test", 8))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("folds")
    write_records(root / "records", COUNTS)
    training = [f"--records_dir={root}/records", f"--workdir={root}/all", "--epochs=1", "--batch_size=8", "--folds=2"]
    return root, training, succeed("train", *training, drawn=True)


@pytest.mark.slow
class TestFolds:
    def test_each_fold_is_a_run_and_all_are_summed_up(self, trained):
        root, _, said = trained
        names = {path.name for path in (root / "all").iterdir()}
        pooled = {"predictions-out-of-fold.csv", "suspected-labels-out-of-fold.csv"}
        assert names == {"fold-1", "fold-2", "folds.json", "report.html", *pooled}
        found = json.loads((root / "all" / "folds.json").read_text())
        assert [each["flags"] for each in found["runs"]] == [{"fold": 1}, {"fold": 2}]
        aucs = [
            json.loads((root / "all" / name / "metrics.json").read_text())["test"]["auc"]
            for name in ("fold-1", "fold-2")
        ]
        assert found["summary"]["test"]["auc"]["mean"] == pytest.approx(sum(aucs) / 2)
        last = said.strip().splitlines()[-1]
        assert last.startswith("cross-validation, 2 runs: test AUC ")
        assert last.endswith("report.html")

    def test_every_slice_outside_of_test_is_scored_once_by_a_network_that_never_saw_it(self, trained):
        root, _, _ = trained
        folds = [read_rows(root / "all" / f"fold-{number}" / "predictions-validation.csv") for number in (1, 2)]
        assert read_rows(root / "all" / "predictions-out-of-fold.csv") == [*folds[0], *folds[1]]
        groups = [{row["group"] for row in fold} for fold in folds]
        assert not groups[0] & groups[1]
        assert len(groups[0] | groups[1]) == 30
        assert not any(row["group"].startswith("test") for fold in folds for row in fold)

    def test_the_page_says_what_it_is_of_which_data_and_what_all_patients_show_together(self, trained):
        root, _, said = trained
        page = html.unescape((root / "all" / "report.html").read_text())
        table = read_csv(root / "all" / "predictions-out-of-fold.csv")
        assert "<h1>Cross-validation: 2 networks, each validated on other patients</h1>" in page
        assert "The records hold train 20 slices of 20 patients, validation 10 slices of 10 patients" in page
        auc = auc_components(table.label, table.logit).auc
        assert f"the AUC of all 30 together is {auc:.3f}" in page
        assert "Logits of different networks are pooled" in page
        warnings = [line.removeprefix("warning: ") for line in said.splitlines() if "out-of-fold s" in line]
        assert warnings
        assert all(warning in page for warning in warnings)

    def test_suspects_are_found_in_the_table(self, trained):
        root, _, _ = trained
        table = read_rows(root / "all" / "predictions-out-of-fold.csv")
        for row in read_rows(root / "all" / "suspected-labels-out-of-fold.csv"):
            assert row["split"] == "out-of-fold"
            assert table[int(row["row"])]["example_id"] == row["example_id"]

    def test_one_fold_alone_is_the_same_run(self, trained):
        root, training, _ = trained
        succeed("train", *training, "--fold=2", f"--workdir={root}/own")
        for name in ("history.csv", "metrics.json", "predictions-test.csv"):
            assert (root / "own" / name).read_bytes() == (root / "all" / "fold-2" / name).read_bytes()
        assert "--fold=2" in (root / "all" / "fold-2" / "flags.txt").read_text()

    def test_all_folds_are_evaluated_as_one_network(self, trained):
        root, _, _ = trained
        said = succeed("evaluate", f"--workdir={root}/all", f"--records_dir={root}/records")
        assert "ensemble: 2 networks answer together" in said
        rows = [
            read_rows(root / "all" / name / "predictions-test.csv") for name in ("evaluation-test", "fold-1", "fold-2")
        ]
        for together, one, other in zip(*rows, strict=True):
            mean = (float(one["logit"]) + float(other["logit"])) / 2
            assert float(together["logit"]) == pytest.approx(mean, abs=1e-5)
        page = (root / "all" / "evaluation-test" / "report.html").read_text()
        assert "2 ContrastNets" in page
        assert "were trained on" not in said + page

    def test_on_patients_that_some_of_them_saw_they_are_not_believed(self, trained):
        root, _, _ = trained
        said = succeed("evaluate", f"--workdir={root}/all", f"--records_dir={root}/records", "--split=validation")
        start = (
            "Patients of the validation split were trained on, so the figures are too good. Folds of these records: "
        )
        assert f"warning: {start}{root}/all/fold-1, {root}/all/fold-2." in said
        for name in ("report.html", "MODEL_CARD.md"):
            page = (root / "all" / "evaluation-validation" / name).read_text()
            assert start in page
            assert "that the network was not trained on" not in page

    def test_a_file_of_weights_that_may_have_seen_the_patients_is_warned_of(self, trained, tmp_path):
        root, training, _ = trained
        reference_network(SIZE).save_weights(tmp_path / "given.h5")
        said = succeed("train", *training, f"--workdir={tmp_path}/all", f"--init_weights={tmp_path}/given.h5")
        doubt = "Whether patients of the validation and test split were trained on is not known"
        assert said.count(f"warning: {doubt}") == 2
        for name in ("report.html", "fold-1/report.html", "fold-2/report.html"):
            assert f"<li>{doubt}" in (tmp_path / "all" / name).read_text()
        assert doubt not in (root / "all" / "report.html").read_text()

    def test_other_folds_in_the_same_workdir_are_refused(self, trained):
        root, training, _ = trained
        result = run("train", *training[:-1], "--folds=3")
        assert result.returncode == 1
        assert "records" in result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--folds=1"], "--folds must be at least 2"),
        (["--fold=1"], "--folds must be at least 2, and --fold one of them"),
        (["--folds=3", "--fold=4"], "Received: folds=3, fold=4, repeats=1"),
        (["--folds=3", "--repeats=2"], "each train several times: give one of them"),
    ],
)
def test_odd_folds_are_usage_errors(flags, message):
    result = run("train", "--records_dir=R", "--workdir=W", *flags)
    assert result.returncode == 1
    assert message in result.stderr


@pytest.mark.parametrize("alone", [(), ("--fold=2",)])
def test_folds_do_not_begin_with_a_run_that_may_have_seen_their_patients(tmp_path, alone):
    (tmp_path / "before" / "model").mkdir(parents=True)
    flags = ["--records_dir=R", "--workdir=W", "--folds=3", *alone]
    result = run("train", *flags, "--init_weights=before", cwd=tmp_path)
    assert result.returncode == 1
    assert "--folds needs weights that no patient of these records had a part in" in result.stderr
    assert "Received: folds=3, init_weights=before" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("weights", ["shipped", "SimpleGadClass.h5"])
def test_folds_begin_with_weights_of_synthetic_patients_or_of_a_file(tmp_path, weights):
    """They pass: what is missed next are the records."""
    (tmp_path / "SimpleGadClass.h5").write_bytes(b"")
    flags = ["--records_dir=R", "--workdir=W", "--folds=3", f"--init_weights={weights}"]
    result = run("train", *flags, cwd=tmp_path)
    assert result.returncode == 65
    assert "R/manifest.json: no manifest" in result.stderr


def test_several_runs_are_evaluated_into_a_folder_that_is_named():
    result = run("evaluate", "--records_dir=R", "--workdir=A,B")
    assert result.returncode == 1
    assert "--output_dir is needed with several runs in --workdir" in result.stderr
