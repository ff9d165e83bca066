"""The slides' weights out of a Keras `.h5` file, read as plain data sets. Free of TensorFlow."""

import os
from pathlib import Path

import h5py
import numpy as np

from contrast_tfdata.errors import DataError, StorageError
from contrast_tfdata.model.architecture import IMAGE_SIZE, weight_shapes
from contrast_tfdata.storage.bounded_file import kind_of


def read_h5_weights(path: str | os.PathLike, image_size: int = IMAGE_SIZE) -> list[np.ndarray]:
    """Reads the weights of the slides' network from a Keras 2 `.h5` file, a whole model or weights only.

    Only data sets are read: the model configuration in the file, from which Keras would build layers and run code, is
    ignored. Arrays are told by their order and shape; layers may have any name.

    Args:
        path: the file, for instance `SimpleGadClass.h5`.
        image_size: side in pixels of the images that the weights are for.

    Returns:
        16 float32 arrays in the order and shapes of `ContrastNet.get_weights()`.

    Raises:
        DataError: if it is not such a file, or an array has another shape or holds NaN or infinity.
        StorageError: if it cannot be read.
    """
    path = Path(path)
    _require_hdf5(path)
    try:
        with h5py.File(path, "r") as file:
            data_sets = _weight_data_sets(file)
            _check_shapes(data_sets, image_size)
            arrays = [data_set[()].astype(np.float32) for _, data_set in data_sets]
            _check_finite(data_sets, arrays)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: not the weights of the slides' network: {error}") from error
    return arrays


def _require_hdf5(path: Path) -> None:
    try:
        if kind := kind_of(path.stat().st_mode):
            raise DataError(f"{path}: {kind}. Expected an .h5 file such as SimpleGadClass.h5.")
        with path.open("rb"):
            is_hdf5 = h5py.is_hdf5(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataError(f"{path}: {error.strerror}. Expected an .h5 file such as SimpleGadClass.h5.") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}.") from error
    if not is_hdf5:
        raise DataError(f"{path}: not an HDF5 file. Expected an .h5 file such as SimpleGadClass.h5.")


def _weight_data_sets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """Returns names and data sets in the order of the layers, following Keras's `layer_names` and `weight_names`."""
    root = _hard_linked(file, "model_weights") if "model_weights" in file else file
    if "layer_names" not in root.attrs:
        raise ValueError("it has no `layer_names`, as Keras 2 writes them.")
    found = []
    for layer in map(_text, root.attrs["layer_names"]):
        group = _hard_linked(root, layer)
        for name in map(_text, group.attrs["weight_names"]):
            found.append((name, _own_data_set(group, name)))
    return found


def _text(name: bytes | str) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)


def _hard_linked(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    """Returns what `path` names, refusing links that lead elsewhere: an external link can name any file."""
    item = group
    for part in filter(None, path.split("/")):
        if not isinstance(item, h5py.Group) or not isinstance(item.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"`{path}` is missing or a link.")
        item = item[part]
    return item


def _own_data_set(group: h5py.Group, name: str) -> h5py.Dataset:
    data_set = _hard_linked(group, name)
    if not isinstance(data_set, h5py.Dataset) or data_set.external or data_set.is_virtual:
        raise ValueError(f"`{name}` is not a data set of this file.")
    if data_set.dtype.kind != "f":
        raise ValueError(f"`{name}` must hold floats. Received: dtype={data_set.dtype}")
    return data_set


def _check_shapes(data_sets: list[tuple[str, h5py.Dataset]], image_size: int) -> None:
    # Before anything is read: a file can declare arrays of any size.
    expected = list(weight_shapes(image_size).values())
    if len(data_sets) != len(expected):
        raise ValueError(f"it has {len(data_sets)} weight arrays, expected {len(expected)}.")
    for (name, data_set), shape in zip(data_sets, expected, strict=True):
        if data_set.shape != shape:
            raise ValueError(f"`{name}` has shape {data_set.shape}, expected {shape}.")


def _check_finite(data_sets: list[tuple[str, h5py.Dataset]], arrays: list[np.ndarray]) -> None:
    for (name, _), array in zip(data_sets, arrays, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` holds NaN or infinity.")
