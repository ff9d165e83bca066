"""What lies beside images in a clinic's and a researcher's folders is counted: never an image, never an error."""

import json
import os
import shutil
import zipfile

import numpy as np
import pytest
from image_files import dicom_bytes, encode, nifti_bytes
from running import read_rows, run

CLASSES = ("no_gad", "with_gad")
SIDE = 48


def image(seed: int, shape=(SIDE, SIDE)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def mask(shape=(SIDE, SIDE)) -> np.ndarray:
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return (sum(axis**2 for axis in axes) < 0.5).astype(np.uint8)


BESIDE = {
    "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg": ("system files", encode(image(91), "JPEG")),
    "$RECYCLE.BIN/S-1-5-21-1/$RABC12.png": ("system files", encode(image(92), "PNG")),
    "~$letter.docx": ("system files", b"x"),
    "mask.png": ("label_map", encode(mask() * 255, "PNG")),
    "regions.nii.gz": ("label_map", nifti_bytes(mask((20, 24, 18)), compressed=True)),
    "sub-01_label-GM_probseg.nii": ("label_map", nifti_bytes(image(93, (20, 24, 18)))),
    "segmentation.dcm": ("label_map", dicom_bytes(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")),
    "DICOMDIR": ("no_pixels", dicom_bytes(SOPClassUID="1.2.840.10008.1.3.10", PixelData=None)),
    "PS_0001": ("no_pixels", dicom_bytes(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", PixelData=None, Modality="PR")),
    "README": ("unsupported_format", b"A data set\n"),
    "participants.tsv": ("unsupported_format", b"participant_id\nsub-01\n"),
    "AUTORUN.INF": ("unsupported_format", b"[autorun]\n"),
    "VIEWER.EXE": ("unsupported_format", b"MZ" + bytes(500)),
    "thickness.gif": ("unsupported_format", encode(image(94), "GIF")),
}
"""What stands in each class folder, the same in both: how it is counted, and its bytes."""


@pytest.fixture
def folder(tmp_path):
    """Class folders with four pictures and a volume each, and all that may lie beside them."""
    root = tmp_path / "DATA"
    for label, name in enumerate(CLASSES):
        for path, (_, data) in BESIDE.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_bytes(data)
        for number in range(4):
            (root / name / f"P{number}{label}.png").write_bytes(encode(image(10 * label + number), "PNG"))
        (root / name / f"P9{label}.nii.gz").write_bytes(nifti_bytes(image(50 + label, (20, 24, 18)), compressed=True))
    return root


def counted(kinds, times=2) -> dict[str, int]:
    codes = [code for code, _ in BESIDE.values()]
    return {code: times * codes.count(code) for code in set(codes) if code in kinds}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("flags", [["--split=group"], ["--group_regex=(.).[^/]*$"]], ids=["unknown", "known"])
def test_make_records_uses_the_images_alone(folder, tmp_path, kind, flags):
    source = folder if kind == "folder" else shutil.make_archive(str(tmp_path / "DATA"), "zip", folder)
    words = [f"--train_dir={source}", f"--output_dir={tmp_path}/records", "--image_size=48", "--num_workers=1", *flags]
    result = run("make_records", *words, "--test_fraction=0", "--validation_fraction=0")
    assert result.returncode == 0, result.stderr
    files = json.loads((tmp_path / "records" / "manifest.json").read_text())["files"]
    assert files["skipped"] == counted({code for code, _ in BESIDE.values()})
    assert (files["used"], files["rejected"], files["duplicates"]) == (10, {}, 0)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [["p.csv", "page.html"], ["p.jsonl"]])
def test_predict_scores_the_images_alone_and_its_own_output_is_no_error(folder, tmp_path, outputs):
    (folder / "sub-01_T1w.nii").write_bytes(nifti_bytes(image(60, (20, 24, 18))))  # For which there is a table more.
    flags = [f"--output={outputs[0]}", *(f"--report={name}" for name in outputs[1:]), "--num_workers=1"]
    results = [run("predict", ".", *flags, cwd=folder) for _ in range(2)]
    for result in results:
        assert result.returncode == 0, result.stderr
        assert "11 scored" in result.stdout
        assert "6 skipped: system files" in result.stdout
        assert f"{counted({'label_map'})['label_map']} label_map: masks and segmentations" in result.stdout
    if outputs[0] == "p.csv":
        reasons = [row["reason"] for row in read_rows(folder / "p.skipped.csv")]
        written = 6  # Five tables and the page, of the first time.
        assert len(read_rows(folder / "p.series.csv")) == 11
        expected = counted({"label_map", "no_pixels", "unsupported_format"})
        expected["unsupported_format"] += written
        assert {code: reasons.count(code) for code in set(reasons)} == expected


@pytest.mark.slow
def test_records_within_the_folder_that_they_are_made_of(folder):
    words = [f"--train_dir={folder}", f"--output_dir={folder}/records", "--image_size=48", "--num_workers=1"]
    assert run("make_records", *words).returncode == 0
    held = len(list((folder / "records").iterdir()))
    again = run("make_records", *words, "--overwrite")
    assert again.returncode == 0, again.stderr
    assert f"{held} skipped: outside the class folders" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_where_everything_was_passed_over_both_commands_say_so(tmp_path, kind):
    root = tmp_path / "DATA"
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        (root / name / "Thumbs.db").write_bytes(b"x")
        os.symlink(tmp_path, root / name / "link")
    links = "2 links that lead out of it (they are not followed: name what they lead to, or copy it)"
    if kind == "zip":
        links = "2 links inside an archive (unpack it, if you trust it)"
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name in CLASSES:
                link = zipfile.ZipInfo(f"{name}/link")
                link.external_attr = 0o120777 << 16
                archive.writestr(link, "elsewhere")
                archive.writestr(f"{name}/Thumbs.db", "x")
        root = tmp_path / "x.zip"
    scored = run("predict", root)
    assert scored.returncode == 65
    assert scored.stderr.strip() == f"error: no file in {root} that is read; passed over: {links}, 2 system files"
    made = run("make_records", f"--train_dir={root}", f"--output_dir={tmp_path}/records")
    assert made.returncode == 65
    assert made.stderr.count(f"passed over: {links}, 2 system files") == 2


@pytest.mark.slow
def test_nothing_but_label_maps_is_no_image(tmp_path):
    (tmp_path / "a.nii").write_bytes(nifti_bytes(mask((20, 24, 18))))
    (tmp_path / "b.png").write_bytes(encode(mask(), "PNG"))
    result = run("predict", tmp_path, "--num_workers=1")
    assert result.returncode == 65
    assert "2 label_map: masks and segmentations" in result.stdout
    assert "there is no image among these files" in result.stderr


@pytest.mark.slow
def test_a_class_of_nothing_but_label_maps_says_what_was_left_out(folder, tmp_path):
    for path in [*folder.glob("with_gad/P*.png"), *folder.glob("with_gad/P*.nii.gz")]:
        path.unlink()
    result = run("make_records", f"--train_dir={folder}", f"--output_dir={tmp_path}/records", "--num_workers=1")
    assert result.returncode == 65
    assert "no usable image of with_gad to train on; add some. Left out, of all classes: 8 label_map, " in result.stderr
