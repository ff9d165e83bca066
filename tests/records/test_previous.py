"""Records whose split is kept, as a user does it."""

import pytest
from running import run

from contrast_tfdata.records import previous
from contrast_tfdata.records.previous import PreviousSplit


def make_records(output, *arguments):
    return run("make_records", f"--output_dir={output}", "--image_size=24", "--num_workers=1", *arguments)


def test_content_counts_more_than_a_groups_name():
    split = PreviousSplit({"a": "test"}, {"g": "train"}, "")
    assert split.split_of(["new", "a"], "g") == "test"
    assert split.split_of(["new"], "g") == "train"
    assert split.split_of(["new"], "other") is None


@pytest.mark.slow
def test_old_patients_stay_and_the_folder_may_be_replaced(tmp_path):
    phantom = ["--phantom_slices=1", "--phantom_kind=easy"]
    assert make_records(tmp_path / "records", "--phantom_patients=6", *phantom).returncode == 0
    old = previous.read(tmp_path / "records")
    result = make_records(
        tmp_path / "records", "--phantom_patients=9", *phantom, "--overwrite", f"--keep_split_of={tmp_path}/records"
    )
    assert result.returncode == 0, result.stderr
    assert f"6 of 9 files in the split that they or their patients have in the records {old.fingerprint[:12]}" in (
        result.stdout
    )
    new = previous.read(tmp_path / "records")
    assert len(new.group_splits) == 9
    assert new.example_splits.items() >= old.example_splits.items()


def test_it_goes_with_whole_groups(tmp_path):
    result = make_records(
        tmp_path / "records", f"--train_dir={tmp_path}", "--split=keras", f"--keep_split_of={tmp_path}"
    )
    assert result.returncode == 1
    assert "--keep_split_of goes with --split=group" in result.stderr


def test_a_folder_without_records(tmp_path):
    result = make_records(tmp_path / "records", f"--train_dir={tmp_path}", f"--keep_split_of={tmp_path}")
    assert result.returncode == 65
    assert "no manifest" in result.stderr
