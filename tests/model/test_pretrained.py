"""The weights in the package: complete, small, and what their card says."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from model_files import edit, forge
from network_cases import random_weights

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model import pretrained, starting_point, views
from contrast_tfdata.model.weights import NetworkWeights, load_model, refuse_other_preprocessing, save_model
from contrast_tfdata.report import render_shipped_card
from contrast_tfdata.scoring import carried

MAX_BYTES = 1_000_000


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """A copy of the package's folder, to damage, in its place."""
    folder = shutil.copytree(pretrained.directory(), tmp_path / "pretrained")
    monkeypatch.setattr(pretrained, "directory", lambda: folder)
    return folder


def build(image_size, preprocessing, init_weights="shipped"):
    return starting_point.build(
        image_size, pooling="native", seed=1, init_weights=init_weights, preprocessing=preprocessing
    )


def test_folder_holds_the_model_and_what_is_known_of_it():
    weights = json.loads((pretrained.directory() / "model.json").read_text())["weights_file"]
    files = {path.name for path in pretrained.directory().iterdir()}
    assert files == {"model.json", weights, "measurements.json", "MODEL_CARD.md", "sequence"}
    below = [path for path in pretrained.directory().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in below) < 2 * MAX_BYTES


def test_shipped_weights_take_what_make_records_gives():
    weights, description = load_model(pretrained.model_folder("shipped"))
    assert weights.image_size == 331
    assert Preprocessing.from_json(description["preprocessing"]) == Preprocessing()
    assert 0 < carried.choices(description).operating_point.threshold < 1
    assert views.stored(description)
    assert description["name"]


def test_card_is_that_of_the_weights():
    """Where this fails: `make card`."""
    description, measurements = (
        json.loads((pretrained.directory() / name).read_text()) for name in ("model.json", "measurements.json")
    )
    assert (pretrained.directory() / "MODEL_CARD.md").read_text() == render_shipped_card(description, measurements)


def test_shipped_weights_name_no_folder_of_the_machine_that_made_them():
    flags = json.loads((pretrained.directory() / "model.json").read_text())["flags"]
    assert not [value for value in flags.values() if isinstance(value, str) and Path(value).is_absolute()]


def test_only_the_bare_word_stands_for_them():
    assert pretrained.model_folder("shipped") == pretrained.directory()
    assert pretrained.model_folder("./shipped") == Path("shipped/model")
    assert pretrained.model_folder("runs/shipped") == Path("runs/shipped/model")


def test_announcement_tells_which_and_what():
    line = pretrained.announcement({"name": "a name", "weights_sha256": "0123456789abcdef" * 4})
    for needle in ("a name", "(SHA-256 0123456789abcdef)", "synthetic patients only", "not a medical device"):
        assert needle in line
    assert "\n" not in line


@pytest.mark.parametrize("damage", ["flip", "edited", "newer", "missing"])
def test_damaged_package_is_refused_like_any_model(shipped, damage):
    (weights,) = shipped.glob("weights-*.npz")
    record = json.loads((shipped / "model.json").read_text())
    if damage == "flip":
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    elif damage == "edited":
        edit(shipped, class_names=["with_gad", "no_gad"])
    elif damage == "newer":
        forge(shipped, views=["turned"])
    else:
        weights.unlink()
    with pytest.raises(DataError, match=r"SHA-256|changed after|newer version|missing"):
        build(331, record["preprocessing"])


def test_training_starts_from_them():
    weights, description = load_model(pretrained.model_folder("shipped"))
    for found, wanted in zip(build(331, description["preprocessing"]).get_weights(), weights.arrays, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_records_of_another_size_or_intensity_are_refused():
    records = Preprocessing(image_size=190, intensity="stored").to_json()
    with pytest.raises(DataError) as error:
        build(190, records)
    for line in (
        "shipped: the records were made in another way",
        "image_size: records 190, network 331",
        "intensity: records 'stored', network 'foreground_p99'",
    ):
        assert line in str(error.value)


def test_weights_of_a_run_need_its_preprocessing_too(tmp_path):
    trained = Preprocessing(interpolation="nearest").to_json()
    description = {
        "preprocessing": trained,
        "operating_point": {"threshold": 0.5},
        "class_names": ["no_gad", "with_gad"],
    }
    save_model(tmp_path / "run" / "model", NetworkWeights(331, tuple(random_weights())), description)
    build(331, trained, str(tmp_path / "run"))
    with pytest.raises(DataError, match="interpolation: records 'area', network 'nearest'"):
        build(331, Preprocessing().to_json(), str(tmp_path / "run"))


@pytest.mark.parametrize(
    "damage",
    [{"indeterminate_band": {"low": 0.9, "high": 0.1, "max_error": 0.02, "chosen_on": "validation"}},
     {"indeterminate_band": []}, {"temperature": {"value": -1.0, "fitted_on": "validation"}}, {"temperature": "warm"},
     {"operating_point": {"threshold": 2.0, "criterion": "accuracy", "chosen_on": "validation"}}],
)  # fmt: skip
def test_damaged_choices_are_data_errors_and_missing_ones_are_none(damage):
    point = {"operating_point": {"threshold": 0.4, "criterion": "specificity=0.9", "chosen_on": "validation"}}
    assert carried.choices(point).band is carried.choices({**point, "temperature": None}).temperature is None
    with pytest.raises(DataError, match="damaged: its operating point, indeterminate band or temperature"):
        carried.choices({**point, **damage})


def test_damaged_preprocessing_is_a_data_error():
    with pytest.raises(DataError, match="run: damaged"):
        refuse_other_preprocessing(Preprocessing().to_json(), {"preprocessing": ["area"]}, "run")


def test_a_gate_that_cannot_be_read_is_bad_data():
    assert carried.gate({}).bounds == {}  # As models of earlier versions.
    for damage in (
        None,
        {},
        {"bounds": {"edges": [1]}, "num_slices": 1},
        {"bounds": {"edges": [2, 1]}, "num_slices": 1},
    ):
        with pytest.raises(DataError, match="model.json is damaged: its input gate cannot be read"):
            carried.gate({"input_gate": damage})
