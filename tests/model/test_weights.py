import hashlib
import io
import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from model_files import age, edit, forge
from network_cases import contrast_net, noise, random_weights

from contrast_tfdata.errors import DataError, StorageError
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import network_with, weights_of
from contrast_tfdata.model.weights import NetworkWeights, load_description, load_model, save_model

DESCRIPTION = {
    "preprocessing": {"image_size": 331, "interpolation": "area"},
    "operating_point": {"threshold": 0.45, "criterion": "youden"},
    "class_names": ["no_gad", "with_gad"],
    "note": "größer als ASCII",
}


def some_weights():
    return NetworkWeights(331, tuple(random_weights()))


def new_weights(*args, **kwargs):
    return weights_of(ContrastNet(*args, **kwargs))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_model(folder, some_weights(), DESCRIPTION)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A model folder for each test to damage."""
    return shutil.copytree(saved, tmp_path / "model")


def weights_file(folder):
    (path,) = folder.glob("weights-*.npz")
    return path


def put_weights(folder, content: bytes) -> None:
    """Replaces the weights by others with a hash that fits: what a forger would do."""
    path = weights_file(folder)
    path.write_bytes(content)
    forge(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def packed(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def stored_arrays(folder) -> dict[str, np.ndarray]:
    with np.load(weights_file(folder)) as arrays:
        return dict(arrays)


def test_same_network_and_description_come_back(folder):
    weights, description = load_model(folder)
    for read, written in zip(weights.arrays, random_weights(), strict=True):
        np.testing.assert_array_equal(read, written)
    assert weights.num_parameters == 109_073
    assert {key: description[key] for key in DESCRIPTION} == DESCRIPTION
    assert description["versions"]["tensorflow"] == tf.__version__
    np.testing.assert_array_equal(network_with(weights)(noise()), contrast_net()(noise()))


def test_the_description_is_read_without_the_weights(folder):
    expected = load_model(folder)[1]
    for weights in folder.glob("weights-*.npz"):
        weights.unlink()
    assert load_description(folder) == expected


def test_architecture_comes_back_and_pooling_is_chosen_anew(tmp_path):
    save_model(tmp_path, new_weights(221, dropout=0.5), {**DESCRIPTION, "preprocessing": {"image_size": 221}})
    network = network_with(load_model(tmp_path)[0], pooling="folded")
    assert (network.image_size, network.dropout_rate, network.pooling) == (221, 0.5, "folded")


def test_a_loaded_description_can_be_saved_again(folder):
    weights, description = load_model(folder)
    save_model(folder, weights, {**description, "operating_point": {"threshold": 0.6}})
    assert load_model(folder)[1]["operating_point"] == {"threshold": 0.6}


def test_same_model_gives_the_same_bytes(folder, tmp_path):
    save_model(tmp_path / "again", some_weights(), DESCRIPTION)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_saving_over_leaves_only_the_new(folder):
    save_model(folder, new_weights(), DESCRIPTION)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npz"]
    load_model(folder)


def test_until_the_description_is_replaced_the_old_model_is_read(folder):
    old = (folder / "model.json").read_bytes()
    (folder / "model.json").unlink()
    (folder / "model.json").mkdir()  # So that replacing it fails, after the new weights are written.
    with pytest.raises(StorageError, match="cannot be written"):
        save_model(folder, new_weights(), DESCRIPTION)
    (folder / "model.json").rmdir()
    (folder / "model.json").write_bytes(old)
    np.testing.assert_array_equal(load_model(folder)[0].arrays[0], random_weights()[0])
    assert not list(folder.glob(".*.tmp"))


def test_incomplete_descriptions_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"lacks \['operating_point', 'class_names'\]"):
        save_model(tmp_path, new_weights(), {"preprocessing": {}})


def test_views_come_back(folder, tmp_path):
    assert "views" not in load_model(folder)[1]
    save_model(tmp_path / "model", some_weights(), {**DESCRIPTION, "views": ["plain", "mirrored"]})
    assert load_model(tmp_path / "model")[1]["views"] == ["plain", "mirrored"]


def test_unknown_views_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="views="):
        save_model(tmp_path, some_weights(), {**DESCRIPTION, "views": ["turned"]})
    assert not list(tmp_path.iterdir())


def test_nan_in_a_description_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save_model(tmp_path, new_weights(), {**DESCRIPTION, "operating_point": {"threshold": float("nan")}})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 3}, "format 3 is newer than 2. Update"),
        ({"format_version": None}, "no `format_version`"),
        ({"format_version": True}, "no `format_version`"),
        ({"weights_sha256": "0" * 64}, "its SHA-256 is not the one"),
        ({"weights_file": "../../weights-0000000000000000.npz"}, "`weights_file` must be a name"),
        ({"weights_file": "weights-0000000000000000.npz"}, "missing"),
        ({"class_names": None}, "lacks class_names"),
        ({"views": ["plain", "turned"]}, "damaged, or of a newer version"),
        ({"views": []}, "damaged, or of a newer version"),
        ({"architecture": None}, "lacks architecture"),
        ({"architecture": {"image_size": 331}}, "`architecture` is"),
        ({"architecture": {"image_size": "331", "dropout": 0.2}}, "`architecture` is"),
        ({"architecture": [331, 0.2]}, "`architecture` is"),
        ({"architecture": {"image_size": 20, "dropout": 0.2}}, "at least 190"),
        ({"architecture": {"image_size": 331, "dropout": 2.0}}, "`dropout` is 2.0"),
        (
            {"architecture": {"image_size": 500, "dropout": 0.2}, "preprocessing": {"image_size": 500}},
            "expected float32 (1600, 64)",
        ),
    ],
)
def test_damaged_descriptions_are_refused(folder, changes, message):
    forge(folder, **changes)
    with pytest.raises(DataError) as error:
        load_model(folder)
    assert message in str(error.value)


FIELDS = {
    "class_names": ["with_gad", "no_gad"],
    "operating_point": {"threshold": 0.9, "criterion": "youden"},
    "indeterminate_band": {"low": 0.0, "high": 1.0, "max_error": 0.02, "chosen_on": "validation"},
    "temperature": {"value": 9.0, "fitted_on": "validation"},
    "preprocessing": {"image_size": 331, "interpolation": "nearest"},
    "input_gate": {"bounds": {}, "num_slices": 0},
    "views": ["mirrored"],
    "architecture": {"image_size": 331, "dropout": 0.5},
    "records": "0" * 64,
    "note": "none",
    "an added one": 1,
    "content_sha256": "0" * 64,
}


@pytest.mark.parametrize("load", [load_model, load_description])
@pytest.mark.parametrize("key", FIELDS)
def test_every_edit_is_noticed_and_said_with_what_to_do(folder, key, load):
    edit(folder, **{key: FIELDS[key]})
    with pytest.raises(DataError, match="model.json: changed after it was written, .* train again"):
        load(folder)


@pytest.mark.parametrize("removed", ["content_sha256", "note", "versions"])
def test_what_was_removed_is_missed(folder, removed):
    edit(folder, **{removed: None})
    with pytest.raises(DataError, match="changed after it was written"):
        load_model(folder)


def test_another_layout_of_the_same_text_is_no_edit(folder):
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(dict(reversed(record.items())), ensure_ascii=False), "utf-8")
    load_model(folder)


def test_models_from_before_the_seal_are_read(folder):
    expected = load_model(folder)[1]
    age(folder)
    assert load_model(folder)[1] == expected


IMPOSSIBLE = [
    ({"class_names": ["with_gad", "no_gad"]}, "`class_names` must be ['no_gad', 'with_gad']"),
    ({"class_names": ["no_gad"]}, "`class_names` must be"),
    ({"class_names": "no_gad"}, "`class_names` must be"),
    ({"preprocessing": {"image_size": 190}}, "prepared with 190 pixels, and the network takes them with 331"),
    ({"preprocessing": ["area"]}, "`preprocessing` must be an object"),
    ({"operating_point": {"threshold": 1.5}}, "`operating_point` must be an object with a threshold from 0 to 1"),
    ({"operating_point": {"threshold": "0.5"}}, "`operating_point` must be"),
    ({"operating_point": {"threshold": True}}, "`operating_point` must be"),
    ({"operating_point": {"threshold": float("nan")}}, "`operating_point` must be"),
    ({"operating_point": {}}, "`operating_point` must be"),
    ({"operating_point": [0.5]}, "`operating_point` must be"),
    ({"indeterminate_band": {"low": 0.6, "high": 0.4}}, "`indeterminate_band` must be null, or an object with low"),
    ({"indeterminate_band": {"low": -0.1, "high": 0.4}}, "`indeterminate_band` must be"),
    ({"indeterminate_band": {"low": 0.1}}, "`indeterminate_band` must be"),
    ({"indeterminate_band": [0.1, 0.2]}, "`indeterminate_band` must be"),
    ({"temperature": {"value": 0}}, "`temperature` must be null, or an object whose value is null or above 0"),
    ({"temperature": {"value": float("inf")}}, "`temperature` must be"),
    ({"temperature": 1.0}, "`temperature` must be"),
    ({"input_gate": {"bounds": {"edges": [2, 1]}}}, "`input_gate` must be an object whose bounds are pairs of rising"),
    ({"input_gate": {"bounds": {"edges": [0, float("inf")]}}}, "`input_gate` must be"),
    ({"input_gate": {"bounds": {"edges": 1}}}, "`input_gate` must be"),
    ({"input_gate": {}}, "`input_gate` must be"),
    ({"weights_sha256": 7}, "`weights_sha256` must be 64 hex digits"),
]


@pytest.mark.parametrize(("changes", "message"), IMPOSSIBLE)
def test_values_that_cannot_be_are_refused_in_models_of_every_format(folder, changes, message):
    age(folder, **changes)
    with pytest.raises(DataError) as error:
        load_description(folder)
    assert message in str(error.value)
    with pytest.raises(DataError, match="damaged"):
        load_model(folder)


def test_all_impossible_values_are_listed(folder):
    age(folder, class_names=[], temperature=2, preprocessing={"image_size": 190}, views=["turned"])
    with pytest.raises(DataError) as error:
        load_model(folder)
    for key in ("class_names", "temperature", "190 pixels", "views"):
        assert key in str(error.value)


@pytest.mark.parametrize(
    "more",
    [
        {"indeterminate_band": None, "temperature": None},
        {"temperature": {"value": None, "fitted_on": "none"}},
        {"operating_point": {"threshold": 0}, "indeterminate_band": {"low": 0, "high": 1}},
        {"input_gate": {"bounds": {}, "num_slices": 0}},
    ],
)
def test_what_can_be_is_written_and_read(tmp_path, more):
    save_model(tmp_path, some_weights(), {**DESCRIPTION, **more})
    description = load_model(tmp_path)[1]
    assert {key: description[key] for key in more} == more


def test_what_cannot_be_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="190 pixels, and the network takes them with 331"):
        save_model(tmp_path, some_weights(), {**DESCRIPTION, "preprocessing": {"image_size": 190}})
    assert not list(tmp_path.iterdir())


def test_saving_a_loaded_model_again_changes_nothing(folder, tmp_path):
    """Of which packages trained it, too: so are the models of the package brought to another format."""
    forge(folder, versions={"tensorflow": "another"})
    save_model(tmp_path / "again", *load_model(folder))
    assert load_model(tmp_path / "again")[1] == load_model(folder)[1]


@pytest.mark.parametrize("load", [load_model, load_description])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null"])
def test_descriptions_that_are_none_are_refused(folder, content, load):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(DataError, match=r"model\.json"):
        load(folder)


@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_flipped_byte_is_noticed(folder, position):
    content = bytearray(weights_file(folder).read_bytes())
    content[position] ^= 1
    weights_file(folder).write_bytes(content)
    with pytest.raises(DataError, match="SHA-256"):
        load_model(folder)


class Unpickled:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_pickled_content_is_refused(folder):
    arrays = stored_arrays(folder)
    objects = np.array([Unpickled()], dtype=object)
    for content in (packed(**{**arrays, "dense/bias": objects}), pickle.dumps(Unpickled()), b"no archive"):
        put_weights(folder, content)
        with pytest.raises(DataError, match="not plain arrays"):
            load_model(folder)


def test_other_arrays_are_refused(folder):
    arrays = stored_arrays(folder)
    put_weights(folder, packed(**{**arrays, "extra": np.zeros(1, np.float32)}))
    with pytest.raises(DataError, match="holds other arrays"):
        load_model(folder)


def test_all_wrong_arrays_are_listed(folder):
    wrong = {
        "dense/bias": np.zeros(64),
        "conv2d/bias": np.zeros(17, np.float32),
        "dense_1/bias": np.array([np.inf], np.float32),
    }
    put_weights(folder, packed(**{**stored_arrays(folder), **wrong}))
    with pytest.raises(DataError) as error:
        load_model(folder)
    for problem in ("dense/bias: float64", "conv2d/bias: float32 (17,)", "dense_1/bias: holds NaN or infinity"):
        assert problem in str(error.value)


@pytest.mark.parametrize("declared", ["(1000000000000000,)", "(64, 1000)"])
def test_arrays_that_declare_more_than_they_hold_are_refused_before_they_take_memory(folder, declared):
    arrays = stored_arrays(folder)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, arrays["dense/bias"], version=(1, 0))
    padding = b" " * (len(declared) - len("(64,)"))  # So that the header keeps its length.
    forged = buffer.getvalue().replace(b"(64,), }" + padding, f"{declared}, }}".encode(), 1)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("dense/bias.npy", forged)
    put_weights(folder, content.getvalue())
    with pytest.raises(DataError, match="not plain arrays: dense/bias.npy declares"):
        load_model(folder)


def test_the_digest_of_a_network_is_that_of_its_file(folder):
    weights, description = load_model(folder)
    assert weights.sha256 == description["weights_sha256"]


def test_compressed_weights_cannot_grow(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dense/bias.npy", bytes(10_000_000))
    put_weights(folder, buffer.getvalue())
    with pytest.raises(DataError, match="compressed"):
        load_model(folder)


def test_more_bytes_than_weights_can_need_are_not_read(folder):
    put_weights(folder, bytes(5_000_000))
    with pytest.raises(DataError, match="larger than"):
        load_model(folder)


@pytest.mark.parametrize("name", ["weights.h5", "model.keras", "model.pkl"])
def test_files_are_no_model_folders(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Unpickled()))
    with pytest.raises(DataError, match="Expected the model folder of a run"):
        load_model(tmp_path / name)


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="missing"):
        load_model(tmp_path / "nothing")
