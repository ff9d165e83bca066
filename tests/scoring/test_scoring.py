"""Files to scores: batches, series, copies, labels by folder."""

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import dicom_bytes, nifti_bytes, ramp
from png_files import write_png
from rich.console import Console

from contrast_tfdata.errors import DataError
from contrast_tfdata.evaluation import Choices, IndeterminateBand, InputGate, OperatingPoint, Predictions
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import ImageKind
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import FileFacts
from contrast_tfdata.intake import bids
from contrast_tfdata.intake.files import FileRef
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.intake.stacks import Stack
from contrast_tfdata.intake.units import FileUnit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.scoring import file_scores, inputs, screen, tables, verdicts
from contrast_tfdata.scoring.batching import score_stream
from contrast_tfdata.scoring.verdicts import SeriesVerdict
from contrast_tfdata.storage.bounded_file import UnfitFileError

OPTIONS = file_scores.ScoringOptions(Preprocessing(image_size=24), SliceSelection.parse("0,1"), batch_size=4)
AT_HALF = Choices(OperatingPoint.fixed())
WITH_BAND = Choices(OperatingPoint.fixed(), IndeterminateBand(0.25, 0.75, 0.02, "validation"))


def mean_grey(images):
    """Stands for a network: a logit that tells which image it was."""
    return images.mean(axis=(1, 2)).astype(np.float32) - 100


def a_stack(name="s", **facts):
    unit = FileUnit(FileRef("/", name, 1), -1)
    return Stack(((name, unit, FileFacts(bytes(32), "png", 1, **facts)),), ImageKind(), (name,))


def tables_of(scores, choices):
    return tables.Tables.of(scores, choices)


def shown(scores, choices, num_files=2):
    console = Console(file=io.StringIO(), width=200)
    rows = tables_of(scores, choices)
    screen.show(console, scores, rows, screen.counts(scores, rows, choices, num_files))
    return console.file.getvalue()


def write(path, scores, choices):
    tables.write(path, scores.predictions, tables_of(scores, choices), choices.operating_point.threshold)


def score(*names, options=OPTIONS):
    found = inputs.find_inputs([str(name) for name in names], max_bytes=1 << 20)
    with Workers(1) as workers:
        return file_scores.score_files(found, mean_grey, options, workers, lambda *_: None)


