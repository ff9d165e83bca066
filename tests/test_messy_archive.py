"""One archive with most of what is wrong with archives, from folders to report, by the real commands."""

import csv
import html
import json
import os
import re
import shutil
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from image_files import dicom_bytes, encode, nifti_bytes, ramp, volume
from lesser_rights import obey_rights
from PIL import Image
from png_files import write_png
from running import fresh, run

from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import verification
from contrast_tfdata.report.templates import folded

pytestmark = pytest.mark.slow
REJECTED = {
    "closed": "unreadable",
    "empty.png": "empty",
    "infinite.nii": "not_finite",
    "secret.png": "unreadable",
}
"""What stands in one class folder and cannot be used, with the reason."""
PICTURES = 16


def write_archive(root):
    """Writes Train/Train and Test, without any patient's name; returns what a child must not be able to read."""
    for label, name in enumerate(("no_gad", "with_gad")):
        for number in range(PICTURES):
            write_png(root / "Train" / "Train" / name / f"{number:02d}.png", 1000 * label + number, size=48)
        for number in range(4):
            write_png(root / "Test" / name / f"{number:02d}.png", 5000 + 1000 * label + number, size=48)
    folder = root / "Train" / "Train" / "no_gad"
    shutil.copy(folder / "03.png", root / "Test" / "no_gad" / "leaked.png")
    brighter = np.minimum(np.asarray(Image.open(folder / "05.png"))[:, ::-1] * 1.1, 255).astype(np.uint8)
    (root / "Test" / "no_gad" / "mirrored.png").write_bytes(encode(brighter, "PNG"))
    shutil.copy(folder / "07.png", folder / "copy.png")
    (folder / "09.png").rename(folder / "09.jpg")
    for name, content in {
        ".DS_Store": b"x",
        "Thumbs.db": b"x",
        "__MACOSX/._x.png": b"x",
        "flat.png": encode(np.full((48, 48), 9, np.uint8), "PNG"),
        "silent.dcm": dicom_bytes(BurnedInAnnotation=None, PatientID=None),
        "burnt.dcm": dicom_bytes(BurnedInAnnotation="YES"),
        "dot.png": encode(ramp(1, 1), "PNG"),
        "line.png": encode(ramp(1, 48), "PNG"),
        "empty.png": b"",
        "infinite.nii": nifti_bytes(np.where(volume() == 77, np.inf, volume()).astype(np.float32)),
        "secret.png": encode(ramp(), "PNG"),
        "closed/inside.png": encode(ramp() + 1, "PNG"),
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    os.symlink(root / "Test" / "no_gad" / "00.png", folder / "link.png")
    return folder / "secret.png", folder / "closed"


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """The archive's records, made with all that is wrong allowed, and a network trained on them for an epoch."""
    root = tmp_path_factory.mktemp("messy")
    hidden = write_archive(root)
    folders = [f"--train_dir={root}/train", f"--test_dir={root}/test", f"--output_dir={root}/records"]
    for path in hidden:
        path.chmod(0)
    options = ["--on_bad_image=skip", "--allow_leakage", "--image_size=190", "--num_workers=1"]
    made = fresh("make_records", *folders, *options, preexec_fn=obey_rights)
    for path in hidden:
        path.chmod(0o700)
    assert made.returncode == 0, made.stderr
    training = [f"--records_dir={root}/records", f"--workdir={root}/run", "--epochs=1", "--batch_size=8"]
    trained = run("train", *training, drawn=True)
    assert trained.returncode == 0, trained.stderr
    card = (root / "run" / "MODEL_CARD.md").read_text()
    return SimpleNamespace(
        root=root,
        console=made.stdout,
        manifest=json.loads((root / "records" / "manifest.json").read_text()),
        report=html.unescape((root / "run" / "report.html").read_text()),
        card=re.sub(r"\\(.)", r"\1", html.unescape(card)),
    )


def told_everywhere(messy, words):
    """Returns the only warning with these words, which console, manifest, report and model card must all give."""
    (line,) = [each for each in messy.manifest["warnings"] if words in each]
    assert f"warning: {line}" in messy.console
    sentence = line[:1].upper() + line[1:]
    said, listed = (part.rstrip(".") for part in folded(sentence))
    assert said in messy.report
    assert listed in messy.report  # The page folds a list of files, and the card leaves it to the page.
    assert said in messy.card
    return line


def test_root_in_another_case_and_nested(messy):
    assert f"{messy.root}/Train was taken" in told_everywhere(messy, "train does not exist")
    assert f"{messy.root}/Test was taken" in told_everywhere(messy, "test does not exist")
    told_everywhere(messy, "the classes lie one level down, in Train")


def test_what_is_no_image_is_counted(messy):
    assert messy.manifest["files"]["skipped"] == {
        "burned_in_annotation": 1, "link_outside": 1, "not_a_file": 1, "system files": 3, "too_small": 2,
    }  # fmt: skip
    assert all(f"1 skipped: {code}" in messy.console for code in ("link_outside", "not_a_file"))
    # On the console alone: a path outside the class folders may name a patient.
    assert "link.png passed over: a link that leads out of the folder" in messy.console
    assert not any("link.png" in text for text in (json.dumps(messy.manifest), messy.report, messy.card))


def test_what_cannot_be_used_is_named_and_the_others_go_on(messy):
    with open(messy.root / "records" / "rejected.csv", newline="") as file:
        rejected = {row["path"].rpartition("/")[2]: row["reason"] for row in csv.DictReader(file)}
    assert rejected == REJECTED
    assert "2 rejected: unreadable" in messy.console
    files = messy.manifest["files"]
    assert files["rejected"] == Counter(REJECTED.values())
    assert files["used"] == 2 * PICTURES + 2 + 2 * 4 + 2
    accounted = files["used"] + files["duplicates"] + sum(files["rejected"].values()) + sum(files["skipped"].values())
    assert accounted == files["found"] == files["used"] + 1 + len(REJECTED) + 8


def test_odd_files_are_used_and_counted(messy):
    assert told_everywhere(messy, "the name promises another format").startswith("1 file: ")
    assert told_everywhere(messy, "one grey value all over").startswith("1 slice ")
    assert messy.manifest["files"]["duplicates"] == 1
    assert "1 exact copies left out" in messy.console


def test_allowed_leakage_is_told_everywhere(messy):
    assert "same image" in told_everywhere(messy, "LEAKAGE")
    assert messy.manifest["split_rule"]["allow_leakage"]
    records = messy.root / "records"
    splits = manifests.load(records).splits
    found = {name: {each.example_id for each in verification.read_split(records, splits[name])} for name in splits}
    assert len((found["train"] | found["validation"]) & found["test"]) == 1


def test_near_duplicate_of_a_test_image_is_told_everywhere(messy):
    line = told_everywhere(messy, "NEAR-DUPLICATES")
    assert "mirrored.png" in line
    assert "05.png" in line


def test_unknown_patients_are_told_everywhere(messy):
    told_everywhere(messy, "patient independence unverified")
    assert not messy.manifest["patients_known"]


def test_untold_burnt_in_text_is_told_everywhere(messy):
    assert told_everywhere(messy, "BurnedInAnnotation").startswith("1 file: ")
