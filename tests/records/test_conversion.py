"""From files to records on the disk."""

import csv
import dataclasses
import json
import os
import random
import shutil
import unicodedata
from collections import Counter

import numpy as np
import pytest
from image_files import dicom_bytes
from PIL import Image

from contrast_tfdata import phantom
from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake import sources, units
from contrast_tfdata.intake.files import FileRef
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.identity import group_key
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.patients.splits import SplitOptions
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import previous
from contrast_tfdata.records.conversion import convert
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import read_split, verify

REGEX = "/([^_/]+)_[^/]*$"
SMALL = Preprocessing(image_size=24, interpolation="nearest", intensity="stored", aspect="stretch")


def make(root, directory, *, workers=1, options=None, group_regex=REGEX, test_root=None, reorder=None):
    directory.mkdir()
    pool = units.DEVELOPMENT if test_root else None
    found = sources.from_class_folders(root, split=pool, group_regex=group_regex, max_bytes=1 << 20)
    if test_root:
        found.extend(sources.from_class_folders(test_root, split="test", group_regex=group_regex, max_bytes=1 << 20))
    if reorder:
        reorder(found.units)
    with Workers(workers) as pool:
        return convert(found, directory, options or ConversionOptions(preprocessing=SMALL), pool, lambda *_: None)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_image_becomes_one_record_with_its_pixels(png_tree, tmp_path):
    root = png_tree((12, 8))
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(hash_paths=False))
    manifest = make(root, tmp_path / "records", options=options)
    records = [each for info in manifest.splits.values() for each in read_split(tmp_path / "records", info)]
    assert len(records) == 20
    for record in records:
        np.testing.assert_array_equal(record.pixels, np.asarray(Image.open(root / record.source)))
        assert record.label == int(record.source.startswith("with_gad"))
    assert len({record.example_id for record in records}) == 20


def test_no_group_is_in_two_splits(png_tree, tmp_path):
    manifest = make(png_tree((40, 40)), tmp_path / "records")
    groups = [{each.group for each in read_split(tmp_path / "records", info)} for info in manifest.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert manifest.patients_known


@pytest.mark.slow
def test_same_bytes_for_any_number_of_workers_and_any_order(png_tree, tmp_path):
    root = png_tree((12, 8))
    make(root, tmp_path / "one")
    make(root, tmp_path / "three", workers=3)
    make(root, tmp_path / "shuffled", reorder=random.Random(1).shuffle)
    assert contents(tmp_path / "one") == contents(tmp_path / "three") == contents(tmp_path / "shuffled")


def test_manifest_describes_the_files(png_tree, tmp_path):
    options = ConversionOptions(preprocessing=SMALL, num_shards=3)
    manifest = make(png_tree((40, 40)), tmp_path / "records", options=options)
    assert manifests.load(tmp_path / "records") == manifest
    on_disk = json.loads((tmp_path / "records" / "manifest.json").read_text())
    for split, info in on_disk["splits"].items():
        names = [shard["name"] for shard in info["shards"]]
        assert names == [f"contrast-{split}.tfrecord-{number:05d}-of-00003" for number in range(3)]
        assert info["records"] == sum(info["classes"].values()) == sum(shard["records"] for shard in info["shards"])
    assert sum(info["records"] for info in on_disk["splits"].values()) == 80


@pytest.mark.parametrize("num_shards", range(1, 13))
def test_records_are_spread_evenly(png_tree, tmp_path, num_shards):
    options = ConversionOptions(
        preprocessing=SMALL, num_shards=num_shards, plan=PlanOptions(split=SplitOptions("keras"))
    )
    manifest = make(png_tree((10, 5)), tmp_path / "records", options=options)
    for info in manifest.splits.values():
        sizes = [shard.records for shard in info.shards]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1


def test_keras_split_keeps_the_order_of_the_generator(png_tree, tmp_path):
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(split=SplitOptions("keras"), hash_paths=False))
    root = png_tree((11, 6))
    manifest = make(root, tmp_path / "records", options=options)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    validation = names[:2] + names[11:12]
    written = [record.source for record in read_split(tmp_path / "records", manifest.splits["validation"])]
    assert written == validation
    written = [record.source for record in read_split(tmp_path / "records", manifest.splits["train"])]
    assert written == [name for name in names if name not in validation]
    assert any("as on the slides" in warning for warning in manifest.warnings)


def test_unknown_patients_are_said_to_be_unknown(png_tree, tmp_path):
    manifest = make(png_tree((12, 8)), tmp_path / "records", group_regex=None)
    assert not manifest.patients_known
    assert any("patient independence unverified" in warning for warning in manifest.warnings)


def test_bad_images_are_all_listed_and_nothing_is_described(png_tree, tmp_path):
    root = png_tree((12, 8))
    (root / "no_gad" / "p0_empty.png").write_bytes(b"")
    cut = root / "with_gad" / "p1000_00000.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    with pytest.raises(DataError) as error:
        make(root, tmp_path / "records")
    assert "p0_empty.png: empty" in str(error.value)
    assert "p1000_00000.png" in str(error.value)
    assert not (tmp_path / "records" / "manifest.json").exists()