@pytest.mark.parametrize("count", range(10))
def test_stream_is_scored_in_batches_and_in_order(count):
    sizes = []

    def predict(images):
        sizes.append(len(images))
        return mean_grey(images)

    images = np.random.default_rng(0).integers(0, 256, (count, 5, 5), np.uint8)
    np.testing.assert_array_equal(score_stream(predict, iter(images), 4), mean_grey(images))
    assert sizes == [4] * (count // 4) + [count % 4] * bool(count % 4)


def test_every_picture_is_scored_as_itself(tmp_path):
    paths = [write_png(tmp_path / f"{number}.png", number) for number in range(9)]
    scores = score(tmp_path)
    assert scores.predictions.path == tuple(map(str, paths))
    assert len(set(scores.predictions.logit)) == 9
    for path, logit in zip(paths, scores.predictions.logit, strict=True):
        assert score(path).predictions.logit[0] == logit


def test_labels_come_from_folders_called_like_classes(tmp_path):
    for name in ("No_Gad", "with_gad", "other"):
        write_png(tmp_path / name / "a.png", hash(name) % 1000)
    assert dict(zip(score(tmp_path).predictions.path, score(tmp_path).predictions.label, strict=True)) == {
        f"{tmp_path}/No_Gad/a.png": 0,
        f"{tmp_path}/other/a.png": -1,
        f"{tmp_path}/with_gad/a.png": 1,
    }


def test_slices_of_a_series_are_put_in_order_and_counted_once(tmp_path):
    for number in range(4):
        content = dicom_bytes(ramp() + 5 * number, ImagePositionPatient=[-number, 0, 0])
        (tmp_path / f"{3 - number}.dcm").write_bytes(content)
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "0.dcm").read_bytes())
    scores = score(tmp_path)
    assert scores.copies == 1
    assert sorted(scores.predictions.slice_index) == [0, 1, 2, 3]
    by_index = dict(zip(scores.predictions.slice_index, scores.predictions.path, strict=True))
    assert [by_index[index][-5] for index in range(4)] == ["3", "2", "1", "0"]
    (verdict,) = scores.verdicts(AT_HALF)
    assert verdict.num_slices == 4
    assert verdict.probability == pytest.approx(1 / (1 + np.exp(-scores.predictions.logit.mean())))


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ({"PatientID": "4711"}, {"PatientID": "4712"}, 2),
        ({"PatientID": "ANONYMOUS", "StudyInstanceUID": "1.2.7"}, {"PatientID": "0", "StudyInstanceUID": "1.2.8"}, 2),
        ({"PatientID": None, "StudyInstanceUID": "1.2.7"}, {"PatientID": None, "StudyInstanceUID": "1.2.8"}, 2),
        ({"StudyInstanceUID": "1.2.7"}, {"StudyInstanceUID": "1.2.8"}, 2),
        # Nothing tells these two apart but that they repeat each other's positions.
        ({"PatientID": "ANONYMOUS"}, {"PatientID": "0"}, 1),
        ({"StudyInstanceUID": None}, {"StudyInstanceUID": None}, 1),
    ],
)
def test_one_series_uid_for_everybody_joins_no_two_patients(tmp_path, one, other, count):
    for name, tags, text in (("a", one, "PRE"), ("b", other, "POST")):
        (tmp_path / name).mkdir()
        for number in range(3):
            position = {"ImagePositionPatient": [number, 0, 0]}
            uid = f"1.2.9.{len(text)}{number}"
            content = dicom_bytes(ramp() + number, SeriesDescription=text, SOPInstanceUID=uid, **position, **tags)
            (tmp_path / name / f"{number}.dcm").write_bytes(content)
    scores = score(tmp_path, options=dataclasses.replace(OPTIONS, selection=SliceSelection()))
    verdicts = scores.verdicts(AT_HALF)
    assert list(scores.predictions.slice_index) == [1, 1]  # The middle third of each.
    assert [Path(each.name).parent.name for each in verdicts] == ["a", "b"]
    assert [(each.num_slices, each.claim) for each in verdicts] == [(1, Claim.NO_GAD), (1, Claim.WITH_GAD)]
    assert {each.stack.notes for each in verdicts} == {("divided",) if count == 1 else ()}


@pytest.mark.parametrize(
    ("texts", "claim"),
    [
        (["SAG T1", "SAG T1"], Claim.SILENT),
        (["SAG T1 POST", "SAG T1 POST"], Claim.WITH_GAD),
        (["SAG T1 PRE", "SAG T1"], Claim.NO_GAD),
        (["SAG T1 PRE", "SAG T1 POST"], Claim.CONTRADICTORY),
    ],
)
def test_headers_of_a_series_speak_together(tmp_path, texts, claim):
    for number, text in enumerate(texts):
        content = dicom_bytes(ramp() + number, ImagePositionPatient=[number, 0, 0], SeriesDescription=text)
        (tmp_path / f"{number}.dcm").write_bytes(content)
    write_png(tmp_path / "a.png", 1)
    # One slice of the two is scored: the header of the other one counts all the same.
    options = dataclasses.replace(OPTIONS, selection=SliceSelection.parse("0,1/2"))
    series, picture = score(tmp_path, options=options).verdicts(AT_HALF)
    assert (picture.claim, picture.header) == (Claim.SILENT, "silent")
    assert (series.num_slices, series.claim) == (1, claim)


