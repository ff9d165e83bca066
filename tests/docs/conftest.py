"""What tests of the pages share."""

import os
import shutil

import pytest
from image_files import dicom_bytes
from pages import ROOT
from png_files import write_png, write_tree
from running import succeed

from contrast_tfdata.model.reference import reference_network


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with what pages take for given: SCANS, DATA, records, a run; one small training for all pages."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "SCANS").mkdir()
    for number in range(3):
        place = {"ImagePositionPatient": [number, 0, 0], "SOPInstanceUID": f"1.2.{number}"}
        (folder / "SCANS" / f"{number}.dcm").write_bytes(dicom_bytes(SeriesInstanceUID="1.2.31", **place))
    shutil.copytree(write_tree(folder / "DATA", (12, 12)), folder / "Train" / "Train")
    write_tree(folder / "Test" / "Test", (4, 4), first_seed=500)
    write_tree(folder / "OTHER", (4, 4), first_seed=700)
    write_png(folder / "slice.png", 3, size=120)
    rows = [f"{path.relative_to(folder)},{path.parent.name},,," for path in sorted((folder / "DATA").rglob("*.png"))]
    (folder / "slices.csv").write_text("\n".join(["path,label,group,split,subgroup:site", *rows]))
    os.symlink(ROOT / "flags", folder / "flags")
    network = reference_network()
    network.save_weights(folder / "SimpleGadClass.h5")
    words = ["--phantom_patients=10", "--phantom_slices=1", "--phantom_kind=easy", f"--output_dir={folder}/records"]
    succeed("make_records", *words)
    succeed("train", f"--records_dir={folder}/records", f"--workdir={folder}/run", "--epochs=1")
    shutil.copytree(folder / "run", folder / "other-run")
    return folder
