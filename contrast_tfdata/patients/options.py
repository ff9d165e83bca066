"""What decides which slices become records, and in which split."""

import dataclasses
from collections.abc import Iterable, Mapping

from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.patients.splits import SplitOptions


@dataclasses.dataclass(frozen=True)
class PreviousSplit:
    """Where slices and groups stood.

    Attributes:
        example_splits: split by `example_id`, which is made of a file's content: no key or name matters to it.
        group_splits: split by hashed group; matches only groups hashed with the same key.
        fingerprint: of the records' manifest.
    """

    example_splits: Mapping[str, str]
    group_splits: Mapping[str, str]
    fingerprint: str

    def split_of(self, example_ids: Iterable[str], group: str) -> str | None:
        """Returns where one of the slices stood, else where the group did, else None."""
        found = (self.example_splits.get(each) for each in example_ids)
        return next((split for split in found if split), self.group_splits.get(group))


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
        any_sequence: take images of other sequences than T1, too.
        always_reformat: cut volumes in the sagittal plane however thick their slices are.
    """

    split: SplitOptions = SplitOptions()
    selection: SliceSelection = SliceSelection()
    secret: bytes = b""
    allow_leakage: bool = False
    previous: PreviousSplit | None = None
    hash_paths: bool = True
    any_sequence: bool = False
    always_reformat: bool = False
