"""Records as data sets, for `fit` and for loops of one's own."""

import dataclasses
import os
from pathlib import Path

import tensorflow as tf

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset, steps_per_epoch
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import verification
from contrast_tfdata.records.codec import SliceRecord
from contrast_tfdata.records.manifest import Manifest


@dataclasses.dataclass(frozen=True)
class Records:
    """A folder of records, as `make_records` wrote it.

    Its data sets give (images, labels): images are (B, S, S) uint8, labels (B, 1) float32, 0 before contrast, 1 after.
    The last batch may be smaller. Where a data set is padded, or its slices are weighed, weights (B,) float32 come
    third, as Keras takes them.

    Attributes:
        folder: where they are.
        manifest: what they hold.
    """

    folder: Path
    manifest: Manifest

    @property
    def image_size(self) -> int:
        """Side of the square slices in pixels."""
        return self.manifest.image_size

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Slices by split and class."""
        return {name: dict(split.classes) for name, split in self.manifest.splits.items()}

    def train(
        self,
        batch_size: int = 64,
        *,
        epochs: int | None = None,
        seed: int = 1020,
        cache: str = "memory",
        augment: str = "",
        class_weights: str = "none",
        pairs: bool = False,
        pad: bool = False,
    ) -> tf.data.Dataset:
        """Returns batches of the training split, each slice once an epoch.

        Args:
            batch_size: slices in a batch.
            epochs: None: one epoch, in another order each time the data set is gone through, as `fit(epochs=15)` does.
                A number: so many epochs one after the other, and `ContrastNet.fit` then trains for as many.
            seed: of order and augmentation.
            cache: where slices stay after they were read: `memory` or `none`.
            augment: random transforms, as the flag --augment of `train` has them.
            class_weights: what a slice weighs, as the flag --class_weights has it.
            pairs: a patient's slices before and after contrast come in one batch, two by two.
            pad: fill the last batch with black slices of weight 0, so that all batches have one shape.

        Raises:
            DataError: there is no training split.
            UsageError: an argument out of range.
        """
        options = PipelineOptions(
            batch_size=batch_size,
            seed=seed,
            cache=cache,
            augmentation=Augmentation.parse(augment),
            class_weights=class_weights,
            pairs=pairs,
            static_shapes=pad,
        )
        batches = create_train_dataset(
            records_dir=self.folder, manifest=self.manifest, options=options, first_epoch=0, epochs=epochs
        )
        if not pad and class_weights == "none":
            batches = batches.map(lambda image, label, weight: (image, label))
        if epochs is not None:
            steps = steps_per_epoch(self.manifest.splits["train"].records, batch_size)
            batches.fit_arguments = {"epochs": epochs, "steps_per_epoch": steps}
        return batches

    def validation(self, batch_size: int = 64, *, pad: bool = False) -> tf.data.Dataset:
        """Returns batches of the validation split in the order of its records; raises DataError where there is none."""
        return self._in_order("validation", batch_size, pad)

    def test(self, batch_size: int = 64, *, pad: bool = False) -> tf.data.Dataset:
        """Returns batches of the test split in the order of its records; raises DataError where there is none."""
        return self._in_order("test", batch_size, pad)

    def examples(self, split: str) -> list[SliceRecord]:
        """Returns the records of a split, in their order; raises DataError where there is none."""
        return list(verification.read_split(self.folder, manifests.require_split(self.folder, self.manifest, split)))

    def _in_order(self, split: str, batch_size: int, pad: bool) -> tf.data.Dataset:
        batches = create_eval_dataset(
            records_dir=self.folder,
            manifest=self.manifest,
            split=split,
            options=PipelineOptions(batch_size=batch_size),
            pad=pad,
        )
        batches.split = (self, split)  # So that an evaluation knows patients and files.
        return batches

    def __repr__(self) -> str:
        return f"Records({str(self.folder)!r}): {self.image_size} x {self.image_size} pixels, {self.counts}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th>{''.join(f'<td>{self.counts[name][each]}</td>' for each in CLASS_NAMES)}"
            f"<td>{self.manifest.splits[name].groups}</td></tr>"
            for name in SPLITS
            if name in self.counts
        )
        heads = "".join(f"<th>{each}</th>" for each in ("slices", *CLASS_NAMES, self.manifest.group_noun))
        return f"<table><tr>{heads}</tr>{rows}</table>"


def load_records(folder: str | os.PathLike[str]) -> Records:
    """Opens a folder of records, held to its manifest.

    Args:
        folder: as `make_records --output_dir` wrote it; `~` is the home folder.

    Raises:
        DataError: there are none, or they are damaged.
    """
    path = Path(folder).expanduser()
    manifest = manifests.load(path)
    verification.check_before_use(path, manifest, full=False)
    return Records(path, manifest)