@pytest.mark.parametrize(
    ("claim", "headers"),
    [
        (Claim.SILENT, ("silent", "silent")),
        (Claim.NO_GAD, ("agree", "conflict")),
        (Claim.WITH_GAD, ("conflict", "agree")),
        (Claim.CONTRADICTORY, ("contradictory", "contradictory")),
    ],
)
def test_headers_against_verdicts(claim, headers):
    choices = Choices(OperatingPoint.fixed(0.7))
    verdicts = [SeriesVerdict.at(choices, a_stack(), np.array(logits), claim) for logits in ([0.0, 1.0], [0.0, 2.0])]
    assert [verdict.prediction for verdict in verdicts] == [0, 1]  # Of the mean: 0.62 and 0.73.
    assert tuple(verdict.header for verdict in verdicts) == headers


@pytest.mark.parametrize(
    ("probability", "verdict", "prediction", "headers"),
    [
        (0.25, "no_gad", 0, ("silent", "agree", "conflict", "contradictory")),
        (0.26, "indeterminate", 0, ("silent", "unanswered", "unanswered", "contradictory")),
        (0.74, "indeterminate", 1, ("silent", "unanswered", "unanswered", "contradictory")),
        (0.76, "with_gad", 1, ("silent", "conflict", "agree", "contradictory")),
    ],
)
def test_a_series_in_the_band_is_indeterminate(probability, verdict, prediction, headers):
    # Two slices whose answers would be sure, one each way: it is their mean that counts.
    logits = np.log(probability / (1 - probability)) + np.array([-9.0, 9.0])
    claims = (Claim.SILENT, Claim.NO_GAD, Claim.WITH_GAD, Claim.CONTRADICTORY)
    verdicts = [SeriesVerdict.at(WITH_BAND, a_stack(), logits, claim) for claim in claims]
    assert {(each.verdict, each.prediction) for each in verdicts} == {(verdict, prediction)}
    assert {each.reason for each in verdicts} == {"unsure" if verdict == "indeterminate" else ""}
    assert tuple(each.header for each in verdicts) == headers
    assert SeriesVerdict.at(AT_HALF, a_stack(), logits).verdict == ("no_gad", "with_gad")[prediction]  # Without a band.


def test_an_empty_band_leaves_every_answer():
    choices = Choices(AT_HALF.operating_point, IndeterminateBand.empty(AT_HALF.operating_point, 0.02, "no split"))
    assert SeriesVerdict.at(choices, a_stack(), np.zeros(1)).verdict == "no_gad"  # Exactly at the threshold.


def test_what_is_indeterminate_is_counted_and_written(scores, tmp_path):
    # The series have probabilities of 0.12 and 0.82.
    choices = Choices(AT_HALF.operating_point, IndeterminateBand(0.5, 0.9, 0.02, "validation"))
    said = shown(scores, choices)
    of_band = "threshold: 0.500; indeterminate from 0.500 to 0.900\n"
    assert f"2 series (3 slices): 0 with_gad, 1 no_gad, 1 indeterminate\n{of_band}" in said
    assert "headers: 0 agree, 0 conflict, 1 silent, 0 contradictory, 1 unanswered" in said
    write(tmp_path / "p.csv", scores, choices)
    series = (tmp_path / "p.series.csv").read_text().splitlines()
    assert ",0,no_gad,silent,silent,," in series[1]
    assert ",1,indeterminate,unanswered,no_gad,unsure," in series[2]
    # A slice's row has no verdict, and its prediction is that of the threshold.
    assert (tmp_path / "p.csv").read_text().splitlines()[2].endswith(",1")


