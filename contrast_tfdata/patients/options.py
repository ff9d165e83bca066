"""What decides which slices become records, and in which split."""

import dataclasses

from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.patients.previous import PreviousSplit
from contrast_tfdata.patients.splits import SplitOptions


@dataclasses.dataclass(frozen=True)
class PlanOptions:
    """What decides which slices become records, and in which split.

    Attributes:
        split: how examples are divided.
        selection: which slices of a volume or series are taken.
        secret: key of the hash that stands for a patient in records, at most 64 bytes; empty for none.
        allow_leakage: go on although the same bytes or patients stand in train and test.
        previous: records made before whose split is to be kept, or None.
        hash_paths: whether the hash of a known patient stands for it in the paths that records hold.
    """

    split: SplitOptions = SplitOptions()
    selection: SliceSelection = SliceSelection()
    secret: bytes = b""
    allow_leakage: bool = False
    previous: PreviousSplit | None = None
    hash_paths: bool = True
