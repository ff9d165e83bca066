"""What is said of --group_regex: whom it finds, and that it seems to catch too much or too little of a name."""

import numpy as np
import pytest
from image_files import dicom_bytes, nifti_bytes
from png_files import write_png
from running import succeed

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake import sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.records.conversion import convert
from contrast_tfdata.records.options import ConversionOptions

SMALL = Preprocessing(image_size=24, interpolation="nearest", intensity="stored", aspect="stretch")
RIGHT, WHOLE_NAME = "/([^_/]+)_[^/]*$", "/([^/]+)$"
TOO_MUCH = "; if a patient has several, --group_regex catches too much of their names"


def warnings(found, directory):
    directory.mkdir()
    with Workers(1) as workers:
        manifest = convert(found, directory, ConversionOptions(preprocessing=SMALL), workers, lambda *_: None)
    return [each for each in manifest.warnings if "group_regex" in each and "unverified" not in each]


def folders(root, group_regex):
    return sources.from_class_folders(root, split=None, group_regex=group_regex, max_bytes=1 << 24)


def table(root, group_regex, group_of):
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    lines = ["path,label,group", *(f"{name},{name.split('/')[0]},{group_of(name)}" for name in names)]
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    return sources.from_table(root / "table.csv", group_regex=group_regex, max_bytes=1 << 24)


def volumes(root):
    for patient in range(10):
        pixels = np.random.default_rng(patient).integers(0, 900, (12, 24, 24), np.int16)
        path = root / ("with_gad" if patient % 2 else "no_gad") / f"p{patient}.nii"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(nifti_bytes(pixels))
    return root


def headers(root):
    for patient in range(10):
        path = root / ("with_gad" if patient % 2 else "no_gad") / f"{patient}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(patient).integers(0, 900, (24, 24), np.uint16)
        path.write_bytes(dicom_bytes(pixels, PatientID=f"P{patient}", SeriesInstanceUID=f"1.2.{patient}"))
    return root


@pytest.mark.parametrize("kind", ["folders", "table"])
def test_one_that_makes_each_file_a_patient_is_warned_of(png_tree, tmp_path, kind):
    root = png_tree((20, 20))
    found = folders(root, WHOLE_NAME) if kind == "folders" else table(root, WHOLE_NAME, lambda name: "")
    expected = [f"every file is a patient of its own: 40 patients in 40 files{TOO_MUCH}"]
    assert warnings(found, tmp_path / "records") == expected


def test_so_is_one_that_finds_the_same_names_in_both_classes(tmp_path):
    for label, name in enumerate(("no_gad", "with_gad")):
        for number in range(10):
            write_png(tmp_path / "pictures" / name / f"p{number // 2}_{number}.png", 100 * label + number)
    expected = [f"no patient has two files of one class: 10 patients in 20 files{TOO_MUCH}"]
    assert warnings(folders(tmp_path / "pictures", WHOLE_NAME), tmp_path / "records") == expected
    assert warnings(folders(tmp_path / "pictures", RIGHT), tmp_path / "right") == []


@pytest.mark.parametrize(
    "find",
    [
        lambda root, tree: folders(tree((40, 40)), RIGHT),
        lambda root, tree: folders(volumes(root), "/(p[0-9]+)"),
        lambda root, tree: folders(headers(root), None),
        lambda root, tree: table(tree((20, 20)), None, lambda name: name),
        lambda root, tree: table(tree((20, 20)), RIGHT, lambda name: name),
        lambda root, tree: folders(tree((20, 20)), None),
    ],
    ids=["right", "volumes", "headers", "a group in each row", "both", "nobody known"],
)
def test_nothing_is_said_where_it_is_right_or_others_name_the_patients(png_tree, tmp_path, find):
    assert warnings(find(tmp_path / "scans", png_tree), tmp_path / "records") == []


@pytest.mark.parametrize(("regex", "patients"), [("/([a-z]+)[^/]*$", "1 patient"), ("^([a-z]+)", "2 patients")])
def test_one_that_leaves_too_few_patients_for_the_splits_is_named(png_tree, tmp_path, regex, patients):
    said = warnings(folders(png_tree((20, 20)), regex), tmp_path / "records")
    assert said
    hint = f"(--group_regex finds {patients} in 40 files: if there are more, it catches too little of their names)"
    assert all(line.startswith("EMPTY: the ") and line.endswith(hint) for line in said)


def test_the_command_shows_some_of_whom_it_finds_to_the_user_alone(png_tree, tmp_path):
    root, other = png_tree((24, 24)), png_tree((4, 4), root=tmp_path / "other", first_seed=900)
    for path in other.rglob("*.png"):
        path.rename(path.with_name(f"[bold]\x1b{path.name}"))
    words = [f"--train_dir={root}", f"--test_dir={other}", f"--group_regex={RIGHT}", "--image_size=24"]
    said = succeed("make_records", *words, "--output_dir=records", cwd=tmp_path).splitlines()
    assert (
        f"{root}: --group_regex finds 12 patients in 48 files: 'p0000', 'p0001', 'p0002', 'p0003', 'p0004', ..." in said
    )
    (line,) = [each for each in said if each.startswith(f"{other}: ")]
    assert "finds 2 patients in 8 files: '[bold]" in line
    assert "\x1b" not in line
    for path in (tmp_path / "records").iterdir():
        assert b"p0003" not in path.read_bytes()