def test_slices_that_the_gate_refuses_leave_their_series_without_an_answer(tmp_path):
    (tmp_path / "black").mkdir()
    for number, pixels in enumerate([ramp() * 0 + 5, ramp() * 0 + 6, ramp()]):
        for folder, uid, wanted in (
            ("black", "1.2.51", (0, 1, 2)),
            ("half", "1.2.52", (0, 2)),
            ("seen", "1.2.53", (2,)),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            tags = {"SeriesInstanceUID": uid, "SeriesDescription": "POST", "ImagePositionPatient": [number, 0, 0]}
            if number in wanted:
                (tmp_path / folder / f"{number}.dcm").write_bytes(dicom_bytes(pixels, **tags))
    found = {Path(each.name).parent.name: each for each in score(tmp_path).verdicts(AT_HALF)}
    assert {name: each.num_slices for name, each in found.items()} == {"black": 3, "half": 2, "seen": 1}
    assert {name: each.reason for name, each in found.items()} == {"black": "blank", "half": "", "seen": ""}
    assert (found["black"].verdict, found["black"].header) == ("indeterminate", "unanswered")
    gate = InputGate({"greys": (0, 1)})
    (verdict,) = score(tmp_path / "seen", options=dataclasses.replace(OPTIONS, gate=gate)).verdicts(WITH_BAND)
    assert (verdict.verdict, verdict.reason) == ("indeterminate", "greys")


def test_headers_are_counted_on_the_console(scores):
    said = shown(scores, AT_HALF)
    assert "2 series (3 slices): 1 with_gad, 1 no_gad\nthreshold: 0.500\n" in said
    assert "headers: 0 agree, 1 conflict, 1 silent, 0 contradictory\n" in said


def test_patients_are_hashed_with_the_key(tmp_path):
    (tmp_path / "a.dcm").write_bytes(dicom_bytes())
    plain = score(tmp_path).predictions.group
    keyed = score(tmp_path, options=file_scores.ScoringOptions(OPTIONS.preprocessing, secret=b"k")).predictions.group
    assert plain != keyed
    assert "patient-7" not in plain + keyed


def test_broken_files_are_listed_and_others_go_on(tmp_path):
    write_png(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    found = inputs.find_inputs([str(tmp_path)], max_bytes=1 << 20)
    scores = score(tmp_path)
    assert len(scores.predictions) == 1
    assert [(each.path, each.code) for each in scores.rejected] == [(f"{tmp_path}/b.png", "empty")]
    assert [note.split(" passed over")[0] for note in found.notes] == [f"{tmp_path}/pipe"]


def test_what_an_operating_system_left_is_counted_once(tmp_path):
    write_png(tmp_path / "a.png", 1)
    write_png(tmp_path / "sub" / "b.png", 2)
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._a.png", "sub/.hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with zipfile.ZipFile(tmp_path / "sub" / "d.zip", "w") as archive:
        archive.writestr(".DS_Store", b"x")
        archive.write(tmp_path / "a.png", "e.png")

    def ignored(*names):
        return inputs.find_inputs([str(tmp_path / name) for name in names], max_bytes=1 << 20).ignored

    assert ignored("a.png") == 0
    assert ignored("") == 4
    assert ignored("sub") == 1
    assert ignored("", "sub", "", "sub/b.png") == ignored("sub", "") == 4  # An input may lie within another one.
    assert ignored("", "sub/d.zip") == 5  # As a file of the folder it is not opened.


def test_odd_files_are_scored_and_told(tmp_path):
    (tmp_path / "a.png").write_bytes(dicom_bytes(ImageOrientationPatient=None, BurnedInAnnotation=None))
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "a.png").read_bytes())
    untold = nifti_bytes()[:252] + bytes(4) + nifti_bytes()[256:]  # qform_code and sform_code are 0.
    (tmp_path / "volume.nii").write_bytes(untold)
    write_png(tmp_path / "z.png", 1)
    scores = score(tmp_path)
    assert scores.copies == 1
    kinds = [line.split(": ", 1) for line in scores.warnings]
    # In the order of their codes, exact copies left out.
    assert [count for count, _ in kinds] == ["1 file", "1 file", "2 files"]
    examples = [line.partition("; for example ")[2] for line in scores.warnings]
    assert examples == [f"{tmp_path}/a.png"] * 3
    assert all(word in line for (_, line), word in zip(kinds, ("BurnedIn", "name promises", "NIfTI"), strict=True))
    assert score(tmp_path / "z.png").warnings == ()


