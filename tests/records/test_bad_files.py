"""Pillow's and pydicom's collections of awkward files, all through one conversion."""

import csv
import json

import pytest
from running import run

REJECTED = {
    "animated": (
        "apng_blend_op_over.png apng_blend_op_over_near_transparent.png "
        "apng_blend_op_source_near_transparent.png apng_blend_op_source_solid.png "
        "apng_blend_op_source_transparent.png"
    ),
    "corrupt": (
        "broken_data_stream.png invalid-exif.jpg jpeg_ff00_header.jpg junk_jpeg_header.jpg png_decompression_dos.png"
    ),
    "trailing_data": "hopper_idat_after_image_end.png sugarshack_bad_mpo_header.jpg tRNS_null_1x1.png",
    "truncated": "MR_truncated.dcm broken.png",
    "unsupported_mode": "pil_sample_cmyk.jpg",
}
SKIPPED = {
    "no_pixels": 2,  # rtplan.dcm and no_meta_group_length.dcm
    "not_mr": 8,
    "slices_too_thick": 1,  # MR-SIEMENS-DICOM-WithOverlays.dcm, one axial slice
    "copy_of_an_instance": 7,
    "derived": 2,  # MR_small.dcm in both classes; the others of its kind are the same instance
    "too_small": 3,
    "unsupported_format": 11,
}
USED = (
    "1_trns.png apng_chunk_actl_after_idat.png broken_exif_dpi.jpg hopper_gray.jpg "
    "hopper_orientation_6.jpg hopper_orientation_8.jpg hopper_webp.png i_trns.png l_trns.png p_16.png pil123rgba.png"
)
"""Names by what becomes of them: the reason for which they are rejected, or their use."""


def write_table(folder, files):
    """Copies the files, which stand in no class folders, and calls every other one with_gad."""
    lines = ["path,label,split"]
    for number, file in enumerate(files):
        (folder / file.name).write_bytes(file.read_bytes())
        lines.append(f"{file.name},{number % 2},train")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return folder / "table.csv"


@pytest.mark.real
@pytest.mark.slow
def test_every_bad_file_is_accounted_for(real_data, tmp_path):
    found = sorted(path for path in (real_data / "bad").rglob("*") if path.is_file())
    words = [f"--table={write_table(tmp_path, found)}", f"--output_dir={tmp_path}/records", "--image_size=64"]
    result = run("make_records", *words, "--on_bad_image=skip", "--num_workers=1")
    assert result.returncode == 0, result.stderr
    with open(tmp_path / "records" / "rejected.csv", newline="") as file:
        reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {name: code for code, names in REJECTED.items() for name in names.split()}
    files = json.loads((tmp_path / "records" / "manifest.json").read_text())["files"]
    assert files["skipped"] == SKIPPED
    assert sum(files["rejected"].values()) == len(reasons)
    accounted = files["used"] + files["duplicates"] + len(reasons) + sum(files["skipped"].values())
    assert accounted == files["found"] == len(found) == 63
