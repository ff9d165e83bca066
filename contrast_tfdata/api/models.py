"""Trained networks as Keras models, and models as folders that predict."""

import os
from pathlib import Path

from contrast_tfdata.api.data import Records
from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.evaluation import Choices, OperatingPoint
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.summary import choose_all
from contrast_tfdata.model import pretrained
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import network_with, weights_of
from contrast_tfdata.model.weights import load_model as load_weights
from contrast_tfdata.runs.outcome import Run
from contrast_tfdata.scoring.lineage import LearnedFrom
from contrast_tfdata.scoring.splits import are_synthetic


def load_model(workdir: str | os.PathLike[str] = pretrained.NAME) -> ContrastNet:
    """Returns a trained network.

    It answers slices that were made as those that it was trained on: same size, same greys (see `make_records`).

    Args:
        workdir: `shipped` for the weights of this package, or the folder of a trained run or of `save_model`.

    Raises:
        DataError: it cannot be read.
    """
    name = os.path.expanduser(workdir)
    if Path(name).is_file():
        raise DataError(
            f"{name}: a file. A model that Keras saved is read by tf.keras.models.load_model({name!r}); "
            "ct.save_model(model, FOLDER, records) makes of it a folder that ct.load_model, ct.predict and the "
            "commands take"
        )
    weights, _ = load_weights(pretrained.model_folder(name))
    return network_with(weights)


def save_model(
    model: ContrastNet,
    folder: str | os.PathLike[str],
    records: Records,
    *,
    threshold: float | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
    overwrite: bool = False,
) -> None:
    """Makes a folder that answers for files: `predict(FILES, workdir=folder)`, and `--workdir` of the commands.

    Args:
        model: the network, trained.
        folder: to be made.
        records: on which it was trained: they say how slices of other files are made.
        threshold: a probability above it means with_gad; None: it is chosen on the validation split for accuracy, or
            0.5 where there is none.
        max_error: largest share of wrong answers among slices that are answered, for the indeterminate band.
        overwrite: replace an earlier model of this function.

    Raises:
        TypeError: another model than a `ContrastNet`.
        ValueError: a threshold outside [0, 1], or slices of another size.
        UsageError: something stands there.
        StorageError: it cannot be written.
    """
    if not isinstance(model, ContrastNet):
        raise TypeError(
            "Give a ct.ContrastNet. A Keras model of the same layers becomes one: net = ct.ContrastNet(SIZE); "
            f"net.set_weights(model.get_weights()). Received: model={type(model).__name__}"
        )
    if model.image_size != records.image_size:
        raise ValueError(f"The model takes slices of {model.image_size} pixels, these have {records.image_size}")
    place = Path(folder).expanduser()
    _refuse_what_stands_there(place, overwrite)
    origin = LearnedFrom(synthetic_share=1.0 if are_synthetic(records.folder, records.manifest) else None)
    run = Run(place, records.folder, records.manifest, plan=None, batch_size=64, learned_from=origin)
    weights = weights_of(model)
    if threshold is None:
        validation = run.scorer([weights]).score("validation")
        choices = choose_all(validation and validation.predictions, "accuracy", max_error)
    else:
        choices = Choices(OperatingPoint.fixed(threshold, reason="it was given"))
    run.save_model(weights, choices.to_dict(), flags={})


def _refuse_what_stands_there(folder: Path, overwrite: bool) -> None:
    """Raises UsageError unless the folder is new or empty, or what `save_model` left is to be replaced."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; name a folder")
    found = {each.name for each in folder.iterdir()} if folder.exists() else set()
    if found - {"model"} or (found and not (folder / "model" / "model.json").is_file()):
        raise UsageError(f"{folder}: holds more than a saved model ({', '.join(sorted(found)[:5])}); name a new folder")
    if found and not overwrite:
        raise UsageError(f"{folder}: a model is there already; overwrite=True replaces it")
