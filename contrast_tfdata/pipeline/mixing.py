"""Synthetic slices beside real ones: how many of each a batch holds, and from which records; no TensorFlow here."""

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

from contrast_tfdata.errors import DataError, UsageError, differences
from contrast_tfdata.records.manifest import Manifest


@dataclasses.dataclass(frozen=True)
class PhantomPart:
    """Records of synthetic patients that give a part of every batch.

    Attributes:
        records_dir: their folder.
        manifest: theirs, already checked.
        fraction: share of a batch, between 0 and 1.
    """

    records_dir: Path
    manifest: Manifest
    fraction: float

    def divide(self, num_real: int, batch_size: int) -> "Division":
        """Divides an epoch, one pass over the real slices, into batches."""
        most, synthetic = shares(batch_size, self.fraction)
        steps = -(-num_real // most)
        return Division(steps, -(-num_real // steps), synthetic, steps * most / num_real)


class Division(NamedTuple):
    """What the batches of an epoch hold.

    Real slices seldom fill their share of every batch: of 33 where a batch has room for 32, and of a handful anyway.
    They are spread over the batches, rather than leaving one for the last, and weigh more, so that over an epoch each
    source has the weight of its share.

    Attributes:
        steps: batches.
        real: real slices in a batch; fewer in the last one.
        synthetic: synthetic slices in each.
        real_weight: what a real slice weighs, at least 1, where a synthetic one weighs 1.
    """

    steps: int
    real: int
    synthetic: int = 0
    real_weight: float = 1.0


def shares(batch_size: int, phantom_fraction: float) -> tuple[int, int]:
    """Returns how many slices of a full batch are real and how many synthetic; a half goes to the real ones.

    Raises:
        UsageError: one of the two would have none.
    """
    real = math.floor(batch_size * (1 - phantom_fraction) + 0.5) if 0 < phantom_fraction < 1 else 0
    if not 0 < real < batch_size:
        raise UsageError(
            "phantom_fraction must be between 0 and 1 and leave a batch at least one slice of each kind. Received: "
            f"phantom_fraction={phantom_fraction}, batch_size={batch_size}"
        )
    return real, batch_size - real


def refuse_unlike_records(phantom: PhantomPart, manifest: Manifest) -> None:
    """Holds synthetic records to the real ones beside them: what they are must not show in greys, size or proportions.

    Raises:
        DataError: they were made in another way; every difference is listed.
    """
    found = differences({"real": manifest.preprocessing, "synthetic": phantom.manifest.preprocessing})
    if found:
        raise DataError.listing(
            f"{phantom.records_dir}: the synthetic records were made in another way than the real ones; make one of "
            "them again with the other's flags:",
            found,
        )
