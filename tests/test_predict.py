"""`predict` as a user runs it on files of a clinic: what it says about them, and what it must not say."""

import json
import math
import shutil
import subprocess

import pytest
from image_files import dicom_bytes, nifti_bytes, ramp, volume
from lesser_rights import obey_rights
from model_files import forge
from png_files import write_png
from running import fresh, read_rows, run

from contrast_tfdata.model import pretrained

SECRET = "Secret^1"
"""As long as the UID that it takes the place of, and no UID: pydicom quotes such a value when it complains."""


def predict(*arguments):
    """Runs `predict` with the weights of the package in a process of its own; what it wrote as bytes."""
    workers = [] if any(str(each).startswith("--num_workers") for each in arguments) else ["--num_workers=1"]
    result = run("predict", *arguments, *workers)
    written = (text.encode(errors="surrogateescape") for text in (result.stdout, result.stderr))
    return subprocess.CompletedProcess(result.args, result.returncode, *written)


@pytest.mark.slow
def test_no_value_that_pydicom_complains_of_is_printed(tmp_path):
    (tmp_path / "a.dcm").write_bytes(dicom_bytes(SeriesInstanceUID="1.2.333").replace(b"1.2.333\0", SECRET.encode()))
    result = predict(tmp_path / "a.dcm")  # One file is read in the process itself, where absl prints what is logged.
    assert result.returncode == 0, result.stderr
    assert b"1 series (1 slice)" in result.stdout
    assert result.stderr == b""
    assert SECRET.encode() not in result.stdout


PERSON, NUMBER, DESCRIPTION, PROTOCOL, AGENT = "Nachname^Erna", "patnum-4711", "Zauberwort {}", "Hexenwort", "Trankwort"
"""What stands in the DICOM files below and may appear nowhere."""


