"""The split of records made before: where their slices and groups stood."""

import dataclasses
from collections.abc import Iterable, Mapping


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