def test_bad_images_are_left_out_where_asked(png_tree, tmp_path):
    root = png_tree((12, 8))
    (root / "no_gad" / "p0_empty.png").write_bytes(b"")
    cut = root / "with_gad" / "p1000_00000.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    options = ConversionOptions(preprocessing=SMALL, skip_bad_images=True)
    manifest = make(root, tmp_path / "records", options=options)
    with open(tmp_path / "records" / "rejected.csv", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert {row["path"] for row in rejected} == {"no_gad/p0_empty.png", "with_gad/p1000_00000.png"}
    assert sum(info.records for info in manifest.splits.values()) == manifest.files["used"] == 19
    assert sum(manifest.files["rejected"].values()) == 2
    assert manifest.files["found"] == 21


def test_a_class_whose_images_are_all_bad(png_tree, tmp_path):
    root = png_tree((4, 1))
    (root / "with_gad" / "p1000_00000.png").write_bytes(b"")
    with pytest.raises(DataError, match="no usable image of with_gad to train on"):
        make(root, tmp_path / "records", options=ConversionOptions(preprocessing=SMALL, skip_bad_images=True))


def test_names_that_disagree_with_the_content_are_counted(png_tree, tmp_path):
    root = png_tree((4, 4))
    (root / "no_gad" / "p0000_00000.png").rename(root / "no_gad" / "p0000_00000.jpg")
    manifest = make(root, tmp_path / "records")
    assert manifest.files["used"] == 8
    assert any(warning.startswith("1 file: the name promises another format") for warning in manifest.warnings)


def test_constant_images_are_counted(png_tree, tmp_path):
    root = png_tree((4, 4))
    Image.new("L", (24, 24), 7).save(root / "no_gad" / "p9_flat.png")
    manifest = make(root, tmp_path / "records")
    assert "1 slice with one grey value all over" in manifest.warnings


def test_exact_copies_are_kept_once(png_tree, tmp_path):
    root = png_tree((8, 8))
    shutil.copy(root / "no_gad" / "p0000_00000.png", root / "no_gad" / "p0000_copy.png")
    manifest = make(root, tmp_path / "records")
    assert sum(info.records for info in manifest.splits.values()) == 16
    assert manifest.files["duplicates"] == 1


def listed_look_alikes(directory):
    with open(directory / "look_alikes.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("keyed", [b"", b"key"])
def test_an_exact_copy_under_another_patient_is_warned_of_and_listed(png_tree, tmp_path, keyed):
    root = png_tree((48, 8))
    for number in range(1, 12):
        shutil.copy(root / "no_gad" / "p0000_00000.png", root / "no_gad" / f"p{number:04d}_copy.png")
    shutil.copy(root / "no_gad" / "p0000_00000.png", root / "no_gad" / "p9999_copy.png")  # Nothing else is of p9999.
    shutil.copy(root / "no_gad" / "p0001_00004.png", root / "no_gad" / "p0001_again.png")  # The same patient.
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(secret=keyed))
    manifest = make(root, tmp_path / "records", options=options)
    assert manifest.patients_known
    assert manifest.files["duplicates"] == 13
    split_of = {each.group: split for split, each in records_of(tmp_path / "records", manifest)}
    splits = [split_of[group_key(f"patient:p{number:04d}", keyed)] for number in range(12)]
    expected = [
        sorted([(splits[0], "no_gad/p0000_00000.png"), (splits[number], f"no_gad/p{number:04d}_copy.png")])
        for number in range(1, 12)
        if splits[number] != splits[0]
    ]
    assert len(expected) >= 3  # Or this test shows nothing.
    found = [[(row["split"], row["path"]), (row["other_split"], row["other_path"])]
             for row in listed_look_alikes(tmp_path / "records")]  # fmt: skip
    assert found == sorted(expected)
    assert {row["similarity"] for row in listed_look_alikes(tmp_path / "records")} == {"1.000"}
    (line,) = [each for each in manifest.warnings if each.startswith("NEAR-DUPLICATES")]
    assert f"{len(expected)} pairs of look-alike files in several splits" in line
    (line,) = [each for each in manifest.warnings if each.startswith("the same image")]
    one, other = (group_key(f"patient:p{number:04d}", keyed) for number in (0, 1))
    assert line.endswith(f"and is kept once: 1 of them: no_gad/{one}_00000.png = no_gad/{other}_copy.png")
    assert_no_name(tmp_path / "records", "p0000_", "p0001_")
    make(root, tmp_path / "two", options=options, workers=2)
    assert contents(tmp_path / "two") == contents(tmp_path / "records")


def test_empty_slices_of_several_patients_make_them_no_one_person(png_tree, tmp_path):
    root = png_tree((24, 24))
    for number in range(6):
        Image.new("L", (24, 24)).save(root / "no_gad" / f"p{number:04d}_empty.png")
    manifest = make(root, tmp_path / "records")
    assert manifest.files["duplicates"] == 5
    assert manifest.warnings == ("1 slice with one grey value all over",)


def test_allowed_copies_of_two_patients_are_listed_once(heads, tmp_path):
    root, test_root = two_archives(tmp_path, heads)
    shutil.copy(root / "no_gad" / "p0_1.png", test_root / "no_gad" / "q0_1.png")
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(allow_leakage=True))
    make(root, tmp_path / "records", test_root=test_root, options=options)
    listed = [(row["path"], row["other_path"]) for row in listed_look_alikes(tmp_path / "records")]
    assert listed.count(("no_gad/q0_1.png", "no_gad/p0_1.png")) == 1
    assert len(listed) == 16


