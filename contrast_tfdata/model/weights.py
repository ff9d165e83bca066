"""Weights in and out, as plain arrays: nothing that is read from a file is ever executed or deserialized.

A run's `model/` folder holds `model.json` and the weights file that it names. The weights are written first, under a
name that carries their hash; replacing `model.json` is what switches to them, so a reader finds the old model or the
new one, never a mixture. Free of TensorFlow.
"""

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import math
import os
import platform
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from contrast_tfdata.errors import DataError, StorageError, differences
from contrast_tfdata.model.architecture import DROPOUT, weight_shapes
from contrast_tfdata.model.description import DESCRIPTION_KEYS, WEIGHTS_FILE, problems
from contrast_tfdata.storage import sealed_json
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.bounded_file import MAX_JSON_BYTES, UnfitFileError, parse_json, read_bytes
from contrast_tfdata.version import __version__

FORMAT_VERSION = 2
"""Of `model.json`; a reader refuses newer ones."""

_DESCRIPTION_FILE = "model.json"
_PACKAGES = ("tensorflow", "tf_keras", "numpy")


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkWeights:
    """The numbers of a trained network, and what they are the numbers of.

    Attributes:
        image_size: side of the square input in pixels.
        arrays: 16 float32 arrays in the order and shapes of `ContrastNet.get_weights()`.
        dropout: share of the flattened features that training drops.
    """

    image_size: int
    arrays: tuple[np.ndarray, ...]
    dropout: float = DROPOUT

    @property
    def num_parameters(self) -> int:
        """How many numbers there are."""
        return sum(array.size for array in self.arrays)

    @functools.cached_property
    def packed(self) -> bytes:
        """The weights file: an uncompressed .npz, the same bytes for the same weights."""
        buffer = io.BytesIO()
        np.savez(buffer, **dict(zip(weight_shapes(self.image_size), self.arrays, strict=True)))
        return buffer.getvalue()

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights file, 64 hex digits."""
        return hashlib.sha256(self.packed).hexdigest()


def save_model(directory: str | os.PathLike, weights: NetworkWeights, description: dict[str, Any]) -> None:
    """Writes a model folder; one that was there stays readable until the new one is complete.

    Args:
        directory: created if missing.
        weights: those of the network. How it computed in training (pooling, precision) is not part of them.
        description: everything else that prediction needs: `preprocessing` (dict), `operating_point` (dict),
            `class_names` (list), and more if wanted: `views` (list), where logits are means over several (see
            `views`). JSON values only. Versions are added where it has none, and a digest of all of it.

    Raises:
        ValueError: if a key is missing, a value does not fit into JSON, or cannot be (see `description.problems`).
        StorageError: if writing fails.
    """
    missing = [key for key in DESCRIPTION_KEYS if key not in description]
    if missing:
        raise ValueError(f"`description` lacks {missing}. Received: keys {sorted(description)}")
    directory = Path(directory)
    weights_file = f"weights-{weights.sha256[:16]}.npz"
    own = {
        "format_version": FORMAT_VERSION,
        "architecture": {"image_size": weights.image_size, "dropout": float(weights.dropout)},
        "weights_file": weights_file,
        "weights_sha256": weights.sha256,
    }
    record = sealed_json.sealed({"versions": _versions(), **description, **own})
    if wrong := problems(record):
        raise ValueError(f"`description` cannot be that of a network: {'; '.join(wrong)}")
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / weights_file, binary=True) as file:
            file.write(weights.packed)
        # The switch: until it is replaced, a reader finds the old description and the old weights.
        with replacing(directory / _DESCRIPTION_FILE) as file:
            file.write(text)
        _remove_other_weights(directory, weights_file)
    except OSError as error:
        raise StorageError(f"{directory}: the model cannot be written: {error.strerror}.") from error


def load_model(directory: str | os.PathLike) -> tuple[NetworkWeights, dict[str, Any]]:
    """Reads a model folder that `save_model` wrote.

    Args:
        directory: the folder.

    Returns:
        The weights, and the description with `versions` and `weights_sha256`.

    Raises:
        DataError: if something is missing, damaged, changed by hand, of a newer version or of other shapes, or holds
            pickled objects.
        StorageError: if a file cannot be read.
    """
    directory = Path(directory)
    record = _read_description(directory)
    architecture = record["architecture"]
    path, image_size = directory / record["weights_file"], architecture["image_size"]
    packed = _read(path, _max_packed_bytes(image_size))
    if hashlib.sha256(packed).hexdigest() != record["weights_sha256"]:
        raise DataError(f"{path}: damaged: its SHA-256 is not the one in model.json.")
    return NetworkWeights(image_size, _unpack(packed, path, image_size), architecture["dropout"]), _public(record)


def load_description(directory: str | os.PathLike) -> dict[str, Any]:
    """Reads what a model folder says of its weights, and does not read those.

    Args:
        directory: the folder.

    Returns:
        The description that `load_model` returns.

    Raises:
        DataError: if it is missing, damaged, changed by hand or of a newer version.
        StorageError: if it cannot be read.
    """
    return _public(_read_description(Path(directory)))


def _public(record: dict[str, Any]) -> dict[str, Any]:
    """Returns a record without what only this module needs."""
    private = ("format_version", "architecture", "weights_file", sealed_json.KEY)
    return {key: value for key, value in record.items() if key not in private}


def refuse_other_preprocessing(
    preprocessing: Mapping[str, Any], description: Mapping[str, Any], name: str | os.PathLike
) -> None:
    """Holds records to those that a network was trained on: the same greys, sizes and proportions.

    Args:
        preprocessing: of the records, as their manifest has it.
        description: of the network, as `load_model` returns it.
        name: of the network, for the message.

    Raises:
        DataError: they were made in another way; every difference is listed.
    """
    trained = description["preprocessing"]
    if not isinstance(trained, Mapping):
        raise DataError(f"{name}: damaged: `preprocessing` in {_DESCRIPTION_FILE} is {trained!r}.")
    if found := differences({"records": preprocessing, "network": trained}):
        raise DataError.listing(f"{name}: the records were made in another way than the network's:", found)


def _versions() -> dict[str, str]:
    versions = {"contrast_tfdata": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _remove_other_weights(directory: Path, kept: str) -> None:
    for path in directory.iterdir():
        if WEIGHTS_FILE.fullmatch(path.name) and path.name != kept:
            path.unlink()


def _read_description(directory: Path) -> dict[str, Any]:
    """Returns `model.json`: of a version that is known, as it was written, and of a network that can be."""
    if directory.is_file():
        raise DataError(f"{directory}: a file. Expected the model folder of a run, with {_DESCRIPTION_FILE}.")
    path = directory / _DESCRIPTION_FILE
    try:
        record = parse_json(_read(path, MAX_JSON_BYTES))
    except ValueError as error:
        raise DataError(f"{path}: damaged: not JSON ({error}).") from error
    version = record.get("format_version") if isinstance(record, dict) else None
    if type(version) is not int or version < 1:
        raise DataError(f"{path}: not a model description: no `format_version`.")
    if version > FORMAT_VERSION:
        raise DataError(f"{path}: format {version} is newer than {FORMAT_VERSION}. Update contrast_tfdata to read it.")
    if sealed_json.was_changed(record):
        raise DataError(
            f"{path}: changed after it was written, so its threshold, classes and the like may not be this network's. "
            "Put the file back as it was, or train again; --criterion, --max_error and --views choose otherwise."
        )
    if wrong := problems(record):
        raise DataError.listing(f"{path}: damaged:", wrong)
    return record


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        return read_bytes(path, max_bytes)
    except UnfitFileError as error:
        raise DataError(f"{path}: {error.strerror}.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path}: missing. Expected the model folder of a finished run.") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}.") from error


def _max_packed_bytes(image_size: int) -> int:
    # Per array: its numbers, the .npy header, and the archive's entries.
    return sum(4 * int(np.prod(shape)) + 4096 for shape in weight_shapes(image_size).values())


def _unpack(packed: bytes, path: Path, image_size: int) -> tuple[np.ndarray, ...]:
    """Returns the arrays of an .npz in the order of `get_weights()`, checked for names, shapes, dtypes and values."""
    expected = weight_shapes(image_size)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise DataError(f"{path}: compressed. Weights are stored as they are, so that they cannot grow.")
            for member in archive.infolist():
                _refuse_inflated(archive, member)
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            if set(arrays.files) != set(expected):
                raise DataError(f"{path}: holds other arrays: {', '.join(sorted(arrays.files)[:20])}.")
            weights = {name: arrays[name] for name in expected}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not plain arrays: {error}") from error
    _check(weights, expected, path)
    return tuple(weights.values())


def _refuse_inflated(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raises ValueError where an array is declared larger than it is: NumPy takes the memory before it reads."""
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{member.filename} is of another version of the format than NumPy writes")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} declares {shape} {dtype}, more than it holds")


def _check(weights: dict[str, np.ndarray], expected: dict[str, tuple[int, ...]], path: Path) -> None:
    problems = []
    for name, array in weights.items():
        if array.shape != expected[name] or array.dtype != np.float32:
            problems.append(f"{name}: {array.dtype} {array.shape}, expected float32 {expected[name]}")
        elif not np.isfinite(array).all():
            problems.append(f"{name}: holds NaN or infinity")
    if problems:
        raise DataError.listing(f"{path}: not the weights that model.json describes:", problems)
