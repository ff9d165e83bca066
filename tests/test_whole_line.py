"""From synthetic patients to predictions on files: the commands after each other, and what they say and leave."""

import csv
import html
import json
import os
import re
import shutil
import subprocess
import sys

import forging
import numpy as np
import pytest
from image_files import dicom_bytes, ramp
from PIL import Image, ImageOps
from png_files import write_png
from running import WORKDIR_FILES, read_rows, run, succeed

from contrast_tfdata.records import manifest as manifests

ONE_WORKER = "--num_workers=1"
"""For a few files: a second process takes longer to start than they do."""
PREDICTION_COLUMNS = "path,slice_index,example_id,group,label,logit,probability,prediction"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small data set of synthetic patients, and a short training on it."""
    root = tmp_path_factory.mktemp("line")
    records = [f"--output_dir={root}/records", "--phantom_patients=10", "--phantom_slices=2", "--image_size=190"]
    made = succeed("make_records", *records)
    training = [f"--records_dir={root}/records", f"--workdir={root}/run", "--epochs=2", "--batch_size=8"]
    return root, made, succeed("train", *training, drawn=True)


@pytest.mark.slow
class TestTheWholeLine:
    def test_make_records_shows_a_table(self, trained):
        _, made, _ = trained
        assert "synthetic patients: 10" in made
        assert "files:" not in made
        assert all(word in made for word in ("train", "validation", "test", "no_gad", "with_gad", "patients"))

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

    def test_errors_are_shown_with_maps_and_suspects_are_listed(self, trained):
        folder = trained[0] / "run"
        wrong = sum(row["prediction"] != row["label"] for row in read_rows(folder / "predictions-test.csv"))
        page = (folder / "report.html").read_text("utf-8")
        errors = page.split("<h2>Misclassified test slices")[1].split("</section>")[0]
        assert errors.count('class="map"') == wrong
        assert "Labels to look at again" in page
        for row in read_rows(folder / "suspected-labels.csv"):
            told = read_rows(folder / f"predictions-{row['split']}.csv")[int(row["row"])]
            assert (told["path"], told["example_id"]) == (row["path"], row["example_id"])

    def test_reports_say_that_patients_are_synthetic_and_how_to_repeat_them(self, trained, tmp_path):
        root, _, _ = trained
        succeed("evaluate", f"--records_dir={root}/records", f"--workdir={root}/run", f"--output_dir={tmp_path}/out")
        for page, learned in (
            (root / "run" / "report.html", "learned from 24 slices of 6 synthetic patients."),
            (tmp_path / "out" / "report.html", "learned from 24 slices of 6 synthetic patients."),
        ):
            text = page.read_text("utf-8")
            assert learned in text
            assert re.search(r"scored on \d+ slices of \d synthetic patients: the test split", text)
            command = html.unescape(re.search(r'<pre id="command">(.*?)</pre>', text, re.DOTALL).group(1))
            script = f'python() {{ "{sys.executable}" "$@"; }}\n{command} --only_check_args'
            assert subprocess.run(["bash", "-c", script], check=False).returncode == 0
        assert json.loads((root / "run" / "model" / "model.json").read_text())["synthetic_share"] == 1.0

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
        assert model["input_gate"]["num_slices"] > 0

    def test_the_card_and_the_report_name_the_weights_by_their_digest(self, trained):
        run_dir = trained[0] / "run"
        digest = json.loads((run_dir / "model" / "model.json").read_text())["weights_sha256"]
        for page in ("MODEL_CARD.md", "report.html"):
            assert digest in (run_dir / page).read_text()
        assert {path.suffix for path in (run_dir / "model").iterdir()} == {".json", ".npz"}

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
        same = [f"--records_dir={root}/records", f"--workdir={root}/run", "--batch_size=8"]
        succeed("evaluate", *same, drawn=True)
        trained_metrics = json.loads((root / "run" / "metrics.json").read_text())
        metrics = json.loads((root / "run" / "evaluation-test" / "metrics.json").read_text())
        kept = "test", "test_best_threshold", "operating_point", "indeterminate_band", "temperature"
        assert {key: metrics[key] for key in kept} == {key: trained_metrics[key] for key in kept}
        assert (root / "run" / "evaluation-test" / "report.html").exists()

    def test_evaluate_reports_on_changed_slices_where_it_is_asked_to(self, trained, tmp_path):
        root, _, _ = trained
        command = ["evaluate", f"--records_dir={root}/records", f"--workdir={root}/run", "--batch_size=8"]
        kept = []
        for name in "ab":
            succeed(*command, "--robustness", f"--output_dir={tmp_path}/{name}")
            kept.append((tmp_path / name / "metrics.json").read_bytes())
        assert kept[0] == kept[1]  # What is drawn is the same every time.
        rows = json.loads(kept[0])["test"]["robustness"]
        assert len(rows) == 16
        assert len({row["auc"] for row in rows}) > 1
        for page in ("report.html", "MODEL_CARD.md"):
            assert "When slices change" in (tmp_path / "a" / page).read_text()

    def test_training_and_evaluating_say_what_trivial_scores_reach(self, trained):
        root, _, said = trained
        check = json.loads((root / "run" / "metrics.json").read_text())["test"]["confounders"]
        assert {"auc_histogram_matched", "auc_histogram_matched_ci95", "trivial"} <= check.keys()
        pixels = {"mean_grey", "mean_grey_image", "bright_share", "foreground_share"}
        assert check["trivial"].keys() == pixels | {"file_bytes", "image_pixels"}
        sizes = [check["trivial"][name] for name in ("file_bytes", "image_pixels")]
        assert {(each["auc"], each["higher_in"]) for each in sizes} == {(0.5, None)}  # of synthetic slices
        assert f"(the same histogram), it reaches {check['auc_histogram_matched']:.3f}" in said
        for page in (root / "run" / "report.html", root / "run" / "MODEL_CARD.md"):
            assert "Could something simpler do it?" in page.read_text()

    def test_a_data_set_that_brightness_separates_is_found_out(self, trained, tmp_path):
        """Both classes show the same heads; those after contrast were only brightened."""
        root, _, _ = trained
        for number in range(20):
            dark, path = head_picture(number), tmp_path / "data"
            bright = np.rint(255 * (dark / 255) ** 0.6).astype(np.uint8)
            write_picture(path / "no_gad" / f"p{number}_a.png", dark)
            write_picture(path / "with_gad" / f"p{number}_b.png", np.pad(bright, ((0, 1 + number % 2), (0, 0))))
        records = [f"--output_dir={tmp_path}/records", "--image_size=190", "--group_regex=/(p[0-9]*)_", ONE_WORKER]
        succeed(
            "make_records", f"--test_dir={tmp_path}/data", f"--train_dir={tmp_path}/data", *records, "--allow_leakage"
        )
        evaluate = [f"--workdir={root}/run", f"--records_dir={tmp_path}/records", f"--output_dir={tmp_path}/out"]
        said = succeed("evaluate", *evaluate)
        figures = json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]
        assert figures["confounders"]["trivial"]["mean_grey"]["auc"] == 1.0
        assert abs(figures["confounders"]["auc_histogram_matched"] - 0.5) < 0.1  # nothing else is there to be seen
        assert figures["confounders"]["trivial"]["image_pixels"]["higher_in"] == "with_gad"
        sizes = {
            kind: [file.stat().st_size for file in (tmp_path / "data" / kind).iterdir()]
            for kind in ("no_gad", "with_gad")
        }
        larger = np.sign(np.subtract.outer(sizes["with_gad"], sizes["no_gad"]))
        expected = 0.5 + abs(larger.mean()) / 2
        assert figures["confounders"]["trivial"]["file_bytes"]["auc"] == pytest.approx(expected)
        assert "warning: On test the mean grey of the foreground alone (AUC 1.000, higher after contrast)" in said
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
            succeed("predict", f"--workdir={run_dir}", *folders, f"--output={tmp_path}/p.csv", ONE_WORKER)
            left, right = (float(row["probability"]) for row in read_rows(tmp_path / "p.csv"))
            assert (left == pytest.approx(right, abs=1e-7)) == is_same

    def test_evaluate_refuses_records_made_otherwise(self, trained, tmp_path):
        root, _, _ = trained
        records = [f"--output_dir={tmp_path}/records", "--phantom_patients=4", "--phantom_slices=1", "--image_size=200"]
        succeed("make_records", *records, ONE_WORKER)
        result = run("evaluate", f"--records_dir={tmp_path}/records", f"--workdir={root}/run")
        assert result.returncode == 65
        assert "image_size: records 200, network 190" in result.stderr

    def test_training_from_shipped_weights_refuses_records_made_otherwise(self, trained, tmp_path):
        root, _, _ = trained
        result = run("train", f"--records_dir={root}/records", f"--workdir={tmp_path}/run", "--init_weights=shipped")
        assert result.returncode == 65
        assert "image_size: records 190, network 331" in result.stderr
        assert not (tmp_path / "run").exists()

    def test_cut_records_are_never_trained_on(self, trained, tmp_path):
        root, _, _ = trained
        shutil.copytree(root / "records", tmp_path / "records")
        shard = next((tmp_path / "records").glob("contrast-train*"))
        shard.write_bytes(shard.read_bytes()[:-1])
        result = run("train", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run")
        assert result.returncode == 65
        assert shard.name in result.stderr

    def test_flipped_bit_is_never_trained_on(self, trained, tmp_path):
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
    def test_wrong_record_is_never_trained_on(self, trained, tmp_path, change, verify):
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

    @pytest.mark.parametrize("several", [[], ["--repeats=2"]])
    def test_train_replaces_nothing_of_others(self, trained, tmp_path, several):
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "report.html").write_text("precious")
        result = run("train", f"--records_dir={trained[0]}/records", f"--workdir={tmp_path}/project", *several)
        assert result.returncode == 1
        assert "project holds report.html, and nothing there shows that this program wrote" in result.stderr
        assert [path.name for path in (tmp_path / "project").iterdir()] == ["report.html"]

    def test_records_that_hold_a_run_are_not_overwritten(self, trained, tmp_path):
        shutil.copytree(trained[0] / "records", tmp_path / "records")
        shutil.copytree(trained[0] / "run" / "model", tmp_path / "records" / "run" / "model")
        words = ["--phantom_patients=10", "--phantom_slices=2", "--image_size=190", "--overwrite"]
        result = run("make_records", f"--output_dir={tmp_path}/records", *words)
        assert result.returncode == 1
        assert "--overwrite does not touch it; move these away:\n  run/model/model.json" in result.stderr
        shutil.rmtree(tmp_path / "records" / "run")
        succeed("make_records", f"--output_dir={tmp_path}/records", *words)  # All else is its own.

    def test_predict_counts_no_slice_twice(self, trained, tmp_path):
        root, _, _ = trained
        folder = tmp_path / "scans"
        folder.mkdir()
        for number in range(3):
            content = dicom_bytes(ramp() + number, ImagePositionPatient=[number, 0, 0])
            (folder / f"{number}.dcm").write_bytes(content)
            (folder / f"{number}-copy.dcm").write_bytes(content)
        predict = ["predict", f"--workdir={root}/run", "--slice_range=0,1", ONE_WORKER]
        said = succeed(*predict, folder, f"--output={tmp_path}/p.csv")
        assert "6 files: 3 scored, 3 copies" in said
        assert "1 series (3 slices)" in said
        assert sorted(row["slice_index"] for row in read_rows(tmp_path / "p.csv")) == ["0", "1", "2"]
        write_png(folder / "a.png", 1, size=60)
        said = succeed(*predict, folder, folder / "a.png")
        assert "2 series (4 slices)" in said

    def test_odd_names_are_shown_as_they_are(self, trained, tmp_path, monkeypatch):
        root, _, _ = trained
        write_png(tmp_path / "q[" / "x[bold]].png", 1, size=60)
        write_png(tmp_path / "q[" / os.fsdecode(b"odd\xff.png"), 2, size=60)
        monkeypatch.chdir(tmp_path)  # so that the names are short enough not to be folded
        said = succeed("predict", f"--workdir={root}/run", "q[", f"--output={tmp_path}/p.csv", ONE_WORKER)
        assert "series in q[/" in said
        assert "│ x[bold]].png" in said
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
        assert "24 series (24 slices)" in said
        assert "labels from folders named no_gad and with_gad: AUC" in said
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
        result = run("predict", f"--workdir={root}/run", *files, f"--output={tmp_path}/p.jsonl", ONE_WORKER)
        assert result.returncode == 65
        assert "broken.png" in result.stderr
        rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
        assert [row["kind"] for row in rows] == ["slice", "series", "skipped"]
        assert rows[0]["path"] == rows[1]["series"] == str(tmp_path / "a.png")
        assert rows[0]["label"] is None
        assert 0 <= rows[0]["probability"] == rows[1]["probability"] <= 1


def head_picture(seed):
    """A (200, 200) uint8 disc of smooth random texture on black; all of it is foreground, brightened or not."""
    coarse = np.random.default_rng(seed).integers(90, 250, (10, 10), np.uint8)
    texture = np.asarray(Image.fromarray(coarse).resize((200, 200), Image.Resampling.BILINEAR))
    rows, columns = np.mgrid[:200, :200] - 100
    return np.where(np.hypot(rows, columns) < 85, texture, 0).astype(np.uint8)


def write_picture(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