def test_same_bytes_in_both_classes(png_tree, tmp_path):
    root = png_tree((8, 8))
    shutil.copy(root / "no_gad" / "p0000_00000.png", root / "with_gad" / "p1000_copy.png")
    with pytest.raises(DataError, match=r"no_gad/p0000_00000.png.*with_gad/p1000_copy.png"):
        make(root, tmp_path / "records")


def test_every_kind_of_problem_is_listed_at_once(png_tree, tmp_path):
    root, test_root = png_tree((8, 8)), png_tree((4, 4), root=tmp_path / "test", first_seed=500)
    for path in test_root.rglob("with_gad/*.png"):
        path.unlink()
    shutil.copy(root / "no_gad" / "p0000_00000.png", root / "with_gad" / "p1000_copy.png")
    shutil.copy(root / "no_gad" / "p0001_00004.png", test_root / "no_gad" / "p9_leak.png")
    shutil.copy(root / "no_gad" / "p0001_00005.png", root / "no_gad" / "nobody.png")
    (root / "no_gad" / "p0_empty.png").write_bytes(b"")
    (root / "other").mkdir()
    shutil.copy(root / "no_gad" / "p0001_00005.png", root / "other" / "p1_x.png")
    with pytest.raises(DataError) as error:
        make(root, tmp_path / "records", test_root=test_root)
    assert str(error.value).splitlines() == [
        "7 kinds of problems, each with what to do:",
        f"{root}: unknown class folders: other; only no_gad and with_gad may stand there: rename, move or remove the "
        "others",
        f"{root}: --group_regex finds no patient in 1 of 19 paths; change it, or move these files away:",
        "  no_gad/nobody.png",
        f"no image in {test_root}/with_gad; each class needs some. Found: no_gad (5 files), with_gad (0 files)",
        "the same image stands in both classes; only one can be right, so remove the other:",
        "  development: no_gad/p0000_00000.png = development: with_gad/p1000_copy.png",
        "the same image stands in several splits (--allow_leakage goes on, and says so in the report):",
        "  development: no_gad/p0001_00004.png = test: no_gad/p9_leak.png",
        "patients stand in several splits (--allow_leakage goes on, and says so in the report):",
        "  development no_gad/p0000_00000.png, test no_gad/p0000_00000.png",
        "1 file cannot be used (--on_bad_image=skip leaves such files out); decoding may find more:",
        "  no_gad/p0_empty.png: empty: the file has no bytes",
    ]
    skipped = ConversionOptions(preprocessing=SMALL, skip_bad_images=True)
    with pytest.raises(DataError, match="6 kinds of problems"):
        make(root, tmp_path / "again", test_root=test_root, options=skipped)


def test_all_contradictions_are_listed_however_many(png_tree, tmp_path):
    root = png_tree((70, 8))
    for path in root.glob("no_gad/*.png"):
        shutil.copy(path, root / "with_gad" / f"p2_{path.name}")
    with pytest.raises(DataError) as error:
        make(root, tmp_path / "records")
    assert str(error.value).count(" = with_gad/p2_") == 70


def test_a_class_that_a_table_does_not_name(png_tree, tmp_path):
    root = png_tree((4, 1))
    table = write_table(root / "table.csv", [(f"no_gad/{path.name}", 0, "a", "") for path in root.glob("no_gad/*")])
    with pytest.raises(DataError, match="^no usable image of with_gad to train on; add some$"):
        from_table(table, tmp_path / "records")


def test_same_bytes_in_train_and_test(png_tree, tmp_path):
    root, test_root = png_tree((8, 8)), png_tree((4, 4), root=tmp_path / "test", first_seed=500)
    shutil.copy(root / "no_gad" / "p0000_00000.png", test_root / "no_gad" / "q_copy.png")
    with pytest.raises(DataError, match="allow_leakage"):
        make(root, tmp_path / "refused", test_root=test_root, group_regex=None)
    options = ConversionOptions(
        preprocessing=SMALL, plan=PlanOptions(split=SplitOptions(test_fraction=0.0), allow_leakage=True)
    )
    manifest = make(root, tmp_path / "allowed", test_root=test_root, options=options, group_regex=None)
    assert any("LEAKAGE" in warning for warning in manifest.warnings)
    assert manifest.splits["test"].records == 9


def test_a_patient_in_train_and_test_folder(png_tree, tmp_path):
    root, test_root = png_tree((8, 8)), png_tree((4, 4), root=tmp_path / "test", first_seed=500)
    with pytest.raises(DataError, match="patients stand in several splits"):
        make(root, tmp_path / "refused", test_root=test_root)


def test_allowed_leakage_moves_nothing_from_the_training_folder_to_test(png_tree, tmp_path):
    root, test_root = png_tree((8, 8)), png_tree((4, 4), root=tmp_path / "test", first_seed=500)
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(allow_leakage=True))
    manifest = make(root, tmp_path / "records", test_root=test_root, options=options)
    assert manifest.splits["test"].records == 8
    assert manifest.splits["train"].records + manifest.splits["validation"].records == 16
    assert any("LEAKAGE: patients" in warning for warning in manifest.warnings)


def records_of(directory, manifest):
    """(split, record) of every record."""
    return [(split, each) for split, info in manifest.splits.items() for each in read_split(directory, info)]


