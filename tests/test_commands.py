"""The commands as a user runs them: whole lines on real files, and what they say and return when something is wrong."""

import csv
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forging
import numpy as np
import pytest
from image_files import dicom_bytes, encode, nifti_bytes, ramp
from PIL import Image, ImageOps
from png_files import write_png

from contrast_tfdata import cli
from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import pretrained
from contrast_tfdata.records import manifest as manifests

PREDICTION_COLUMNS = "path,slice_index,example_id,group,label,logit,probability,prediction"
WORKDIR_FILES = {
    "flags.txt", "environment.json", "checkpoints", "logs", "history.csv", "predictions-validation.csv",
    "predictions-test.csv", "metrics.json", "figures", "report.html", "MODEL_CARD.md", "model",
}  # fmt: skip


def run(command, *arguments, **options):
    """Runs a command in a process of its own."""
    words = [sys.executable, "-m", f"contrast_tfdata.{command}", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def head_picture(seed):
    """A (200, 200) uint8 disc of smooth random texture on black; all of it is foreground, brightened or not."""
    coarse = np.random.default_rng(seed).integers(90, 250, (10, 10), np.uint8)
    texture = np.asarray(Image.fromarray(coarse).resize((200, 200), Image.Resampling.BILINEAR))
    rows, columns = np.mgrid[:200, :200] - 100
    return np.where(np.hypot(rows, columns) < 85, texture, 0).astype(np.uint8)


def write_picture(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def succeed(command, *arguments):
    result = run(command, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small data set of synthetic patients, and a short training on it."""
    root = tmp_path_factory.mktemp("line")
    records = [f"--output_dir={root}/records", "--phantom_patients=10", "--phantom_slices=2", "--image_size=190"]
    made = succeed("make_records", *records)
    training = [f"--records_dir={root}/records", f"--workdir={root}/run", "--epochs=2", "--batch_size=8"]
    return root, made, succeed("train", *training)


@pytest.mark.slow
class TestTheWholeLine:
    def test_make_records_shows_a_table(self, trained):
        _, made, _ = trained
        assert "files: 10 found, 10 used" in made
        assert all(word in made for word in ("train", "validation", "test", "no_gad", "with_gad", "groups"))

    def test_training_ends_with_one_line(self, trained):
        root, _, said = trained
        last = said.strip().splitlines()[-1]
        metrics = json.loads((root / "run" / "metrics.json").read_text())
        assert f"test AUC {metrics['test']['auc']:.4f}, accuracy {metrics['test']['accuracy']:.4f}" in last
        assert last.endswith(str(root / "run" / "report.html"))
        assert "plan: " in said

    def test_all_files_of_the_contract(self, trained):
        root, _, _ = trained
        assert {path.name for path in (root / "run").iterdir()} == WORKDIR_FILES
        names = {path.name for path in (root / "run" / "figures").iterdir()}
        assert {"roc_validation_and_test.png", "confusion_test.png", "threshold_sweep_test.png"} <= names

    def test_metrics_keep_their_keys(self, trained):
        metrics = json.loads((trained[0] / "run" / "metrics.json").read_text())
        assert {"threshold", "criterion", "chosen_on"} <= metrics["operating_point"].keys()
        wanted = "num_examples auc auc_ci95 accuracy sensitivity specificity confusion_matrix brier ece"
        assert set(wanted.split()) <= metrics["test"].keys()
        assert {"threshold", "accuracy", "confusion_matrix"} <= metrics["test_best_threshold"].keys()

    def test_the_model_carries_what_was_chosen_on_validation(self, trained):
        run_dir = trained[0] / "run"
        metrics, model = (json.loads((run_dir / name).read_text()) for name in ("metrics.json", "model/model.json"))
        assert {"low", "high", "max_error", "chosen_on"} <= metrics["indeterminate_band"].keys()
        assert {"value", "fitted_on"} <= metrics["temperature"].keys()
        for key in ("operating_point", "indeterminate_band", "temperature"):
            assert model[key] == metrics[key]

    def test_predictions_count_every_example_once(self, trained):
        root, _, _ = trained
        manifest = json.loads((root / "records" / "manifest.json").read_text())
        for split in ("validation", "test"):
            text = (root / "run" / f"predictions-{split}.csv").read_text()
            assert text.splitlines()[0] == PREDICTION_COLUMNS
            rows = list(csv.DictReader(text.splitlines()))
            assert len({row["example_id"] for row in rows}) == len(rows) == manifest["splits"][split]["records"]

    def test_flags_txt_repeats_the_run(self, trained, tmp_path):
        root, _, _ = trained
        again = succeed("train", f"--flagfile={root}/run/flags.txt", f"--workdir={tmp_path}/again")
        assert "epoch   2/2" in again

    def test_training_a_finished_run_again_trains_nothing(self, trained):
        root, _, said = trained
        flags = [f"--records_dir={root}/records", f"--workdir={root}/run", "--epochs=2", "--batch_size=8"]
        again = succeed("train", *flags)
        assert "epoch " not in again
        assert again.strip().splitlines()[-1] == said.strip().splitlines()[-1]

    def test_other_flags_in_the_same_workdir_are_refused(self, trained):
        root, _, _ = trained
        result = run("train", f"--records_dir={root}/records", f"--workdir={root}/run", "--epochs=2", "--batch_size=4")
        assert result.returncode == 1
        assert "batch_size: was 8, now 4" in result.stderr
        assert "--batch_size=8" in (root / "run" / "flags.txt").read_text()

    def test_evaluate_gives_the_numbers_of_training(self, trained):
        root, _, _ = trained
        succeed("evaluate", f"--records_dir={root}/records", f"--workdir={root}/run", "--batch_size=8")
        trained_metrics = json.loads((root / "run" / "metrics.json").read_text())
        metrics = json.loads((root / "run" / "evaluation-test" / "metrics.json").read_text())
        kept = "test", "test_best_threshold", "operating_point", "indeterminate_band", "temperature"
        assert {key: metrics[key] for key in kept} == {key: trained_metrics[key] for key in kept}
        assert (root / "run" / "evaluation-test" / "report.html").exists()

    def test_training_and_evaluating_say_what_trivial_scores_reach(self, trained):
        root, _, said = trained
        check = json.loads((root / "run" / "metrics.json").read_text())["test"]["confounders"]
        assert {"auc_histogram_matched", "auc_histogram_matched_ci95", "trivial"} <= check.keys()
        assert {"mean_grey", "mean_grey_image", "bright_share", "foreground_share"} <= check["trivial"].keys()
        assert f"{check['auc_histogram_matched']:.2f} when brightness is taken away" in said
        for page in (root / "run" / "report.html", root / "run" / "MODEL_CARD.md"):
            assert "Could something simpler do it?" in page.read_text()

    def test_a_data_set_that_brightness_separates_is_found_out(self, trained, tmp_path):
        """Both classes show the same heads; those after contrast were only brightened."""
        root, _, _ = trained
        for number in range(20):
            dark, path = head_picture(number), tmp_path / "data"
            write_picture(path / "no_gad" / f"p{number}_a.png", dark)
            write_picture(path / "with_gad" / f"p{number}_b.png", np.rint(255 * (dark / 255) ** 0.6).astype(np.uint8))
        records = [f"--output_dir={tmp_path}/records", "--image_size=190", "--group_regex=/(p[0-9]*)_"]
        succeed(
            "make_records", f"--test_dir={tmp_path}/data", f"--train_dir={tmp_path}/data", *records, "--allow_leakage"
        )
        evaluate = [f"--workdir={root}/run", f"--records_dir={tmp_path}/records", f"--output_dir={tmp_path}/out"]
        said = succeed("evaluate", *evaluate)
        figures = json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]
        assert figures["confounders"]["trivial"]["mean_grey"] == {"auc": 1.0, "higher_in": "with_gad"}
        assert abs(figures["confounders"]["auc_histogram_matched"] - 0.5) < 0.1  # nothing else is there to be seen
        assert "warning: On test the mean grey of the foreground alone (AUC 1.0000, higher in with_gad)" in said
        assert "mean grey of the foreground alone" in (tmp_path / "out" / "report.html").read_text()

    def test_views_count_in_every_score_and_wherever_the_model_is_used(self, trained, tmp_path):
        """A finished run with other views is scored again, without a further epoch."""
        root, _, _ = trained
        shutil.copytree(root / "run", tmp_path / "run")
        same = [f"--records_dir={root}/records", f"--workdir={tmp_path}/run", "--batch_size=8"]
        assert "epoch " not in succeed("train", *same, "--epochs=2", "--views=plain,mirrored")
        description = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
        assert description["views"] == ["plain", "mirrored"]
        plain, both = (read_rows(folder / "predictions-test.csv") for folder in (root / "run", tmp_path / "run"))
        assert all(one["logit"] != other["logit"] for one, other in zip(plain, both, strict=True))
        succeed("evaluate", *same)
        assert read_rows(tmp_path / "run" / "evaluation-test" / "predictions-test.csv") == both

        picture = write_png(tmp_path / "left" / "a.png", 1, size=190)
        (tmp_path / "right").mkdir()
        ImageOps.mirror(Image.open(picture)).save(tmp_path / "right" / "a.png")
        for run_dir, is_same in ((tmp_path / "run", True), (root / "run", False)):
            folders = tmp_path / "left", tmp_path / "right"
            succeed("predict", f"--workdir={run_dir}", *folders, f"--output={tmp_path}/p.csv")
            left, right = (float(row["probability"]) for row in read_rows(tmp_path / "p.csv"))
            assert (left == pytest.approx(right, abs=1e-7)) == is_same

    def test_evaluate_refuses_records_made_otherwise(self, trained, tmp_path):
        root, _, _ = trained
        records = [f"--output_dir={tmp_path}/records", "--phantom_patients=4", "--phantom_slices=1", "--image_size=200"]
        succeed("make_records", *records)
        result = run("evaluate", f"--records_dir={tmp_path}/records", f"--workdir={root}/run")
        assert result.returncode == 65
        assert "image_size: records 200, network 190" in result.stderr

    def test_training_from_shipped_weights_refuses_records_made_otherwise(self, trained, tmp_path):
        root, _, _ = trained
        result = run("train", f"--records_dir={root}/records", f"--workdir={tmp_path}/run", "--init_weights=shipped")
        assert result.returncode == 65
        assert "image_size: records 190, network 331" in result.stderr
        assert not (tmp_path / "run").exists()

    def test_fault_40_cut_records_are_never_trained_on(self, trained, tmp_path):
        root, _, _ = trained
        shutil.copytree(root / "records", tmp_path / "records")
        shard = next((tmp_path / "records").glob("contrast-train*"))
        shard.write_bytes(shard.read_bytes()[:-1])
        result = run("train", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run")
        assert result.returncode == 65
        assert shard.name in result.stderr

    def test_fault_39_flipped_bit_is_never_trained_on(self, trained, tmp_path):
        root, _, _ = trained
        shutil.copytree(root / "records", tmp_path / "records")
        shard = next((tmp_path / "records").glob("contrast-train*"))
        data, last = bytearray(shard.read_bytes()), len(manifests.frames(shard)) - 1
        data[-300] ^= 1
        shard.write_bytes(data)
        result = run("train", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run")
        assert result.returncode == 65
        assert f"{shard.name}: SHA-256 differs" in result.stderr
        assert f"{shard.name}: record {last}: its checksum differs" in result.stderr
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("verify", ["auto", "full"])
    @pytest.mark.parametrize("change", [forging.drop_label, forging.label_7])
    def test_fault_44_wrong_record_is_never_trained_on(self, trained, tmp_path, change, verify):
        root, _, _ = trained
        shutil.copytree(root / "records", tmp_path / "records")
        shard = forging.change_record(tmp_path / "records", "train", 3, change)
        result = run("train", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run", f"--verify={verify}")
        assert result.returncode == 65
        assert f"{shard}: record 3: " in result.stderr
        assert not (tmp_path / "run").exists()

    def test_evaluate_never_overwrites_the_run(self, trained):
        root, _, _ = trained
        result = run(
            "evaluate", f"--records_dir={root}/records", f"--workdir={root}/run", f"--output_dir={root}/run/../run"
        )
        assert result.returncode == 1
        assert "the run's own folder" in result.stderr

    def test_predict_counts_no_slice_twice(self, trained, tmp_path):
        root, _, _ = trained
        folder = tmp_path / "scans"
        folder.mkdir()
        for number in range(3):
            content = dicom_bytes(ramp() + number, ImagePositionPatient=[number, 0, 0])
            (folder / f"{number}.dcm").write_bytes(content)
            (folder / f"{number}-copy.dcm").write_bytes(content)
        said = succeed("predict", f"--workdir={root}/run", folder, "--slice_range=0,1", f"--output={tmp_path}/p.csv")
        assert "3 exact copies of DICOM files left out" in said
        assert "3 slices in 1 series" in said
        assert sorted(row["slice_index"] for row in read_rows(tmp_path / "p.csv")) == ["0", "1", "2"]
        write_png(folder / "a.png", 1, size=60)
        said = succeed("predict", f"--workdir={root}/run", "--slice_range=0,1", folder, folder / "a.png")
        assert "4 slices in 2 series" in said

    def test_odd_names_are_shown_as_they_are(self, trained, tmp_path, monkeypatch):
        root, _, _ = trained
        write_png(tmp_path / "q[" / "x[bold]].png", 1, size=60)
        write_png(tmp_path / "q[" / os.fsdecode(b"odd\xff.png"), 2, size=60)
        monkeypatch.chdir(tmp_path)  # so that the names are short enough not to be folded
        said = succeed("predict", f"--workdir={root}/run", "q[", f"--output={tmp_path}/p.csv")
        assert "q[/x[bold]].png" in said
        assert b"odd\xff.png" in (tmp_path / "p.csv").read_bytes()

    def test_predict_equals_evaluate_on_the_same_images(self, trained, tmp_path, png_tree):
        """Files go through one preprocessing on both ways: to records and to predict."""
        root, _, _ = trained
        pictures = tmp_path / "pictures"
        for label, name in enumerate(("no_gad", "with_gad")):
            for number in range(12):
                write_png(pictures / name / f"p{label}{number}_1.png", 100 * label + number, size=60)
        records = f"--output_dir={tmp_path}/records"
        succeed("make_records", f"--train_dir={pictures}", records, "--image_size=190", "--test_fraction=0.5")
        evaluate = [f"--workdir={root}/run", f"--records_dir={tmp_path}/records", f"--output_dir={tmp_path}/out"]
        succeed("evaluate", *evaluate)
        said = succeed("predict", f"--workdir={root}/run", pictures, f"--output={tmp_path}/p.csv")
        assert "24 slices in 24 series" in said
        assert "against the names of their folders: AUC" in said
        evaluated = read_rows(tmp_path / "out" / "predictions-test.csv")
        predicted = {row["path"].removeprefix(f"{pictures}/"): row for row in read_rows(tmp_path / "p.csv")}
        for row in evaluated:
            other = predicted[row["path"]]
            assert float(other["logit"]) == pytest.approx(float(row["logit"]), abs=1e-5)
            assert other["example_id"] == row["example_id"]
            assert other["label"] == row["label"]

    def test_predict_writes_json_lines(self, trained, tmp_path):
        root, _, _ = trained
        write_png(tmp_path / "a.png", 1, size=60)
        (tmp_path / "broken.png").write_bytes(b"\x89PNG")
        files = [tmp_path / "a.png", tmp_path / "broken.png"]
        result = run("predict", f"--workdir={root}/run", *files, f"--output={tmp_path}/p.jsonl")
        assert result.returncode == 65
        assert "broken.png" in result.stderr
        rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
        assert [row["kind"] for row in rows] == ["slice", "series"]
        assert rows[0]["path"] == rows[1]["series"] == str(tmp_path / "a.png")
        assert rows[0]["label"] is None
        assert 0 <= rows[0]["probability"] == rows[1]["probability"] <= 1


@pytest.mark.slow
def test_shipped_weights_predict_are_evaluated_and_trained_on(png_tree, tmp_path):
    pictures, records = png_tree((6, 6)), f"--records_dir={tmp_path}/records"
    said = succeed("predict", pictures, f"--output={tmp_path}/p.csv")
    (line,) = (line for line in said.splitlines() if line.startswith("weights: "))
    assert "trained on synthetic patients only; not a medical device" in line
    assert "12 slices in 12 series" in said

    succeed("make_records", f"--train_dir={pictures}", f"--output_dir={tmp_path}/records", "--test_fraction=0.5")
    before = {path: path.read_bytes() for path in pretrained.directory().iterdir()}
    assert line in succeed("evaluate", "--workdir=shipped", records, f"--output_dir={tmp_path}/out")
    assert {path: path.read_bytes() for path in pretrained.directory().iterdir()} == before
    predicted = {row["path"].removeprefix(f"{pictures}/"): row for row in read_rows(tmp_path / "p.csv")}
    for row in read_rows(tmp_path / "out" / "predictions-test.csv"):
        assert float(row["logit"]) == pytest.approx(float(predicted[row["path"]]["logit"]), abs=1e-5)

    # In float32 this learning rate is 0: the run ends as it began, with the shipped weights.
    training = ["--init_weights=shipped", "--epochs=1", "--learning_rate=1e-60", "--precision=float32"]
    succeed("train", records, f"--workdir={tmp_path}/run", *training)
    shipped, tuned = (
        json.loads((folder / "model.json").read_text()) for folder in (pretrained.directory(), tmp_path / "run/model")
    )
    assert tuned["weights_sha256"] == shipped["weights_sha256"]
    assert tuned["preprocessing"] == shipped["preprocessing"]


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_slides_flagfile_on_a_tree_like_theirs(png_tree, tmp_path):
    """Train/Train and Test/Test, 69 + 21 files for training, 45 + 12 for test: a tenth of the slides'."""
    png_tree((69, 21), root=tmp_path / "Train" / "Train")
    png_tree((45, 12), root=tmp_path / "Test" / "Test", first_seed=500)
    flagfile = f"--flagfile={Path(__file__).parent.parent / 'flags' / 'siim.flags'}"
    folders = [f"--train_dir={tmp_path}/Train", f"--test_dir={tmp_path}/Test"]
    said = succeed("make_records", flagfile, *folders, f"--output_dir={tmp_path}/records")
    assert "as on the slides" in said
    manifest = json.loads((tmp_path / "records" / "manifest.json").read_text())
    found = {name: tuple(split["classes"].values()) for name, split in manifest["splits"].items()}
    # ImageDataGenerator(validation_split=0.2) takes int(0.2 * n) of each class: 13 of 69 and 4 of 21.
    assert found == {"train": (56, 17), "validation": (13, 4), "test": (45, 12)}
    said = succeed("train", flagfile, f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run", "--epochs=1")
    assert "training: 73 slices, 2 steps an epoch, epochs 1 to 1" in said


COMMANDS = ("make_records", "train", "evaluate", "predict")


@pytest.mark.parametrize("command", COMMANDS)
def test_fault_65_unknown_flag_is_refused_before_tensorflow_is_imported(command):
    code = (
        f"import sys, runpy\nsys.argv = ['{command}', '--no_such_flag=1']\n"
        "try:\n"
        f"    runpy.run_module('contrast_tfdata.{command}', run_name='__main__')\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Unknown command line flag 'no_such_flag'" in result.stderr
    assert "AssertionError" not in result.stderr


@pytest.mark.parametrize("written", ["=", " "])
def test_fault_65_circular_flagfile_is_refused_before_tensorflow_is_imported(tmp_path, written):
    (tmp_path / "a.flags").write_text("# a comment\n--seed=1\n--flagfile=b.flags\n")
    (tmp_path / "b.flags").write_text("--flagfile=./a.flags\n")
    arguments = f"--flagfile{written}a.flags".split()
    code = (
        f"import sys, runpy\nsys.argv = ['make_records', *{arguments}, '--output_dir=R', '--phantom_patients=4']\n"
        "try:\n"
        "    runpy.run_module('contrast_tfdata.make_records', run_name='__main__')\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert "a.flags leads back to itself: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "R").exists()


def test_fault_65_flagfile_may_be_named_twice(tmp_path):
    (tmp_path / "shared").write_text("--seed=1\n")
    for name in "ab":
        (tmp_path / name).write_text(f"--flagfile={tmp_path}/shared\n--flagfile=\n--flagfile=nowhere\n")
    cli.refuse_circular_flagfiles(
        [f"--flagfile={tmp_path}/a", "-flagfile", f"{tmp_path}/b", f"--flagfile={tmp_path}/a"]
    )
    (tmp_path / "shared").write_text(f"--flagfile={tmp_path}/a\n")
    with pytest.raises(UsageError, match="leads back to itself"):
        cli.refuse_circular_flagfiles([f"--flagfile={tmp_path}/a"])
    cli.refuse_circular_flagfiles(["--", f"--flagfile={tmp_path}/a"])


def test_fault_27_names_cannot_act_on_the_terminal(tmp_path):
    """A class folder in which every bad name tries another trick; each is listed, on one line of its own."""
    tricks = [
        "a\x1b[2J\x1b]0;evil\x07.png",
        "b\nerror: forged.png",
        "c\u202egnp.exe",
        "d\r.png",
        "e\x9b2J.png",
        "f[bold].png",
    ]
    for name in ("no_gad", "with_gad"):
        write_png(tmp_path / "x" / name / "good.png", len(name))
    for name in [*tricks, *(f"g{number}.png" for number in range(60))]:
        (tmp_path / "x" / "no_gad" / name).write_bytes(b"no image")
    result = run("make_records", f"--train_dir={tmp_path}/x", f"--output_dir={tmp_path}/records")
    assert result.returncode == 65
    listed = [line for line in result.stderr.splitlines() if line.startswith("  no_gad/")]
    assert len(listed) == 66
    assert not set("\x1b\x07\x9b\u202e\r") & set(result.stderr)
    for shown in (
        r"a\x1b[2J\x1b]0;evil\x07.png",
        r"b\nerror: forged.png",
        r"c\u202egnp.exe",
        r"e\x9b2J.png",
        "f[bold].png",
    ):
        assert sum(f"no_gad/{shown}: unsupported_format" in line for line in listed) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("make_records", ["--output_dir=R"], "give one of --train_dir, --table, --phantom_patients"),
        ("make_records", ["--phantom_patients=1"], "--output_dir is needed"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--train_dir=D"], "Received: --train_dir"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--split=test"], "must be one of group, keras here"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--num_workers=none"], "Received: none"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--slice_range=0.5"], "slice_range"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--image_size=9999"], "image_size=9999"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--split=keras"], "goes with --train_dir"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--group_key_file=none"], "none cannot be read"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--seed=4294967296"], "4294967295"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "stray"], "arguments without a flag: stray"),
        ("train", ["--workdir=W"], "--records_dir is needed"),
        ("train", ["--records_dir=R"], "--workdir is needed"),
        ("train", ["--records_dir=R", "--workdir=W", "--augment=twist"], "unknown transform 'twist'"),
        ("train", ["--records_dir=R", "--workdir=W", "--ema=2"], "ema=2"),
        ("train", ["--records_dir=R", "--workdir=W", "--views=plain,turned"], "must be some of plain, mirrored"),
        ("train", ["--records_dir=R", "--workdir=shipped"], "for a folder write ./shipped"),
        ("train", ["--records_dir=R", "--workdir=W", "--precision=float8"], "float8"),
        ("train", ["--records_dir=R", "--workdir=W", "--criterion=specificity=90"], "specificity=S with S above 0"),
        ("train", ["--records_dir=R", "--workdir=W", "--max_error=5"], "5.0 is not a number in the range [0.0, 1.0]"),
        ("train", ["--records_dir=R", "--workdir=W", "--epochs=2", "--warmup_epochs=2"], "less than epochs"),
        (
            "train",
            ["--records_dir=R", "--workdir=W", "--initial_bias=class_balance", "--init_weights=X"],
            "leave one out",
        ),
        ("evaluate", ["--records_dir=R", "--workdir=W", "--split=keras"], "must be one of test, validation here"),
        ("predict", ["--workdir=W"], "name at least one file or folder"),
        ("evaluate", ["--records_dir=R", "--workdir=shipped"], "--output_dir is needed with --workdir=shipped"),
        ("predict", ["--workdir=W", "--weights=X.h5", "a.png"], "give either --workdir"),
        ("predict", ["--weights=shipped", "a.png"], "--weights takes an .h5 file"),
        ("predict", ["--weights=.", "a.png"], "--weights takes an .h5 file"),
        ("predict", ["--workdir=W", "--interpolation=area", "a.png"], "--interpolation goes with --weights"),
        ("predict", ["--interpolation=area", "a.png"], "--interpolation goes with --weights"),
        ("predict", ["--workdir=W", "--output=P.xlsx", "a.png"], "must end in .csv or .jsonl"),
    ],
)
def test_bad_flags_are_usage_errors(command, arguments, words, tmp_path):
    result = run(command, *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("make_records", ["--output_dir=R", "--train_dir=nowhere"], "nowhere"),
        ("make_records", ["--output_dir=R", "--table=nowhere.csv"], "nowhere.csv"),
        ("make_records", ["--output_dir=R", "--verify_only"], "no manifest"),
        ("train", ["--records_dir=nowhere", "--workdir=W"], "nowhere"),
        ("evaluate", ["--records_dir=nowhere", "--workdir=W"], "W/model"),
        ("predict", ["--weights=nowhere.h5", "a.png"], "nowhere.h5"),
        ("predict", ["--workdir=W", "."], "W/model"),
        ("predict", ["--workdir=./shipped", "."], "shipped/model"),
        ("predict", ["nowhere.png"], "nowhere.png"),
    ],
)
def test_fault_01_missing_input_is_a_data_error(command, arguments, words, tmp_path):
    result = run(command, *arguments, cwd=tmp_path)
    assert result.returncode == 65
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_a_traceback(tmp_path):
    result = run("make_records", "--output_dir=R", "--train_dir=nowhere", "--debug", cwd=tmp_path)
    assert result.returncode == 65
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("names", "given", "words"),
    [
        (("x/no_gad", "x/with_gad/a.png"), "x", ["no image in x/no_gad"]),
        (("x/no_gad/a.png", "x/with_gad/a.png", "x/perhaps/.DS_Store"), "x", ["unknown class folders: perhaps;"]),
        (("Train/no_gad/a.png", "TRAIN/with_gad/a.png"), "train", ["TRAIN", "Train"]),
    ],
    ids=["02", "03", "04"],
)
def test_fault_02_03_04_trees_that_do_not_say_what_is_what(tmp_path, names, given, words):
    """Refused before any picture is read, and before TensorFlow is imported."""
    for name in names:
        if "." in name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"unread")
        else:
            (tmp_path / name).mkdir(parents=True)
    result = run("make_records", f"--train_dir={given}", "--output_dir=R", cwd=tmp_path)
    assert result.returncode == 65
    assert all(word in result.stderr for word in words)
    assert not (tmp_path / "R").exists()


