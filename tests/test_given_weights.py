"""Commands with weights and flags that come with the package or the slides, and on real files."""

import json
from pathlib import Path

import pytest
from running import WORKDIR_FILES, read_rows, run, succeed

from contrast_tfdata.model import pretrained


@pytest.mark.slow
def test_shipped_weights_predict_are_evaluated_and_trained_on(png_tree, tmp_path):
    pictures, records = png_tree((6, 6)), f"--records_dir={tmp_path}/records"
    said = succeed("predict", pictures, f"--output={tmp_path}/p.csv")
    (line,) = (line for line in said.splitlines() if line.startswith("weights: "))
    assert "trained on synthetic patients only; not a medical device" in line
    assert "12 series (12 slices)" in said

    succeed("make_records", f"--train_dir={pictures}", f"--output_dir={tmp_path}/records", "--test_fraction=0.5")
    before = {path: path.read_bytes() for path in pretrained.directory().iterdir() if path.is_file()}
    assert line in succeed("evaluate", "--workdir=shipped", records, f"--output_dir={tmp_path}/out")
    assert {path: path.read_bytes() for path in pretrained.directory().iterdir() if path.is_file()} == before
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


@pytest.mark.real
@pytest.mark.slow
class TestRealFiles:
    def test_siim_weights_reach_their_known_auc(self, real_data, tmp_path):
        weights = f"--weights={real_data}/siim/SimpleGadClass.h5"
        said = succeed("predict", weights, "--interpolation=nearest", real_data / "jpeg", f"--output={tmp_path}/p.csv")
        auc = float(said.split("AUC ")[1].split(",")[0])
        assert auc == pytest.approx(0.915, abs=0.005)
        assert len(read_rows(tmp_path / "p.csv")) == 216

    def test_volumes_to_report(self, real_data, tmp_path):
        """Those in single slices go the same way in test_real_report."""
        source = [f"--train_dir={real_data}/nifti", r"--group_regex=/([^/.]+)\.nii", "--test_fraction=0.25"]
        size = ["--slice_step=6", "--image_size=190"]
        said = succeed("make_records", *source, *size, f"--output_dir={tmp_path}/records")
        assert "files: 9 found" in said
        training = ["--epochs=1", f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/run"]
        assert "test AUC" in succeed("train", *training)
        assert {path.name for path in (tmp_path / "run").iterdir()} == WORKDIR_FILES
        assert "verified" in succeed("make_records", f"--output_dir={tmp_path}/records", "--verify_only")

    def test_bad_files_are_all_accounted_for(self, real_data, tmp_path):
        weights = f"--weights={real_data}/siim/SimpleGadClass.h5"
        result = run("predict", weights, real_data / "bad", f"--output={tmp_path}/p.csv")
        assert result.returncode == 65
        assert "63 files: 12 scored, 26 out of scope, 9 copies, 16 damaged" in result.stdout
        assert len({row["path"] for row in read_rows(tmp_path / "p.csv")}) == 12
        assert len(read_rows(tmp_path / "p.skipped.csv")) == 26 + 16
        assert sum(1 for path in (real_data / "bad").rglob("*") if path.is_file()) == 63