def look_alike_tree(root, heads):
    """Pictures without any patient's name: each head twice, the second time mirrored and brighter, of either class."""
    for number, pixels in enumerate(heads):
        folder = root / ("with_gad" if number % 2 else "no_gad")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
        Image.fromarray(np.minimum(pixels[:, ::-1] * 1.1, 255).astype(np.uint8)).save(folder / f"copy-{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def heads():
    """A slice of each of 16 synthetic patients, (256, 256) uint8."""
    options = dataclasses.replace(phantom.PhantomOptions(), slices_per_class=1)
    patients = [phantom.generate_patient(7, number, options) for number in range(16)]
    return [np.clip(each.pre[0].pixels, 0, 255).astype(np.uint8) for each in patients]


def test_near_duplicates_share_a_group_where_no_patient_is_known(heads, tmp_path):
    root = look_alike_tree(tmp_path / "pictures", heads)
    manifest = make(root, tmp_path / "records", group_regex=None)
    found = {each.source[-7:]: set() for _, each in records_of(tmp_path / "records", manifest)}
    for split, each in records_of(tmp_path / "records", manifest):
        found[each.source[-7:]].add((split, each.group))
    assert len(found) == 16
    assert all(len(each) == 1 for each in found.values())
    assert sum(info.groups for info in manifest.splits.values()) == 16
    assert "16 pairs of look-alike files kept in one group" in manifest.warnings
    make(root, tmp_path / "shuffled", group_regex=None, reorder=random.Random(1).shuffle)
    assert contents(tmp_path / "records") == contents(tmp_path / "shuffled")


@pytest.mark.parametrize("group_regex", [None, REGEX])
def test_a_picture_is_read_once_to_be_known_and_once_for_its_record(png_tree, tmp_path, monkeypatch, group_regex):
    """Compared or not: an unknown patient's thumbnail is made of the bytes that were read for the scan."""
    seen, original = Counter(), FileRef.read
    monkeypatch.setattr(FileRef, "read", lambda self: (seen.update([self.path]), original(self))[1])
    make(png_tree((4, 4)), tmp_path / "records", group_regex=group_regex)
    assert len(seen) == 8
    assert set(seen.values()) == {2}


def test_near_duplicates_of_a_test_folder_are_listed(heads, tmp_path):
    root = look_alike_tree(tmp_path / "train", heads[:12])
    test_root = look_alike_tree(tmp_path / "test", heads[12:])
    Image.fromarray(heads[0][3:, 2:]).save(test_root / "no_gad" / "cut.png")
    manifest = make(root, tmp_path / "records", group_regex=None, test_root=test_root)
    (line,) = [each for each in manifest.warnings if each.startswith("NEAR-DUPLICATES")]
    assert "2 pairs of look-alike files in several splits" in line
    assert "test no_gad/cut.png = " in line
    assert "no_gad/000.png" in line
    assert "no_gad/copy-000.png" in line


def two_archives(tmp_path, heads):
    """A training and a test folder; in the second one the same people have other numbers, and lie mirrored."""
    for number, pixels in enumerate(heads):
        for root, name, turned in (("train", f"p{number}", pixels), ("test", f"q{number}", pixels[:, ::-1])):
            path = tmp_path / root / ("with_gad" if number % 2 else "no_gad") / f"{name}_1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(turned).save(path)
    return tmp_path / "train", tmp_path / "test"


@pytest.mark.parametrize("rule", ["group", "keras"])
def test_one_person_under_two_numbers_is_warned_of_and_listed(heads, tmp_path, rule):
    root, test_root = two_archives(tmp_path, heads)
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(split=SplitOptions(rule)))
    manifest = make(root, tmp_path / "records", test_root=test_root, options=options)
    assert manifest.patients_known
    (line,) = [each for each in manifest.warnings if each.startswith("NEAR-DUPLICATES")]
    first = f"test no_gad/{group_key('patient:q0')}_1.png = "
    where = "look_alikes.csv in the folder of the records names them all"
    assert f"16 pairs of look-alike files in several splits ({where}): {first}" in line
    assert line.endswith("; and 11 more")
    with open(tmp_path / "records" / "look_alikes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row in rows:
        assert row["split"] == "test"
        assert row["other_split"] in ("train", "validation")
        assert row["other_path"] == row["path"].replace("/q", "/p")
        assert 0.95 <= float(row["similarity"]) <= 1
    verify(tmp_path / "records", manifest)  # The two lists beside the records are no strays.


@pytest.mark.slow
def test_look_alikes_do_not_depend_on_workers_and_order(heads, tmp_path):
    root, test_root = two_archives(tmp_path, heads[:8])
    make(root, tmp_path / "one", test_root=test_root)
    make(root, tmp_path / "two", test_root=test_root, workers=2, reorder=random.Random(1).shuffle)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_synthetic_patients_are_not_compared(tmp_path):
    found = sources.from_phantom(4, seed=1, options=dataclasses.replace(phantom.EASY_OPTIONS, slices_per_class=1))
    (tmp_path / "records").mkdir()
    with Workers(1) as pool:
        convert(found, tmp_path / "records", ConversionOptions(preprocessing=SMALL), pool, lambda *_: None)
    assert (tmp_path / "records" / "look_alikes.csv").read_text() == "split,path,other_split,other_path,similarity\n"


def test_nothing_is_decoded_twice_where_every_patient_is_known(png_tree, tmp_path):
    stages = set()
    found = sources.from_class_folders(png_tree((8, 8)), split=None, group_regex=REGEX, max_bytes=1 << 20)
    (tmp_path / "records").mkdir()
    with Workers(1) as pool:
        options = ConversionOptions(preprocessing=SMALL)
        convert(found, tmp_path / "records", options, pool, lambda stage, *_: stages.add(stage))
    assert stages == {"scan", "convert"}


def test_the_key_changes_hashes_but_not_the_split(png_tree, tmp_path):
    root, splits, groups = png_tree((40, 40)), [], []
    for key in (b"one", b"other"):
        directory = tmp_path / key.decode()
        manifest = make(root, directory, options=ConversionOptions(preprocessing=SMALL, plan=PlanOptions(secret=key)))
        records = records_of(directory, manifest)
        splits.append([(each.example_id, split) for split, each in records])  # In their order.
        groups.append({each.group for _, each in records})
        assert all(each.group in each.source for _, each in records)
    assert splits[0] == splits[1]
    assert not groups[0] & groups[1]


def kept(old, **plan):
    return ConversionOptions(preprocessing=SMALL, plan=PlanOptions(previous=previous.read(old), **plan))


@pytest.mark.parametrize("group_regex", [REGEX, None])
def test_the_split_of_old_records_is_kept_when_files_are_added(png_tree, tmp_path, group_regex):
    root = png_tree((24, 16))
    old = make(root, tmp_path / "old", group_regex=group_regex)
    png_tree((60, 44))  # The same files and more; patients of four, the last of the old ones among them.
    new = make(root, tmp_path / "new", group_regex=group_regex, options=kept(tmp_path / "old"))
    before = {each.example_id: split for split, each in records_of(tmp_path / "old", old)}
    after = {each.example_id: split for split, each in records_of(tmp_path / "new", new)}
    assert {key: after[key] for key in before} == before
    assert len(after) == 104
    assert any("40 of 104 files in the split" in each for each in new.warnings)
    assert new.splits["test"].classes == pytest.approx({"no_gad": 12, "with_gad": 8.8}, abs=4)


def test_new_files_of_an_old_patient_go_where_the_patient_is(png_tree, tmp_path):
    root = png_tree((22, 18))  # The last patient of each class has two pictures so far.
    old = make(root, tmp_path / "old")
    png_tree((24, 20))
    new = make(root, tmp_path / "new", options=kept(tmp_path / "old"))
    splits = {each.group: split for split, each in records_of(tmp_path / "old", old)}
    assert all(splits[each.group] == split for split, each in records_of(tmp_path / "new", new))


def test_what_was_tested_on_is_not_moved_to_a_training_folder(png_tree, tmp_path):
    root = png_tree((24, 16))
    make(root, tmp_path / "old")
    test_root = png_tree((4, 4), root=tmp_path / "test", first_seed=500)
    for path in test_root.rglob("*.png"):
        path.rename(path.with_name(f"q{path.name}"))
    with pytest.raises(DataError, match=r"another split.*\n.*: test before"):
        make(root, tmp_path / "new", test_root=test_root, options=kept(tmp_path / "old"))


def test_a_split_by_file_cannot_be_kept(png_tree, tmp_path):
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(split=SplitOptions("keras")))
    make(png_tree((10, 5)), tmp_path / "old", options=options)
    with pytest.raises(DataError, match="no split to keep"):
        previous.read(tmp_path / "old")