def test_fault_06_08_10_13_18_66_69_bad_images_fail_and_leave_nothing(png_tree, tmp_path):
    root = png_tree((6, 6))
    expected = {
        "a.png": ("unsupported_format", b"no image"),
        "b.dcm": ("unsupported_format", b"no image"),
        "burnt.dcm": ("burned_in_annotation", dicom_bytes(BurnedInAnnotation="YES")),
        "cut.png": ("truncated", encode(ramp(), "PNG")[:-20]),
        "dot.png": ("too_small", encode(ramp(1, 1), "PNG")),
        "empty.png": ("empty", b""),
        "line.png": ("too_small", encode(ramp(1, 60), "PNG")),
        "nan.nii": ("not_finite", nifti_bytes(np.full((20, 24, 18), np.nan, np.float32))),
        "picture.gif": ("unsupported_format", encode(ramp(), "GIF")),
    }
    for name, (_, content) in expected.items():
        (root / "no_gad" / name).write_bytes(content)
    result = run("make_records", f"--train_dir={root}", f"--output_dir={tmp_path}/records", "--num_workers=1")
    assert result.returncode == 65
    listed = {line.split(": ")[0].strip(): line.split(": ")[1] for line in result.stderr.splitlines()[1:]}
    assert listed == {f"no_gad/{name}": code for name, (code, _) in expected.items()}
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}