def test_memory_grows_with_rows_and_not_with_pixels(tmp_path):
    """Rows, facts and names take about 1.2 kB a slice; its pixels, as the network gets them, 110 kB."""
    options = dataclasses.replace(OPTIONS, preprocessing=Preprocessing(image_size=331))
    peaks = {}
    for count in (50, 50, 350):  # The first time is for what is imported and kept.
        for number in range(count):
            write_png(tmp_path / str(count) / f"{number}.png", number, size=32)
        tracemalloc.start()
        score(tmp_path / str(count), options=options)
        _, peaks[count] = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (peaks[350] - peaks[50]) / 300 < 2000


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no file in"):
        score(tmp_path)


def test_nothing_that_can_be_scored_gives_empty_tables(tmp_path):
    (tmp_path / "b.png").write_bytes(b"")
    said = shown(score(tmp_path / "b.png"), AT_HALF, 1)
    assert said.startswith("1 file: 0 scored, 1 damaged\n0 series: 0 with_gad, 0 no_gad\n")


@pytest.fixture
def scores():
    predictions = Predictions(
        ("=a.png", "b.png", "b.png"), [0, 4, 5], ("1", "2", "3"), ("g", "h", "h"), [-1, 1, 1], [-2.0, 1.0, 2.0]
    )
    stacks = a_stack("=a.png"), a_stack("b.png", study_uid="1.2", series_uid="1.2.3", series_number=7)
    return file_scores.Scores(predictions, stacks, (0, 1, 1), claims={1: Claim.NO_GAD})


def test_tables_as_csv(scores, tmp_path):
    write(tmp_path / "p.csv", scores, AT_HALF)
    series = (tmp_path / "p.series.csv").read_text().splitlines()
    assert series[0].startswith(
        "series,slices,probability,prediction,verdict,header,header_claim,reason,study,series_id,"
    )
    assert series[1].startswith("'=a.png,1,0.119")
    assert ",0,no_gad,silent,silent,," in series[1]
    assert series[2].startswith("b.png,2,0.817")
    assert ",1,with_gad,conflict,no_gad,," in series[2]
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 4
    (study,) = csv.DictReader((tmp_path / "p.studies.csv").read_text().splitlines())
    assert (study["series"], study["with_gad"], study["conflicts"]) == ("1", "1", "1")
    assert "1.2" not in study["study"]
    assert (tmp_path / "p.skipped.csv").read_text() == "path,reason,detail\n"