def dicom_tree(root, name_file, patient_ids):
    """Studies of one file each, the classes in turn."""
    for number, patient_id in enumerate(patient_ids):
        pixels = np.random.default_rng(number).integers(0, 4000, (24, 24), np.uint16)
        path = root / ("with_gad" if number % 2 else "no_gad") / name_file(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        uids = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.2.3.{number}"}
        path.write_bytes(dicom_bytes(pixels, PatientID=patient_id, PatientName="Secret^Person", **uids))
    return root


def test_files_of_a_placeholder_are_divided_by_study(tmp_path):
    ids = [("ANONYMOUS", "0", None, "P1")[number % 4] for number in range(24)]
    root = dicom_tree(tmp_path / "scans", "{}.dcm".format, ids)
    manifest = make(root, tmp_path / "records", group_regex=None)
    assert not manifest.patients_known
    assert sum(info.groups for info in manifest.splits.values()) == 19
    assert set(manifest.splits) == {"train", "validation", "test"}
    placeholders = "PatientID is a placeholder such as ANONYMOUS or 0, so the study stands for the patient"
    assert f"12 files: {placeholders}" in manifest.warnings


def test_records_and_manifest_hold_no_patient(tmp_path):
    dicom_tree(tmp_path / "scans", "{}.dcm".format, [f"MRN-{number // 2}" for number in range(12)])
    secret = b"k" * 64
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(secret=secret))
    manifest = make(tmp_path / "scans", tmp_path / "records", group_regex=None, options=options)
    assert manifest.patients_known
    assert manifest.split_rule["group_hash_keyed"]
    groups = {each.group for _, each in records_of(tmp_path / "records", manifest)}
    assert groups == {group_key(f"patient:MRN-{number}", secret) for number in range(6)}
    unkeyed = {group_key(f"patient:MRN-{number}") for number in range(6)}
    for content in contents(tmp_path / "records").values():
        assert not any(word in content for word in (b"MRN-", b"Secret", b"Person", secret))
        assert not any(each.encode() in content for each in unkeyed)


