"""An export from beginning to end: written aside, compared with the network, and only then put in its place."""

import contextlib
import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.exporting import facts, onnx_file, parity, saved_model, tflite_file
from contrast_tfdata.exporting.formats import FACTS_SUFFIX, Format
from contrast_tfdata.exporting.samples import Sample
from contrast_tfdata.exporting.served import ServedNetwork
from contrast_tfdata.exporting.thresholds import Thresholds
from contrast_tfdata.model import views
from contrast_tfdata.model.starting_point import network_with
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.scoring import carried
from contrast_tfdata.scoring.predictor import Predictor
from contrast_tfdata.storage import staging

FACTS_IN_FOLDER = Path("assets.extra", "contrast_tfdata.json")
"""Where a SavedModel keeps what TensorFlow does not read."""


@dataclasses.dataclass(frozen=True)
class Export:
    """What is exported, and how.

    Attributes:
        networks: the weights of a network, or of an ensemble's members.
        description: theirs, as model.json has it.
        form: the format.
        compared: slices on which the exported network must say what the network says.
        representative: slices from which 8-bit ranges are taken; None where there are none to take.
    """

    networks: Sequence[NetworkWeights]
    description: Mapping[str, Any]
    form: Format
    compared: Sample
    representative: Sample | None = None

    def write(self, output: Path, *, overwrite: bool) -> parity.Parity:
        """Writes the network to `output`, and beside a file, or within a folder, the facts about it.

        Returns:
            How far its answers lie from the network's.

        Raises:
            UsageError: something stands there and is not to be overwritten.
            ContrastError: it cannot be converted, does not run, or lies further from the network than the format's
                tolerance; then nothing is written.
            StorageError: the disk is full or not writable.
        """
        thresholds = Thresholds.of(carried.choices(self.description))
        described = facts.describe(self.description, self.form, thresholds)
        with self._staged(output, overwrite) as (path, facts_path):
            with _quietly():
                self._convert(thresholds, path, described)
            found = self._compare(thresholds, path)
            if problems := found.problems(self.form.tolerance):
                raise ContrastError(
                    f"{output}: refused, nothing is written: the exported network differs from the original "
                    f"({'; '.join(problems)})"
                )
            known = {**described, "parity": found.to_dict(), "files": _digests(path)}
            facts_path.parent.mkdir(exist_ok=True)
            facts_path.write_text(json.dumps(known, indent=2, sort_keys=True, allow_nan=False) + "\n", "utf-8")
        return found

    @contextlib.contextmanager
    def _staged(self, output: Path, overwrite: bool) -> Iterator[tuple[Path, Path]]:
        """Gives where to write the network, and where the facts."""
        if not self.form.suffix:
            with staging.staged_directory(output, overwrite=overwrite, kind=staging.SAVED_MODEL) as folder:
                yield folder, folder / FACTS_IN_FOLDER
            return
        companion = facts_name(output)
        with staging.staged_file(output, overwrite=overwrite, companion=companion) as folder:
            yield folder / output.resolve().name, folder / companion

    def _convert(self, thresholds: Thresholds, path: Path, described: Mapping[str, Any]) -> None:
        if self.form.name == "onnx":
            onnx_file.write(self.networks, self._views, thresholds, path, described)
            return
        served = ServedNetwork([network_with(each) for each in self.networks], self._views, thresholds)
        if self.form.name == "savedmodel":
            saved_model.write(served, path)
        else:
            quantized = self.form.quantize != "none"
            tflite_file.write(served, path, self.representative.pixels if quantized else None)

    def _compare(self, thresholds: Thresholds, path: Path) -> parity.Parity:
        logits = Predictor(self.networks, self._views)(self.compared.pixels)
        answers, runtime = parity.run_outside(self.form.name, path, self.compared.pixels)
        return parity.compare(logits, answers, thresholds, self.compared, runtime, self.form.tolerance.logit or 0.0)

    @property
    def _views(self) -> Sequence[str]:
        return views.stored(self.description)


def refuse_existing(output: Path, form: Format, *, overwrite: bool) -> None:
    """Raises UsageError where writing would lose what was not given up: before any of the work."""
    if form.suffix:
        staging.refuse_existing_files(output, output.resolve().with_name(facts_name(output)), overwrite=overwrite)
    else:
        staging.refuse_existing(output, overwrite=overwrite, kind=staging.SAVED_MODEL)


def facts_name(output: Path) -> str:
    """Returns the name of the file beside an exported one that holds the facts."""
    return output.resolve().name + FACTS_SUFFIX


def _digests(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of a file, or of each file of a folder, by name."""
    paths = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    root = path.parent if path.is_file() else path
    return {str(each.relative_to(root)): hashlib.sha256(each.read_bytes()).hexdigest() for each in paths}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps notes and warnings of the converters out of the output: they are about their own future."""
    kept = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(kept)
