"""The export of whole studies, as it is, through the command: counts that add up, a verdict where there can be one."""

import csv
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from image_files import SAGITTAL, dicom_bytes, encode, nifti_bytes, ramp
from running import run

AXIAL = [1, 0, 0, 0, 1, 0]
T1 = {"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 500}
T2 = {"ScanningSequence": "SE", "EchoTime": 100, "RepetitionTime": 4000}
NOTHING = {"PixelData": None, "ImageOrientationPatient": None, "ImagePositionPatient": None}


def write_series(folder, number, count=9, step=(-4.0, 0.0, 0.0), **tags):
    folder.mkdir(parents=True)
    for place in range(count):
        values = {
            "ImageOrientationPatient": SAGITTAL,
            "ImagePositionPatient": [place * each for each in step],
            "SeriesInstanceUID": f"1.2.3.{number}",
            "SOPInstanceUID": f"1.2.3.{number}.{place}",
            "StudyInstanceUID": "1.2.3",
            "SeriesNumber": number,
            "InstanceNumber": place + 1,
            **tags,
        }
        pixels = (ramp(48, 56).astype(np.uint16) * 3 + 7 * place).astype(np.uint16)
        (folder / f"IM{place:03d}").write_bytes(dicom_bytes(pixels, **values))


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """One study with most that archives hold, its tables, and what the command said."""
    root = tmp_path_factory.mktemp("export")
    study = root / "study"
    write_series(study / "t1", 1, SeriesDescription="SAG T1", **T1)
    write_series(study / "t2", 2, SeriesDescription="SAG T2", **T2)
    write_series(study / "lies", 3, SeriesDescription="SAG T1 MPRAGE", **T2)
    write_series(study / "phase", 4, ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])
    write_series(study / "localizer", 5, count=3, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(study / "adc", 6, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    write_series(study / "thick", 7, count=20, step=(0, 0, 5.0), ImageOrientationPatient=AXIAL, **T1)
    write_series(study / "thin", 8, count=40, step=(0, 0, 2.0), ImageOrientationPatient=AXIAL, **T1)
    for name, content in {
        "report": dicom_bytes(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR", **NOTHING),
        "DICOMDIR": dicom_bytes(SOPClassUID="1.2.840.10008.1.3.10", Modality=None, **NOTHING),
        "screenshot": dicom_bytes(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "VIEWER.EXE": b"MZ" + bytes(500),
        "README.TXT": b"Double-click the viewer",
        "dwi.nii.gz": nifti_bytes(np.ones((20, 24, 18, 3), np.int16), compressed=True),
        "logo.gif": encode(ramp(), "GIF"),
    }.items():
        (study / name).write_bytes(content)
    words = [str(study), f"--output={root}/p.csv", f"--report={root}/p.html"]
    done = run("predict", *words)

    def rows(name):
        return list(csv.DictReader((root / name).read_text().splitlines()))

    files = sum(path.is_file() for path in study.rglob("*"))
    names = {"slices": "p.csv", "series": "p.series.csv", "studies": "p.studies.csv", "skipped": "p.skipped.csv"}
    return SimpleNamespace(
        root=root, study=study, done=done, files=files, **{key: rows(name) for key, name in names.items()}
    )


def test_an_export_as_it_is_is_no_error(export):
    assert (export.done.returncode, export.done.stderr) == (0, "")
    assert len(export.done.stdout.splitlines()) < 45


def test_every_series_that_can_be_a_t1_has_a_verdict(export):
    found = {row["series"].split("/")[-2]: row for row in export.series}
    assert found.keys() == {"t1", "t2", "lies", "thick", "thin"}
    assert {name: row["verdict"] for name, row in found.items() if name in ("t2", "lies", "thick")} == {
        "t2": "not_t1", "lies": "not_t1", "thick": "indeterminate",
    }  # fmt: skip
    assert found["thick"]["reason"] == "slices_too_thick"
    assert found["lies"]["sequence"] == "T2"
    assert [found[name]["plane"] for name in ("t1", "thin")] == ["sagittal", "axial"]
    assert [found[name]["files"] for name in ("t1", "thin")] == ["9", "40"]
    assert {found[name]["rank"] for name in ("t1", "thin")} <= {"1", "2", ""}
    assert found["t1"]["series_number"] == "1"


def test_counts_add_up(export):
    reasons = Counter(row["reason"] for row in export.skipped)
    assert reasons == {
        "not_t1": 18, "phase": 9, "localizer": 3, "derived": 9, "slices_too_thick": 20, "no_pixels": 2, "not_mr": 1,
        "unsupported_format": 3, "not_3d": 1,
    }  # fmt: skip
    first = next(line for line in export.done.stdout.splitlines() if " files: " in line)
    assert first == f"{export.files} files: 43 scored, 6 outside the slice range, 66 out of scope"
    assert export.files == 43 + 6 + len(export.skipped)
    rare = [line.split()[0] for line in export.done.stdout.splitlines() if line.startswith("  ")]
    assert rare == sorted(rare, key=int)


def test_a_study_is_a_row(export):
    (study,) = export.studies
    assert (study["series"], study["not_t1"], study["conflicts"]) == ("5", "2", "0")
    assert int(study["indeterminate"]) >= 1


def test_numbers_are_hashed_unless_asked_for(export, tmp_path):
    shown = (export.root / "p.series.csv").read_text() + (export.root / "p.html").read_text()
    assert "1.2.3" not in shown
    assert "patient-7" not in shown
    done = run("predict", str(export.study / "t1"), f"--output={tmp_path}/c.csv", "--ids=clear")
    assert done.returncode == 0
    assert ",1.2.3,1.2.3.1,1,MR," in (tmp_path / "c.series.csv").read_text()


def test_the_page_has_a_card_for_every_series(export):
    page = (export.root / "p.html").read_text()
    assert page.count("<article") == len(export.series)
    assert str(export.study) not in page


def test_always_reformat_cuts_thick_volumes_too(export, tmp_path):
    done = run("predict", str(export.study / "thick"), f"--output={tmp_path}/p.csv", "--reformat=always")
    assert done.returncode == 0
    (row,) = csv.DictReader((tmp_path / "p.series.csv").read_text().splitlines())
    assert row["reason"] != "slices_too_thick"


def test_company_alone_is_said_to_be_no_image(tmp_path):
    (tmp_path / "README").write_text("nothing")
    done = run("predict", str(tmp_path))
    assert done.returncode == 65
    assert "there is no image among these files" in done.stderr
    assert "1 file: 0 scored, 1 out of scope" in done.stdout


def test_records_leave_out_the_same_and_count_it(export, tmp_path):
    for name in ("no_gad", "with_gad"):
        write_series(tmp_path / "in" / name / "a", 10 if name == "no_gad" else 11, PatientID=name, **T1)
        write_series(tmp_path / "in" / name / "b", 12 if name == "no_gad" else 13, PatientID=name, **T2)
        (tmp_path / "in" / name / "README").write_text("no image")
    words = [f"--train_dir={tmp_path}/in", "--validation_fraction=0", "--test_fraction=0", "--image_size=190"]
    done = run("make_records", *words, f"--output_dir={tmp_path}/records")
    assert done.returncode == 0, done.stderr
    for line in ("18 skipped: not_t1", "2 skipped: unsupported_format", "12 skipped: outside --slice_range"):
        assert line in done.stdout
    done = run("make_records", *words, f"--output_dir={tmp_path}/all", "--any_sequence")
    assert done.returncode == 0, done.stderr
    assert "not_t1" not in done.stdout