def assert_no_name(directory, *names):
    """No file that is passed on with the records holds one of the names."""
    for name, content in contents(directory).items():
        if name not in ("rejected.csv", "look_alikes.csv"):
            assert not any(each.encode() in content.lower() for each in names), name


def named_tree(root):
    """Pictures below folders called like patients, who are named once more in each file's name."""
    for label, folder in enumerate(("no_gad", "with_gad")):
        for number in range(16):
            patient = f"Meier{number // 2}"
            path = root / folder / patient / f"{patient.upper() if number % 2 else patient}-{label}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.random.default_rng(100 * label + number).integers(0, 255, (24, 24), np.uint8)).save(path)
    return root


def test_a_patient_in_the_path_stands_hashed_in_the_records(tmp_path):
    root, secret = named_tree(tmp_path / "pictures"), b"k" * 64
    os.symlink("/", root / "no_gad" / "Meier0" / "Meier0-link.png")
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(secret=secret))
    manifest = make(root, tmp_path / "records", group_regex="gad/([^/]+)/", options=options)
    records = [each for _, each in records_of(tmp_path / "records", manifest)]
    assert manifest.patients_known
    assert len({each.source for each in records}) == len(records) == 32
    hashed = {number: group_key(f"patient:Meier{number}", secret) for number in range(8)}
    assert f"no_gad/{hashed[0]}/{hashed[0]}-0-0.png" in {each.source for each in records}
    assert all(each.source.split("/")[1] == each.group for each in records)
    assert_no_name(tmp_path / "records", "meier")
    make(root, tmp_path / "again", group_regex="gad/([^/]+)/", options=options, workers=2)
    assert contents(tmp_path / "again") == contents(tmp_path / "records")


def test_every_way_of_writing_a_patient_is_one_group_and_is_hidden(tmp_path):
    written = ["Mülo\u0308", *(unicodedata.normalize(form, "Mülö") for form in ("NFC", "NFD"))]
    for number in range(24):
        name = written[number % 3] if number < 6 else f"Qvist{number}"
        path = tmp_path / "pictures" / ("with_gad" if number % 2 else "no_gad") / f"{name}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (24, 24), np.uint8)).save(path)
    manifest = make(tmp_path / "pictures", tmp_path / "records")
    found = records_of(tmp_path / "records", manifest)
    expected = group_key("patient:" + written[1])
    assert len({split for split, each in found if each.group == expected}) == 1
    assert sum(each.group == expected for _, each in found) == 6
    assert_no_name(tmp_path / "records", *(each.lower() for each in written), "qvist")


def test_paths_stay_clear_where_asked(tmp_path):
    root = named_tree(tmp_path / "pictures")
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(hash_paths=False))
    manifest = make(root, tmp_path / "records", group_regex="gad/([^/]+)/", options=options)
    sources_read = {each.source for _, each in records_of(tmp_path / "records", manifest)}
    assert sources_read == {path.relative_to(root).as_posix() for path in root.rglob("*.png")}


def test_a_tables_patient_and_a_patient_id_are_hidden_in_paths_too(tmp_path):
    root = named_tree(tmp_path / "pictures")
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[0], name.split("/")[1].upper(), "") for name in names]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "from_table")
    assert len({each.source for _, each in records_of(tmp_path / "from_table", manifest)}) == 32
    assert_no_name(tmp_path / "from_table", "meier")
    dicom_tree(tmp_path / "scans", "mrn-{0}/{0}.dcm".format, [f"MRN-{number}" for number in range(12)])
    make(tmp_path / "scans", tmp_path / "from_dicom", group_regex=None)
    assert_no_name(tmp_path / "from_dicom", "mrn-", "secret", "person")


def test_a_pseudonym_from_a_table_does_not_bring_back_the_patient_id(tmp_path):
    ids = ["ANON" if number < 2 else f"MRN{7000 + number // 2}" for number in range(24)]
    root = dicom_tree(tmp_path / "scans", lambda number: f"{ids[number]}/s{number}.dcm", ids)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.dcm"))
    rows = [(name, name.split("/")[0], f"subject-{name.split('/')[1][-1]}", "") for name in names]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    found = {each.source for _, each in records_of(tmp_path / "records", manifest)}
    assert f"no_gad/{group_key('patient:MRN7001')}/s2.dcm" in found
    assert "no_gad/ANON/s0.dcm" in found  # Stands for nobody.
    assert_no_name(tmp_path / "records", "mrn", "subject-")


def sessions_table(tmp_path, ids, group_of):
    """A table that names groups of DICOM files otherwise than their headers do."""
    root = dicom_tree(tmp_path / "scans", lambda number: f"{ids[number] or 'none'}/s{number}.dcm", ids)
    paths = {int(path.stem[1:]): path.relative_to(root).as_posix() for path in root.rglob("*.dcm")}
    rows = [(paths[number], paths[number].split("/")[0], group_of(number), "") for number in sorted(paths)]
    return write_table(root / "table.csv", rows)


