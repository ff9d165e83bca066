"""What a person sees of a conversion."""

import pytest
from running import succeed

from contrast_tfdata.console import display


@pytest.mark.slow
def test_patients_are_called_so_where_they_are_known(png_tree, tmp_path):
    few = ["--phantom_patients=4", "--phantom_slices=1", "--image_size=24", f"--output_dir={tmp_path}/phantom"]
    said = succeed("make_records", *few)
    assert said.startswith("synthetic patients: 4\n")
    assert "patients" in said.splitlines()[2]
    words = [f"--train_dir={png_tree((8, 8))}", "--image_size=24"]
    unknown = succeed("make_records", *words, f"--output_dir={tmp_path}/unknown")
    assert unknown.startswith("files: 16 found, 16 used, 0 exact copies left out\n")
    assert "groups" in unknown.splitlines()[2]
    known = succeed("make_records", *words, r"--group_regex=/(\w+)_", f"--output_dir={tmp_path}/known")
    assert "patients" in known.splitlines()[2]


def test_lists_that_name_files_are_shown_where_they_have_a_row(tmp_path):
    for name, rows in (("rejected.csv", ""), ("look_alikes.csv", "train,a\udcff.png\ntest,b.png\n")):
        (tmp_path / name).write_text(f"path,detail\n{rows}", errors="surrogateescape")
    assert list(display.lists_of_names(tmp_path)) == [f"look-alikes, by name: {tmp_path}/look_alikes.csv"]
    (tmp_path / "rejected.csv").write_text("path,reason,detail\na.png,empty,no bytes\n")
    rejected, _ = display.lists_of_names(tmp_path)
    assert rejected == f"files that cannot be used, by name: {tmp_path}/rejected.csv"