def write_series(folder, uid, *texts, agent=None):
    """Writes a DICOM series, a file for each text that ends its SeriesDescription."""
    folder.mkdir()
    for number, text in enumerate(texts):
        tags = {"SeriesInstanceUID": uid, "PatientName": PERSON, "PatientID": NUMBER, "ProtocolName": PROTOCOL}
        tags |= {"SeriesDescription": DESCRIPTION.format(text), "ContrastBolusAgent": agent}
        content = dicom_bytes(ramp() + number, ImagePositionPatient=[number, 0, 0], **tags)
        (folder / f"{number}.dcm").write_bytes(content)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A folder as a PACS gives it: series whose headers say this, that, nothing and both, other files, a broken one."""
    root = tmp_path_factory.mktemp("pacs") / "export"
    root.mkdir()
    write_series(root / "no", "1.2.31", *["T1 PRE"] * 3)
    write_series(root / "with", "1.2.32", *["T1"] * 3, agent=AGENT)
    write_series(root / "without_words", "1.2.33", *["T1"] * 3)
    write_series(root / "empty_agent", "1.2.34", *["T1"] * 3, agent="")
    write_series(root / "both", "1.2.35", "T1 PRE", "T1 POST", "T1 POST")
    write_png(root / "picture.png", 1, size=60)
    (root / "volume.nii.gz").write_bytes(nifti_bytes(volume((20, 24, 18)), compressed=True))
    (root / "sub-01_ce-gad_T1w.nii").write_bytes(nifti_bytes(volume((20, 24, 18))))
    sidecar = {"PatientName": PERSON, "SeriesDescription": DESCRIPTION.format("PRE")}
    (root / "sub-01_ce-gad_T1w.json").write_text(json.dumps(sidecar))
    (root / "cut.dcm").write_bytes(dicom_bytes(PatientName=PERSON, PatientID=NUMBER)[:-100])
    return root


OUTPUTS = {"p.csv", "p.series.csv", "p.studies.csv", "p.skipped.csv"}
CLAIMS = {
    "both/2.dcm": "contradictory", "empty_agent/2.dcm": "silent", "no/2.dcm": "no_gad", "picture.png": "silent",
    "sub-01_ce-gad_T1w.nii": "contradictory", "volume.nii.gz": "silent", "with/2.dcm": "with_gad",
    "without_words/2.dcm": "silent",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "flags"), [("csv", ["--fail_on_conflict", "--num_workers=2"]), ("jsonl", [])])
def test_headers_are_audited_and_no_word_of_theirs_gets_out(export, tmp_path, suffix, flags):
    result = predict(export, "--slice_range=0,1", f"--output={tmp_path}/p.{suffix}", *flags)
    assert result.returncode == 65, result.stderr
    said, complained = result.stdout.decode(), result.stderr.decode()
    outputs = sorted(tmp_path.iterdir())
    if suffix == "csv":
        rows = read_rows(tmp_path / "p.series.csv")
    else:
        lines = [json.loads(line) for line in outputs[0].read_text().splitlines()]
        rows = [line for line in lines if line["kind"] == "series"]
    assert {row["series"].removeprefix(f"{export}/"): row["header_claim"] for row in rows} == CLAIMS

    conflicts = [row for row in rows if row["header"] == "conflict"]
    assert len(conflicts) == 1  # The ramps of all series are alike, and so are the answers; two headers say opposites.
    assert "headers: 1 agree, 1 conflict, 4 silent, 2 contradictory" in said
    assert "1 damaged file (truncated)" in complained
    assert f"{export}/cut.dcm: " in complained
    listed = f"{conflicts[0]['series']}: the header says {conflicts[0]['header_claim']}, the network "
    assert (listed in complained) == ("--fail_on_conflict" in flags)

    everything = b"".join([result.stdout, result.stderr, *(path.read_bytes() for path in outputs)]).lower()
    for secret in (*PERSON.split("^"), NUMBER, DESCRIPTION.split()[0], PROTOCOL, AGENT, "1.2.31"):
        assert secret.lower().encode() not in everything


@pytest.mark.slow
def test_conflicts_alone_are_bad_data_only_where_it_was_asked_for(export, tmp_path):
    series = [export / "no", export / "with", f"--output={tmp_path}/p.csv"]
    assert predict(*series).returncode == 0
    (tmp_path / "p.csv").unlink()
    result = predict(*series, "--fail_on_conflict")
    assert result.returncode == 65
    first, *others = result.stderr.decode().splitlines()
    assert first == "error: 1 series contradict their headers (--fail_on_conflict); look at each:"
    assert len(others) == 1
    assert {path.name for path in tmp_path.iterdir()} == OUTPUTS
    (row,) = [row for row in read_rows(tmp_path / "p.series.csv") if row["header"] == "agree"]
    agreeing = predict((export / row["series"]).parent, "--fail_on_conflict")
    assert agreeing.returncode == 0, agreeing.stderr


@pytest.mark.slow
def test_what_is_passed_over_or_odd_is_told(tmp_path):
    tags = {"SeriesDescription": DESCRIPTION, "PatientName": PERSON, "PatientID": NUMBER, "BurnedInAnnotation": None}
    (tmp_path / "a.png").write_bytes(dicom_bytes(**tags))
    for name in (".hidden", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    result = predict(tmp_path)
    assert result.returncode == 0, result.stderr
    said = result.stdout.decode()
    assert "2 skipped: system files" in said
    odd = f"; for example {tmp_path}/a.png"
    assert f"warning: 1 file: the name promises another format than the content has; the content decides{odd}" in said
    assert f"burnt into its pixels (BurnedInAnnotation){odd}\n" in said
    assert not any(word in said for word in (*PERSON.split("^"), NUMBER, DESCRIPTION.split()[0]))


@pytest.mark.slow
def test_an_output_that_cannot_be_written_is_found_before_anything_is_scored(tmp_path):
    write_png(tmp_path / "a.png", 1, size=60)
    place = tmp_path / "closed"
    place.mkdir()
    (place / "p.csv").write_text("old")
    place.chmod(0o500)
    result = fresh("predict", tmp_path / "a.png", f"--output={place}/p.csv", "--overwrite", preexec_fn=obey_rights)
    place.chmod(0o700)
    assert result.returncode == 74, result.stderr
    assert result.stderr.startswith(f"error: {place}/.p.csv.")
    assert "Permission denied" in result.stderr
    assert "nothing there was changed" in result.stderr
    assert result.stdout == ""  # Not even the network was loaded.
    assert [(path.name, path.read_text()) for path in place.iterdir()] == [("p.csv", "old")]


@pytest.fixture
def picture(tmp_path):
    write_png(tmp_path / "in" / "a.png", 1, size=60)
    return tmp_path / "in" / "a.png"


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_its_own_tables_and_pages_are_replaced(tmp_path, picture, suffix):
    words = [picture.parent, f"--output={picture.parent}/p.{suffix}", f"--report={picture.parent}/p.html"]
    results = [predict(*words) for _ in range(2)]
    assert [result.returncode for result in results] == [0, 0], results[1].stderr
    assert b"1 series (1 slice)" in results[1].stdout


@pytest.mark.parametrize(
    ("output", "taken"),
    [("p.csv", "p.csv"), ("p.csv", "p.studies.csv"), ("p.jsonl", "p.jsonl"), ("p.csv", "p.html")],
)
def test_files_of_others_are_replaced_only_where_they_were_given_up(tmp_path, picture, output, taken):
    words = [picture, f"--output={tmp_path}/{output}", f"--report={tmp_path}/p.html"]
    (tmp_path / taken).write_text("path,label\nprecious,1\n")
    result = predict(*words)
    assert result.returncode == 1
    assert f"{taken} was not written by this command and is left as it is; --overwrite".encode() in result.stderr
    assert (tmp_path / taken).read_text() == "path,label\nprecious,1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in", taken])
    assert predict(*words, "--overwrite").returncode == 0
    assert "precious" not in (tmp_path / taken).read_text()


def test_an_input_is_never_replaced(tmp_path, picture):
    scan = picture.rename(tmp_path / "scan.csv")
    before = scan.read_bytes()
    for words in ([scan], [tmp_path]):
        result = predict(*words, f"--output={scan}", "--overwrite")
        assert result.returncode == 1
        assert b"scan.csv is one of the files to be read" in result.stderr
    assert scan.read_bytes() == before


def copy_of_shipped_model(workdir, **more):
    """Writes a run whose model is that of the package, with these keys in its model.json."""
    shutil.copytree(pretrained.model_folder(pretrained.NAME), workdir / "model")
    forge(workdir / "model", **more)
    return workdir


BAND = {"indeterminate_band": {"low": 0.0, "high": 1.0, "max_error": 0.02, "chosen_on": "validation"}}
GATE = {"input_gate": {"bounds": {"edges": [0.5, 0.6]}, "num_slices": 9}}


@pytest.mark.slow
@pytest.mark.parametrize(("more", "reason"), [(BAND, "unsure"), (GATE, "edges")])
def test_what_a_model_carries_leaves_series_without_an_answer(export, tmp_path, more, reason):
    run = copy_of_shipped_model(tmp_path / "run", **more)
    series = [export / "no", export / "with", f"--workdir={run}", f"--output={tmp_path}/p.csv", "--fail_on_conflict"]
    result = predict(*series)
    assert result.returncode == 0, result.stderr  # One of the two would conflict with its header.
    assert b"0 with_gad, 0 no_gad, 2 indeterminate" in result.stdout
    for row in read_rows(tmp_path / "p.series.csv"):
        assert (row["verdict"], row["header"], row["reason"]) == ("indeterminate", "unanswered", reason)


@pytest.mark.slow
def test_several_runs_answer_as_one(tmp_path):
    """The same weights twice: the same logits, between the two thresholds."""
    write_png(tmp_path / "picture.png", 1, size=60)
    alone = predict(tmp_path / "picture.png", f"--output={tmp_path}/alone.csv")
    assert alone.returncode == 0, alone.stderr
    point = {"operating_point": {"threshold": 0.5, "criterion": "accuracy", "chosen_on": "validation"}}
    run = copy_of_shipped_model(tmp_path / "run", **point)
    result = predict(tmp_path / "picture.png", f"--workdir=shipped,{run}", f"--output={tmp_path}/p.csv")
    assert result.returncode == 0, result.stderr
    shipped = json.loads((pretrained.directory() / "model.json").read_text())["operating_point"]["threshold"]
    odds = math.sqrt(shipped / (1 - shipped))  # Of the mean, in logits, of that threshold and 0.5.
    threshold = f"{odds / (1 + odds):.3f}"
    assert f"by the mean of their logits; the threshold {threshold} is the mean of theirs".encode() in result.stdout
    (one,), (both,) = (read_rows(tmp_path / name) for name in ("alone.csv", "p.csv"))
    assert float(both["logit"]) == pytest.approx(float(one["logit"]), abs=1e-5)