def test_a_patient_with_a_group_for_each_session_is_warned_of(tmp_path):
    ids = [f"MRN{7000 + number // 2}" for number in range(24)] + ["ANON", "0", None] * 2
    table = sessions_table(tmp_path, ids, lambda number: f"session-{number}")
    manifest = from_table(table, tmp_path / "records")
    splits = {each.source: split for split, each in records_of(tmp_path / "records", manifest)}
    (line,) = [each for each in manifest.warnings if "PatientID" in each]
    numbers = [group_key(f"patient:MRN{number}") for number in range(7000, 7012)]
    pairs = [sorted((split, path) for path, split in splits.items() if key in path) for key in numbers]
    parted = sorted([one, other] for one, other in pairs if one[0] != other[0])
    assert len(parted) >= 3  # Or this test shows nothing.
    assert line.startswith(
        f"12 PatientIDs stand in several groups, {len(parted)} of them in several splits; where such"
    )
    assert line.endswith("; and 7 more")
    for (split, path), (other_split, other_path) in parted[:5]:
        assert f"{split} {path} = {other_split} {other_path}" in line
    assert_no_name(tmp_path / "records", "mrn", "session")
    from_table(write_table(table, reversed(rows_of(table))), tmp_path / "reversed")
    assert contents(tmp_path / "reversed") == contents(tmp_path / "records")


def test_files_without_a_group_count_too(tmp_path):
    ids = [f"MRN{number // 2}" for number in range(24)]
    table = sessions_table(tmp_path, ids, lambda number: "someone" if number == 0 else "")
    (line,) = [each for each in from_table(table, tmp_path / "records").warnings if "PatientID" in each]
    assert line.startswith("1 PatientIDs stand in several groups, ")


@pytest.mark.parametrize("group_of", [lambda number: "", lambda number: f"subject-{number // 2}"])
def test_a_group_for_each_patient_id_is_nothing_to_warn_of(tmp_path, group_of):
    table = sessions_table(tmp_path, [f"MRN{number // 2}" for number in range(24)], group_of)
    assert from_table(table, tmp_path / "records").warnings == ()


def test_names_that_differ_by_case_and_blanks_are_warned_of(png_tree, tmp_path):
    root = png_tree((20, 20))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    called = ["Jo Doe", "JO DOE", "Jo\uff24oe", "jodoe", "Doe Jo"]
    rows = [(name, name.split("/")[0], called[n] if n < 5 else f"q{n}", "") for n, name in enumerate(names)]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    (line,) = [each for each in manifest.warnings if "names of patients" in each]
    assert line.startswith("1 names of patients differ only by case, blanks or width of letters, ")
    assert sum(info.groups for info in manifest.splits.values()) == 40
    assert_no_name(tmp_path / "records", "jo doe")


def test_names_that_look_the_same_are_one_patient_from_table_to_records(png_tree, tmp_path):
    root = png_tree((20, 20))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    written = ["Jo Doe", "Jo\u00a0Doe", "Jo  Doe", "\ufeffJo Doe", "Jo\u200b Doe", "J\u00ado Doe"]
    rows = [(name, name.split("/")[0], written[n] if n < 6 else f"q{n}", "") for n, name in enumerate(names)]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    groups = {each.source: each.group for _, each in records_of(tmp_path / "records", manifest)}
    assert {groups[name] for name in names[:6]} == {group_key("patient:Jo Doe")}
    assert len(set(groups.values())) == 35
    assert not [each for each in manifest.warnings if "names of patients" in each]


def rows_of(table):
    return [line.split(",") for line in table.read_text().splitlines()[1:]]


def write_table(path, rows):
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(["path,label,group,split", *lines]) + "\n")
    return path


def from_table(table, directory, **plan):
    directory.mkdir()
    found = sources.from_table(table, group_regex=None, max_bytes=1 << 20)
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(**plan))
    with Workers(1) as pool:
        return convert(found, directory, options, pool, lambda *_: None)


def test_a_table_that_names_test_rows_gets_no_others(png_tree, tmp_path):
    root = png_tree((20, 20))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[0], name.split("_")[-2][-5:], "test" if "00000" in name else "") for name in names]
    rows = [(path, label, path, split) for path, label, _, split in rows]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    assert manifest.splits["test"].records == 2
    assert manifest.split_rule["test_fraction"] == 0


def test_rows_of_a_patient_go_where_one_of_them_is_fixed_to(png_tree, tmp_path):
    root = png_tree((12, 12))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [
        (name, name.split("/")[0], name[:-10], "validation" if name.endswith("00000.png") else "") for name in names
    ]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    assert manifest.splits["validation"].records == 8
    assert manifest.split_rule["validation_fraction"] == 0


