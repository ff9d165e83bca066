import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from network_cases import SIZE, contrast_net, random_weights

from contrast_tfdata.errors import DataError
from contrast_tfdata.model.h5_weights import read_h5_weights
from contrast_tfdata.model.reference import reference_network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    network = reference_network()
    network.set_weights(random_weights())
    path = tmp_path_factory.mktemp("keras") / "weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture
def keras_file(saved, tmp_path):
    """A weights-only file as Keras itself writes it, for each test to damage."""
    return Path(shutil.copy(saved, tmp_path))


def test_keras_weights_file_is_read_back(keras_file):
    for read, written in zip(read_h5_weights(keras_file), random_weights(), strict=True):
        np.testing.assert_array_equal(read, written)
        assert read.dtype == np.float32


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_whole_keras_model_is_read_without_its_configuration(tmp_path):
    network = reference_network()
    path = tmp_path / "model.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = b"no JSON, and nobody looks"
    np.testing.assert_array_equal(read_h5_weights(path)[-2], network.get_weights()[-2])


@pytest.mark.real
def test_siim_weights_give_known_logits(siim_h5):
    weights = read_h5_weights(siim_h5)
    assert sum(weight.size for weight in weights) == 109_073
    logit = contrast_net(weights)(np.zeros((1, SIZE, SIZE), np.uint8)).numpy()
    plain = reference_network(logits=True)
    plain.set_weights(weights)
    np.testing.assert_allclose(logit, plain(np.zeros((1, SIZE, SIZE, 3), np.float32)), rtol=1e-5)


def replace(file: h5py.File, name: str, array: np.ndarray) -> None:
    del file[name]
    file[name] = array


DAMAGES = {
    "shape (64, 2), expected (64, 1)": lambda f: replace(f, "dense_1/dense_1/kernel:0", np.zeros((64, 2), np.float32)),
    "holds NaN or infinity": lambda f: replace(f, "dense_1/dense_1/bias:0", np.array([np.nan], np.float32)),
    "must hold floats": lambda f: replace(f, "dense_1/dense_1/bias:0", np.array([1])),
    "missing or a link": lambda f: f.__delitem__("dense_1/dense_1/bias:0"),
    "14 weight arrays, expected 16": lambda f: f["dense"].attrs.__setitem__("weight_names", np.zeros(0, "S1")),
    "no `layer_names`": lambda f: f.attrs.__delitem__("layer_names"),
    "weight_names": lambda f: f["dense"].attrs.__delitem__("weight_names"),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_damage_is_named(keras_file, message):
    with h5py.File(keras_file, "r+") as file:
        DAMAGES[message](file)
    with pytest.raises(DataError, match="not the weights of the slides' network") as error:
        read_h5_weights(keras_file)
    assert message in str(error.value)


def test_links_to_other_files_are_refused(keras_file, tmp_path):
    other = keras_file.rename(tmp_path / "other.h5")
    with h5py.File(other) as source, h5py.File(keras_file, "w") as file:
        for key, value in source.attrs.items():
            file.attrs[key] = value
        for name in source:
            file[name] = h5py.ExternalLink(str(other), name)
    with pytest.raises(DataError, match="missing or a link"):
        read_h5_weights(keras_file)


def test_arrays_in_raw_files_beside_it_are_refused(keras_file, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(4))
    with h5py.File(keras_file, "r+") as file:
        del file["dense_1/dense_1/bias:0"]
        file["dense_1/dense_1"].create_dataset("bias:0", (1,), "f4", external=[(str(tmp_path / "raw"), 0, 4)])
    with pytest.raises(DataError, match="not a data set of this file"):
        read_h5_weights(keras_file)


def test_declared_size_is_checked_before_reading(keras_file):
    with h5py.File(keras_file, "r+") as file:
        del file["dense_1/dense_1/bias:0"]
        file["dense_1/dense_1"].create_dataset("bias:0", (10**12,), "f4", chunks=(1024,))
    with pytest.raises(DataError, match="shape"):
        read_h5_weights(keras_file)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04")
    (tmp_path / "pickle.h5").write_bytes(pickle.dumps({"dense": [0.0]}))
    for path in (tmp_path / "model.keras", tmp_path / "pickle.h5", tmp_path / "missing.h5", tmp_path):
        with pytest.raises(DataError, match=r"Expected an \.h5 file"):
            read_h5_weights(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_file_is_refused(keras_file, share):
    content = keras_file.read_bytes()
    keras_file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError):
        read_h5_weights(keras_file)