def test_fault_35_existing_records_are_kept(png_tree, tmp_path):
    root = png_tree((6, 6))
    flags = [f"--train_dir={root}", f"--output_dir={tmp_path}/records", "--image_size=24"]
    succeed("make_records", *flags)
    before = (tmp_path / "records" / "manifest.json").read_bytes()
    result = run("make_records", *flags, "--seed=5")
    assert result.returncode == 1
    assert "--overwrite" in result.stderr
    assert (tmp_path / "records" / "manifest.json").read_bytes() == before
    succeed("make_records", *flags, "--seed=5", "--overwrite")
    assert (tmp_path / "records" / "manifest.json").read_bytes() != before
    assert "verified: 12 records" in succeed("make_records", f"--output_dir={tmp_path}/records", "--verify_only")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_fault_33_stopped_conversion_leaves_nothing(tmp_path, sent):
    words = ["--phantom_patients=300", f"--output_dir={tmp_path}/records", "--num_workers=1"]
    command = [sys.executable, "-m", "contrast_tfdata.make_records", *words]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also if the tests run in the background
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    deadline = time.monotonic() + 600  # far more than it takes on a machine that has other work, too
    while not list(tmp_path.glob(".records.incomplete-*/contrast-*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the conversion did not start"
        time.sleep(0.05)
    process.send_signal(sent)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 75
    assert "unchanged" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
@pytest.mark.slow
class TestRealFiles:
    def test_siim_weights_reach_their_known_auc(self, real_data, tmp_path):
        weights = f"--weights={real_data}/siim/SimpleGadClass.h5"
        said = succeed("predict", weights, "--interpolation=nearest", real_data / "jpeg", f"--output={tmp_path}/p.csv")
        auc = float(said.split("AUC ")[1].split(",")[0])
        assert auc == pytest.approx(0.915, abs=0.005)
        assert len(read_rows(tmp_path / "p.csv")) == 216

    @pytest.mark.parametrize(
        ("folder", "regex", "files"), [("jpeg", "/([^_/]+)_[^/]*$", 216), ("nifti", r"/([^/.]+)\.nii", 9)]
    )
    def test_folders_to_report(self, real_data, tmp_path, folder, regex, files):
        source = [f"--train_dir={real_data / folder}", f"--group_regex={regex}", "--test_fraction=0.25"]
        said = succeed("make_records", *source, "--slice_step=6", f"--output_dir={tmp_path}/records")
        assert f"files: {files} found" in said
        training = ["--epochs=1", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run"]
        assert "test AUC" in succeed("train", *training)
        assert {path.name for path in (tmp_path / "run").iterdir()} == WORKDIR_FILES
        assert "verified" in succeed("make_records", f"--output_dir={tmp_path}/records", "--verify_only")

    def test_bad_files_are_all_accounted_for(self, real_data, tmp_path):
        weights = f"--weights={real_data}/siim/SimpleGadClass.h5"
        result = run("predict", weights, real_data / "bad", f"--output={tmp_path}/p.csv")
        assert result.returncode == 65
        rejected = int(result.stderr.split(" files could not be used")[0].rpartition(" ")[2])
        used = len({row["path"] for row in read_rows(tmp_path / "p.csv")})
        assert rejected + used == sum(1 for path in (real_data / "bad").rglob("*") if path.is_file())
