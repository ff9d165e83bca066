"""Records without a training split: data of another source, on which networks are only evaluated."""

import json
import shutil

import pytest
from running import run, succeed

import contrast_tfdata as ct
from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake import sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.patients.splits import SplitOptions
from contrast_tfdata.phantom import EASY_OPTIONS
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import previous
from contrast_tfdata.records.conversion import convert
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import verify

REGEX = "/([^_/]+)_[^/]*$"
SMALL = Preprocessing(image_size=24, interpolation="nearest", intensity="stored", aspect="stretch")
ALL = {"split": SplitOptions(test_fraction=1.0)}
KERAS = {"split": SplitOptions("keras", test_fraction=0.0)}


def make(found, directory, *, skip_bad_images=False, **plan):
    directory.mkdir()
    options = ConversionOptions(PlanOptions(**plan), SMALL, skip_bad_images=skip_bad_images)
    with Workers(1) as workers:
        return convert(found, directory, options, workers, lambda *_: None)


def folders(root, split="test", group_regex=REGEX):
    return sources.from_class_folders(root, split=split, group_regex=group_regex, max_bytes=1 << 20)


def write_table(root, split_of):
    """Writes a table of a tree whose rows say what `split_of` returns of the number of each; None: no such column."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [",".join([name, name.split("/")[0], *([split_of(n)] if split_of else [])]) for n, name in enumerate(names)]
    table = root / "table.csv"
    table.write_text("\n".join(["path,label,split" if split_of else "path,label", *rows]) + "\n")
    return table


def tables(root, split_of):
    return sources.from_table(write_table(root, split_of), group_regex=REGEX, max_bytes=1 << 20)


def zipped(root):
    return shutil.make_archive(str(root), "zip", root)


MADE = {
    "folders": lambda root: (folders(root), {}),
    "folders whose patients nobody knows": lambda root: (folders(root, group_regex=None), {}),
    "folders, divided as on the slides": lambda root: (folders(root), KERAS),
    "archive": lambda root: (folders(type(root)(zipped(root))), {}),
    "table of test rows": lambda root: (tables(root, lambda _: "test"), {}),
    "table, all to test": lambda root: (tables(root, None), ALL),
    "folders, all to test": lambda root: (folders(root, split=None), ALL),
    "synthetic patients, all to test": lambda root: (sources.from_phantom(4, seed=1, options=EASY_OPTIONS), ALL),
}


@pytest.mark.parametrize("kind", MADE)
def test_records_hold_a_test_split_alone(png_tree, tmp_path, kind):
    found, plan = MADE[kind](png_tree((8, 4)))
    manifest = make(found, tmp_path / "records", **plan)
    assert list(manifest.splits) == ["test"]
    assert all(manifest.splits["test"].classes.values())
    assert manifest.patients_known is ("nobody" not in kind)
    said = [line.split(":")[0] for line in manifest.warnings]
    assert said == ([] if manifest.patients_known else ["patient independence unverified"])
    assert manifests.load(tmp_path / "records") == manifest
    verify(tmp_path / "records", manifest)
    info = json.loads((tmp_path / "records" / "dataset_info.json").read_text())
    assert [split["name"] for split in info["splits"]] == ["test"]


def test_one_class_is_enough_to_test_on(png_tree, tmp_path):
    root = png_tree((4, 4))
    shutil.rmtree(root / "with_gad")
    manifest = make(tables(root, lambda _: "test"), tmp_path / "records")
    assert manifest.warnings == ("test has no image of with_gad, so its AUC is undefined",)


def test_rows_may_be_for_validation_and_test(png_tree, tmp_path):
    splits = ("validation", "test")
    manifest = make(tables(png_tree((8, 8)), lambda number: splits[number // 4 % 2]), tmp_path / "records")
    assert tuple(manifest.splits) == splits
    assert not manifest.warnings


def test_nothing_to_test_on_is_said(png_tree, tmp_path):
    root = png_tree((2, 2))
    for path in root.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="^no usable image of no_gad and with_gad; add some"):
        make(folders(root), tmp_path / "records", skip_bad_images=True)


def test_patients_who_were_trained_on_are_listed_where_the_records_of_training_are_named(png_tree, tmp_path):
    make(folders(png_tree((20, 20)), split=None), tmp_path / "old")
    known = {"previous": previous.read(tmp_path / "old")}
    other = png_tree((4, 4), root=tmp_path / "other", first_seed=500)
    for path in other.rglob("*.png"):
        path.rename(path.with_name(f"q{path.name}"))
    (counted,) = make(folders(other), tmp_path / "new", **known).warnings
    assert counted.startswith("0 of 8 files in the split that they or their patients have in the records ")
    with pytest.raises(
        DataError, match=r"files stand in another split .*\n(  test: .*: (train|validation) before\n?)+$"
    ):
        make(folders(tmp_path / "pictures"), tmp_path / "refused", **known)


def test_python_tests_on_them_and_does_not_train(png_tree, tmp_path):
    make(folders(png_tree((4, 4))), tmp_path / "records")
    records = ct.load_records(tmp_path / "records")
    assert sum(len(labels) for _, labels in records.test()) == 8
    assert records.counts == {"test": {"no_gad": 4, "with_gad": 4}}
    with pytest.raises(DataError, match="no train split; it has test: records to evaluate on, not to train on"):
        records.train()


@pytest.fixture(scope="module")
def external(tmp_path_factory):
    """A folder with records ext, as the command makes them."""
    folder = tmp_path_factory.mktemp("external")
    few = ["--phantom_patients=4", "--phantom_slices=1", "--phantom_kind=easy"]
    said = succeed("make_records", *few, "--test_fraction=1", f"--output_dir={folder}/ext")
    assert "no training split: these records are for evaluate" in said
    return folder


@pytest.mark.parametrize("more", [[], ["--folds=2"], ["--folds=2", "--fold=1"], ["--repeats=2"]])
def test_train_refuses_them_and_leaves_nothing(external, more):
    result = run("train", "--records_dir=ext", "--workdir=run", "--epochs=1", *more, cwd=external)
    assert result.returncode == 65
    assert "ext: no train split; it has test: records to evaluate on, not to train on" in result.stderr
    assert not (external / "run").exists()


def test_evaluate_scores_them(external):
    words = ["--records_dir=ext", "--workdir=shipped", "--output_dir=on-ext"]
    assert "test AUC" in succeed("evaluate", *words, cwd=external)
    assert json.loads((external / "on-ext" / "metrics.json").read_text())["test"]["num_examples"] == 8
    result = run("evaluate", *words, "--split=validation", cwd=external)
    assert result.returncode == 65
    assert "ext: no validation split; it has test" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("given", ["--test_dir=pictures", "--test_dir=pictures.zip", "--table=pictures/table.csv"])
def test_every_source_of_the_command_does_so_on_both_runners(png_tree, tmp_path, given):
    root = png_tree((4, 4))
    zipped(root)
    write_table(root, lambda _: "test")
    words = [given, "--image_size=24", f"--group_regex={REGEX}"]
    for runner in ("local", "beam"):
        succeed("make_records", *words, f"--runner={runner}", f"--output_dir={runner}", cwd=tmp_path)
    here, beam = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("local", "beam"))
    assert here == beam
    assert list(json.loads(here["manifest.json"])["splits"]) == ["test"]