def test_places_are_tried_before_tensorflow_is_imported():
    code = "import sys, contrast_tfdata.scoring.tables; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_trying_a_place_leaves_it_as_it_was(name, tmp_path):
    tables.check_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / name).write_text("old")
    before = (tmp_path / name).stat()
    tables.check_writable(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"
    assert (tmp_path / name).stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(("name", "folder"), [("p.csv", "p.csv"), ("p.csv", "p.series.csv"), ("p.jsonl", "p.jsonl")])
def test_a_place_that_a_folder_takes_is_refused(name, folder, tmp_path):
    (tmp_path / folder).mkdir()
    with pytest.raises(UnfitFileError, match="a folder"):
        tables.check_writable(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("length", [255, 240])  # The hidden file that becomes the output has a longer name.
def test_a_name_too_long_for_the_file_that_takes_its_place_is_refused(length, tmp_path):
    with pytest.raises(OSError, match="too long"):
        tables.check_writable(tmp_path / f"{'p' * (length - 4)}.csv")


def test_tables_as_json_lines(scores, tmp_path):
    write(tmp_path / "p.jsonl", scores, AT_HALF)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["slice"] * 3 + ["series"] * 2 + ["study"]
    assert [row["label"] for row in rows[:3]] == [None, 1, 1]
    assert [row["prediction"] for row in rows[:3]] == [0, 1, 1]
    said = {"kind": "series", "series": "b.png", "slices": 2, "prediction": 1, "verdict": "with_gad"}
    assert said.items() <= rows[4].items()
    assert {"header": "conflict", "header_claim": "no_gad", "reason": "", "series_number": 7}.items() <= rows[4].items()


@pytest.mark.parametrize(
    ("probability", "prediction", "reason"),
    [
        (0.25, 0, ""),  # Of the band its lower end is answered,
        (np.nextafter(0.25, 1), 0, "unsure"),
        (0.5, 0, "unsure"),  # as is the threshold, with no_gad;
        (np.nextafter(0.5, 1), 1, "unsure"),
        (0.75, 1, "unsure"),  # its upper end is not.
        (np.nextafter(0.75, 1), 1, ""),
    ],
)
def test_verdicts_at_the_ends_of_the_band_and_at_the_threshold(monkeypatch, probability, prediction, reason):
    monkeypatch.setattr(verdicts, "sigmoid", lambda logit: np.float64(probability))
    verdict = SeriesVerdict.at(WITH_BAND, a_stack(), np.zeros(3))
    assert (verdict.num_slices, verdict.probability) == (3, probability)
    assert (verdict.prediction, verdict.reason) == (prediction, reason)
    answered = ("no_gad", "with_gad")[prediction]
    assert verdict.verdict == ("indeterminate" if reason else answered)
    assert SeriesVerdict.at(AT_HALF, a_stack(), np.zeros(3)).verdict == answered
    assert SeriesVerdict.at(WITH_BAND, a_stack(), np.zeros(3), refusal="blank").reason == "blank"


def test_a_series_has_the_sigmoid_of_its_mean_logit():
    verdict = SeriesVerdict.at(AT_HALF, a_stack(), np.array([-1.0, 2.0, 5.0]))
    assert verdict.probability == pytest.approx(1 / (1 + np.exp(-2)))


@pytest.mark.parametrize(
    ("name", "enhanced", "wanted"),
    [
        ("sub-01_T1w.nii.gz", True, "sub-01_ce-gadolinium_T1w.nii.gz"),
        ("sub-01_ses-2_acq-sag_run-1_T1w.nii", True, "sub-01_ses-2_acq-sag_ce-gadolinium_run-1_T1w.nii"),
        ("sub-01_ce-gadobutrol_T1w.nii.gz", True, "sub-01_ce-gadobutrol_T1w.nii.gz"),
        ("sub-01_ce-none_T1w.nii.gz", True, "sub-01_ce-gadolinium_T1w.nii.gz"),
        ("sub-01_ce-gadolinium_run-1_T1w.nii.gz", False, "sub-01_run-1_T1w.nii.gz"),
    ],
)
def test_the_bids_name_that_a_verdict_asks_for(name, enhanced, wanted):
    assert bids.is_t1w(f"a/{name}")
    assert bids.renamed(name, enhanced=enhanced) == wanted
    assert not bids.is_t1w("sub-01_T2w.nii.gz")


def test_names_of_a_bids_data_set_are_a_table_and_nothing_is_renamed(tmp_path):
    names = "d/sub-1_T1w.nii", "d/sub-2_T1w.nii"
    predictions = Predictions(names, [0, 0], ("1", "2"), ("g", "h"), [-1, -1], [2.0, -2.0])
    stacks = tuple(map(a_stack, names))
    write(tmp_path / "p.csv", file_scores.Scores(predictions, stacks, (0, 1)), AT_HALF)
    assert (tmp_path / "p.bids.tsv").read_text().splitlines() == [
        "path\tverdict\tname",
        "d/sub-1_T1w.nii\twith_gad\td/sub-1_ce-gadolinium_T1w.nii",
        "d/sub-2_T1w.nii\tno_gad\td/sub-2_T1w.nii",
    ]
