"""Files that are rewritten while they are converted: what is written is what was hashed, or the file is rejected."""

import csv
import hashlib
import os
import random
import time

import pytest
from image_files import encode, ramp
from running import start
from test_conversion import SMALL

from contrast_tfdata.errors import DataError
from contrast_tfdata.intake import sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.identity import example_id
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.conversion import convert
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import read_split

FILES, VERSIONS = 40, 3


def picture(number, version):
    """The bytes of a file of 24x24 pixels, and these; no two are the same."""
    pixels = ramp(24, 24) // 2 + number
    pixels[:4, :4] = 50 * version + number
    return encode(pixels, "PNG"), pixels.tobytes()


def write_tree(root):
    for number in range(FILES):
        path = root / ("no_gad", "with_gad")[number % 2] / f"p{number}_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, 0)[0])
    return sorted(root.rglob("*.png"), key=number_of)


def number_of(path):
    return int(path.stem[1:-2])


KEYS = {
    pixels: (example_id(hashlib.sha256(data).digest(), 0), number % 2)
    for number in range(FILES)
    for data, pixels in (picture(number, version) for version in range(VERSIONS))
}
"""Key and label of a record by its pixels."""


def check(directory):
    """Holds each record to the file that has its pixels; returns their number and the rejected files' reasons."""
    manifest = manifests.load(directory)
    records = [each for split in manifest.splits.values() for each in read_split(directory, split)]
    for record in records:
        assert KEYS[record.pixels.tobytes()] == (record.example_id, record.label)
    with open(directory / "rejected.csv", newline="") as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    assert manifest.files["used"] == len(records)
    assert manifest.files["found"] == FILES == len(records) + len(reasons)
    return len(records), reasons


def convert_and_change(root, directory, num_workers, *, skip):
    """Converts while two files are replaced, one is cut and one is removed, after they were hashed."""
    paths = write_tree(root)

    def change(stage, done, total):
        if (stage, done) == ("scan", total):
            (root.parent / "new").write_bytes(picture(0, 1)[0])
            os.replace(root.parent / "new", paths[0])
            paths[1].write_bytes(picture(1, 1)[0])
            paths[2].write_bytes(picture(2, 0)[0][:-9])
            paths[3].unlink()

    directory.mkdir()
    found = sources.from_class_folders(root, split=None, group_regex="/(p.*)_", max_bytes=1 << 20)
    options = ConversionOptions(preprocessing=SMALL, skip_bad_images=skip)
    with Workers(num_workers) as workers:
        convert(found, directory, options, workers, change)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_files_that_change_after_they_were_hashed(tmp_path, num_workers):
    convert_and_change(tmp_path / "pictures", tmp_path / "records", num_workers, skip=True)
    used, reasons = check(tmp_path / "records")
    assert used == FILES - 4
    assert sorted(reasons) == ["changed", "changed", "changed", "unreadable"]


def test_changed_files_fail_where_none_may_be_left_out(tmp_path):
    with pytest.raises(DataError) as error:
        convert_and_change(tmp_path / "pictures", tmp_path / "records", 1, skip=False)
    assert all(f"p{number}_1.png: changed" in str(error.value) for number in (0, 1, 2))
    assert not (tmp_path / "records" / "manifest.json").exists()


@pytest.mark.slow
def test_files_that_never_cease_to_change(tmp_path):
    """Each is put in the place of another version or rewritten in place, again and again, while the command runs.

    Whether a file changes between its scan and its decoding is chance, and small: the command runs until one has.
    """
    seen = set()
    for attempt in range(20):
        seen |= set(convert_while_files_change(tmp_path / str(attempt), random.Random(attempt)))
        if "changed" in seen:
            break
    assert "changed" in seen
    assert seen <= {"changed", "empty", "truncated"}


def convert_while_files_change(root, randomness):
    """Returns the reasons of files that were rejected; every record is held to its file."""
    paths = write_tree(root / "pictures")
    words = ["--on_bad_image=skip", "--image_size=24", "--intensity=stored", "--interpolation=nearest"]
    folders = [f"--train_dir={root}/pictures", f"--output_dir={root}/records", "--group_regex=/(p.*)_"]
    with start("make_records", *folders, *words, "--num_workers=1") as process:
        while process.poll() is None and not list(root.glob(".records.incomplete-*")):
            time.sleep(0.005)
        while process.poll() is None:
            number = randomness.randrange(FILES)
            content = picture(number, randomness.randrange(VERSIONS))[0]
            place = paths[number] if number % 4 == 0 else root / "new"
            place.write_bytes(content)
            if place != paths[number]:
                os.replace(place, paths[number])
            time.sleep(0.002)
        assert process.returncode == 0, process.said("stderr")
    return check(root / "records")[1]