def test_slices_of_one_study_stay_together(tmp_path):
    for series in range(12):
        for number in range(3):
            pixels = np.full((24, 24), 10 * series + number, np.uint16)
            pixels[5:9] += 100
            name = "with_gad" if series % 2 else "no_gad"
            path = tmp_path / "scans" / name / f"{series}_{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            uids = {"StudyInstanceUID": f"1.2.{series // 2}", "SeriesInstanceUID": f"1.2.3.{series}", "PatientID": None}
            path.write_bytes(dicom_bytes(pixels, ImagePositionPatient=[number, 0, 0], **uids))
    manifest = make(tmp_path / "scans", tmp_path / "records", group_regex=None)
    splits_of_study = {}
    for split, info in manifest.splits.items():
        for record in read_split(tmp_path / "records", info):
            study = int(record.source.split("/")[1].split("_")[0]) // 2
            splits_of_study.setdefault(study, set()).add(split)
            assert record.slice_index == 1  # the middle third of three
    assert all(len(each) == 1 for each in splits_of_study.values())
    assert len(splits_of_study) == 6
    assert not manifest.patients_known


@pytest.mark.parametrize("named", ["header", "path"])
def test_one_series_number_for_everybody_takes_slices_of_all(tmp_path, named):
    """As anonymisers write it: the patient, or whoever names the patients, tells the series apart."""
    for patient in range(10):
        for number in range(3):
            pixels = np.random.default_rng(10 * patient + number).integers(0, 4000, (24, 24), np.uint16)
            path = tmp_path / "scans" / ("with_gad" if patient % 2 else "no_gad") / f"P{patient}_{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            tags = {"PatientID": f"P{patient}" if named == "header" else "ANON", "SeriesInstanceUID": "1.2.3"}
            path.write_bytes(dicom_bytes(pixels, ImagePositionPatient=[-number, 0, 0], **tags))
    group_regex = None if named == "header" else REGEX
    manifest = make(tmp_path / "scans", tmp_path / "records", group_regex=group_regex)
    found = [each for _, each in records_of(tmp_path / "records", manifest)]
    assert len({each.group for each in found}) == len(found) == 10
    assert all(each.source.endswith("_1.dcm") and each.slice_index == 1 for each in found)


def test_a_split_of_which_nothing_is_left_is_left_out(png_tree, tmp_path):
    root = png_tree((8, 8))
    broken = root / "no_gad" / "p0001_00007.png"
    broken.write_bytes(broken.read_bytes()[:-20])
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[0], name, "test" if name.endswith(broken.name) else "") for name in names]
    table = write_table(root / "table.csv", rows)
    (tmp_path / "records").mkdir()
    found = sources.from_table(table, group_regex=None, max_bytes=1 << 20)
    with Workers(1) as pool:
        options = ConversionOptions(preprocessing=SMALL, skip_bad_images=True)
        manifest = convert(found, tmp_path / "records", options, pool, lambda *_: None)
    assert set(manifest.splits) == {"train", "validation"}
    assert not list((tmp_path / "records").glob("contrast-test*"))
    assert [each for each in manifest.warnings if "EMPTY" in each] == [
        "EMPTY: the test split holds nothing, although files were named for it; add patients, or name some for it"
    ]


@pytest.mark.parametrize(
    ("validation", "test", "empty"),
    [(0.2, 0.2, ["validation", "test"]), (0.2, 0.0, ["validation"]), (0.0, 0.3, ["test"]), (0.0, 0.0, [])],
)
def test_a_split_that_was_asked_for_and_is_empty_is_said(png_tree, tmp_path, validation, test, empty):
    root = png_tree((4, 4))
    split = SplitOptions(validation_fraction=validation, test_fraction=test)
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(split=split))
    manifest = make(root, tmp_path / "records", group_regex="(gad)", options=options)
    said = [each.split()[2] for each in manifest.warnings if each.startswith("EMPTY: the ")]
    assert said == empty
    assert set(manifest.splits) == {"train"}


def test_the_slides_split_of_few_files_says_that_it_is_empty(png_tree, tmp_path):
    options = ConversionOptions(preprocessing=SMALL, plan=PlanOptions(split=SplitOptions("keras", test_fraction=0.0)))
    manifest = make(png_tree((4, 4)), tmp_path / "records", options=options)
    assert [each for each in manifest.warnings if each.startswith("EMPTY: the validation split")]


def test_a_table_that_leaves_nothing_to_test_on_says_so(png_tree, tmp_path):
    root = png_tree((8, 8))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [(name, name.split("/")[0], name, "train" if "000" in name else "") for name in names]
    manifest = from_table(write_table(root / "table.csv", rows), tmp_path / "records")
    said = [each.split()[2] for each in manifest.warnings if each.startswith("EMPTY: the ")]
    assert said == ["validation", "test"]


def test_formulas_in_names_are_defused_in_rejected_csv(png_tree, tmp_path):
    root = png_tree((6, 6))
    (root / "=cmd.png").write_bytes(b"")
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("p*.png"))
    rows = [("=cmd.png", "no_gad", "x", ""), *((name, name.split("/")[0], name, "") for name in names)]
    table = write_table(root / "table.csv", rows)
    (tmp_path / "records").mkdir()
    found = sources.from_table(table, group_regex=None, max_bytes=1 << 20)
    with Workers(1) as pool:
        options = ConversionOptions(preprocessing=SMALL, skip_bad_images=True)
        convert(found, tmp_path / "records", options, pool, lambda *_: None)
    assert (tmp_path / "records" / "rejected.csv").read_text().splitlines()[1].startswith("'=cmd.png,empty,")


def test_shards_pass_their_own_check(png_tree, tmp_path):
    manifest = make(png_tree((8, 8)), tmp_path / "records")
    verify(tmp_path / "records", manifest)
    (tmp_path / "records" / "contrast-train.tfrecord-00001-of-00002").write_bytes(b"")
    with pytest.raises(DataError, match="not in the manifest"):
        verify(tmp_path / "records", manifest)


def test_synthetic_patients_stay_the_same_from_version_to_version():
    """Their ids decide splits and order, and so the weights that a recipe gives."""
    assert units.PhantomUnit(1020, 0, phantom.EASY_OPTIONS).scan().sha256.hex().startswith("4e40063cfce36db8")
