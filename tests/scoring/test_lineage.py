"""What is said where networks may have been trained on the patients that they are scored on."""

import dataclasses
import json

import numpy as np
import pytest

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.model.weights import save_model
from contrast_tfdata.pipeline import folds
from contrast_tfdata.records import codec
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.shards import write_shard
from contrast_tfdata.scoring import lineage, networks
from contrast_tfdata.scoring.splits import are_synthetic

SIZE = 190
NOT_KNOWN = "split were trained on is not known; if so, the figures are too good. "


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Six patients in training, four in validation, two in test, a slice before and one after contrast of each."""
    directory, splits = tmp_path_factory.mktemp("records"), {}
    for split, count in (("train", 6), ("validation", 4), ("test", 2)):
        slices = [
            codec.SliceRecord(
                np.zeros((SIZE, SIZE), np.uint8), label, f"{split}{number}{label}", f"{split}{number}", "s", 0
            )
            for number in range(count)
            for label in (0, 1)
        ]
        shard = write_shard(directory / f"contrast-{split}.tfrecord-00000-of-00001", map(codec.encode, slices))
        splits[split] = manifests.SplitInfo((shard,), {"no_gad": count, "with_gad": count}, count)
    preprocessing = Preprocessing(image_size=SIZE).to_json()
    return directory, manifests.Manifest(preprocessing, {"rule": "group"}, splits, True, {})


def trained_on(records, **flags):
    """The description of a run on these records, or on a fold of them, as far as it tells where it comes from."""
    directory, manifest = records
    if flags.get("folds"):
        manifest = folds.view(directory, manifest, fold=flags["fold"], folds=flags["folds"], seed=flags["seed"])
    return {"records": manifest.fingerprint, "flags": {"folds": 0, "fold": 0, "init_weights": None, **flags}}


def fold(records, number):
    return trained_on(records, fold=number, folds=3, seed=5)


OTHER = {"records": "0" * 64, "flags": {"folds": 0, "init_weights": None}}


def leakage(records, split="test", **described):
    return lineage.leakage(described, *records, [split])


def test_nothing_is_said_of_a_run_on_these_records(records):
    for split in ("test", "validation"):
        assert leakage(records, split, run=trained_on(records)) == ()
        assert leakage(records, split, run=trained_on(records, init_weights="shipped")) == ()


def test_nothing_is_said_of_the_weights_of_the_package(records):
    """They were learned from synthetic patients alone."""
    assert leakage(records, shipped=networks.load("shipped")[1]) == ()


def test_runs_on_other_records_are_named_together(records):
    (said,) = leakage(records, a=OTHER, b=trained_on(records), c=OTHER)
    assert said == f"Whether patients of the test {NOT_KNOWN}Trained on other records than these: a, c."


@pytest.mark.parametrize("description", [{}, {"records": None}, {"flags": None}])
def test_a_network_that_does_not_tell_is_not_believed(records, description):
    (said,) = leakage(records, old=description)
    assert said == f"Whether patients of the test {NOT_KNOWN}Does not tell what it was trained on: old."


def test_what_a_run_began_with_counts(records):
    (said,) = leakage(records, a=trained_on(records, init_weights="before"), b=OTHER)
    assert said.endswith("Began with weights of before: a. Trained on other records than these: b.")


def test_folds_have_seen_the_validation_split_and_not_the_test_split(records):
    both = {f"fold-{number}": fold(records, number) for number in (1, 2)}
    assert leakage(records, "test", **both) == ()
    (said,) = leakage(records, "validation", **both, run=trained_on(records))
    assert said.startswith("Patients of the validation split were trained on, so the figures are too good. ")
    assert "Folds of these records: fold-1, fold-2. " in said
    assert "predictions-out-of-fold.csv" in said


def test_folds_of_other_records_are_other_records(records):
    directory, manifest = records
    remade = dataclasses.replace(manifest, split_rule={"rule": "group", "seed": 1})
    for split in ("test", "validation"):
        (said,) = lineage.leakage({"fold-1": fold(records, 1)}, directory, remade, [split])
        assert said.endswith("Trained on other records than these: fold-1.")


@pytest.mark.parametrize(
    "flags", [[], {"folds": "3"}, {"folds": True}, {"folds": 10**12, "seed": 1}, {"folds": 6, "seed": "x"}]
)
def test_damaged_flags_are_other_records(records, flags):
    (said,) = leakage(records, run={"records": "0" * 64, "flags": flags})
    assert said.endswith("Trained on other records than these: run.")


def test_records_with_too_few_patients_for_a_runs_folds_are_other_ones(records):
    flags = {"folds": 11, "fold": 1, "seed": 5}
    with pytest.raises(DataError):
        folds.view(*records, **flags)
    (said,) = leakage(records, run={"records": "0" * 64, "flags": flags})
    assert said.endswith("Trained on other records than these: run.")


@pytest.mark.parametrize(
    ("shares", "expected"), [([1.0], 1.0), ([0.0, 0.0], 0.0), ([0.5], 0.5), ([None], None), ([0.0, 1.0], None)]
)
def test_what_networks_learned_from_is_known_where_they_agree(shares, expected):
    described = {f"run-{number}": {"synthetic_share": share} for number, share in enumerate(shares)}
    assert lineage.learned_from(described).synthetic_share == expected


def test_the_weights_of_the_package_learned_from_synthetic_patients_and_old_runs_do_not_tell():
    assert lineage.learned_from({"shipped": {}}) == lineage.LearnedFrom(1.0)
    assert lineage.learned_from({"old": {"records": "0" * 64}}) == lineage.LearnedFrom()
    assert lineage.learned_from({"damaged": {"flags": ["init_weights"]}}) == lineage.LearnedFrom()


@pytest.mark.parametrize(
    ("starts", "expected"),
    [((None,), None), (("shipped",), "shipped"), (("shipped", None), "shipped"), (("b", "a", "b"), "a and b")],
)
def test_counts_and_the_weights_that_a_run_began_with_are_told(starts, expected):
    counts = {"synthetic_share": 0.0, "training_slices": 131, "training_patients": 81}
    described = {f"run-{n}": {**counts, "flags": {"init_weights": start}} for n, start in enumerate(starts)}
    assert lineage.learned_from(described) == lineage.LearnedFrom(0.0, 131, 81, expected)


PAIRS = {
    "train = validation": "NEAR-DUPLICATES: 1 pair (look_alikes.csv lists them): train a.png = validation b.png",
    "train = test": "NEAR-DUPLICATES: 2 pairs (look_alikes.csv lists them): train a = validation b; train c = test d",
    "more": "NEAR-DUPLICATES: 9 pairs (look_alikes.csv lists them): train a = validation b; and 8 more",
    "other": "2 slices with one grey value all over",
}


@pytest.mark.parametrize(
    ("network", "kept"),
    [
        (("shipped", {}), ["train = test", "more", "other"]),
        (("run", OTHER), ["train = test", "more", "other"]),
        (("run", {}), list(PAIRS)),  # It does not tell, so it may have seen them.
        (("run", None), list(PAIRS)),  # Trained on these records.
    ],
)
def test_look_alikes_of_splits_that_are_not_scored_matter_only_to_networks_that_saw_them(records, network, kept):
    directory, manifest = records
    warned = dataclasses.replace(manifest, warnings=tuple(PAIRS.values()))
    name, description = network
    described = {name: {"records": warned.fingerprint} if description is None else description}
    found = lineage.warnings_that_matter(described, directory, warned, ["test"])
    assert found == tuple(PAIRS[each] for each in kept)


@pytest.mark.parametrize("source_bytes", [0, 1])
def test_records_without_files_are_of_synthetic_patients(tmp_path, source_bytes):
    record = codec.SliceRecord(np.zeros((SIZE, SIZE), np.uint8), 0, "e", "g", "s", 0, source_bytes)
    shard = write_shard(tmp_path / "contrast-test.tfrecord-00000-of-00001", [codec.encode(record)])
    splits = {"test": manifests.SplitInfo((shard,), {"no_gad": 1, "with_gad": 0}, 1)}
    manifest = manifests.Manifest(Preprocessing(image_size=SIZE).to_json(), {"rule": "group"}, splits, True, {})
    assert are_synthetic(tmp_path, manifest) == (source_bytes == 0)


def test_an_ensemble_tells_of_each_member(records, tmp_path):
    point = {"threshold": 0.5, "criterion": "accuracy", "chosen_on": "validation"}
    shared = {
        "preprocessing": records[1].preprocessing,
        "operating_point": point,
        "class_names": ["no_gad", "with_gad"],
        "synthetic_share": 0.5,
        "training_slices": 131,
        "training_patients": None,
    }
    for number, described in enumerate((fold(records, 1), OTHER), 1):
        save_model(tmp_path / f"fold-{number}" / "model", weights_of(ContrastNet(SIZE)), {**shared, **described})
    (tmp_path / "folds.json").write_text(json.dumps({"runs": [{"name": "fold-1"}, {"name": "fold-2"}]}))
    one, other = str(tmp_path / "fold-1"), str(tmp_path / "fold-2")
    for workdir in (str(tmp_path), f"{one},{other}"):
        _, description = networks.load(workdir)
        told = networks.descriptions(workdir, description)
        assert {name: each["records"] for name, each in told.items()} == {
            one: fold(records, 1)["records"],
            other: OTHER["records"],
        }
        assert lineage.learned_from(told) == lineage.LearnedFrom(0.5, 131)
        seen, unknown = lineage.leakage(told, *records, ["validation"])
        assert one in seen
        assert unknown.endswith(f"Trained on other records than these: {other}.")
    _, alone = networks.load(one)
    assert networks.descriptions(one, alone) == {one: alone}
