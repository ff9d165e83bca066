"""The split of records made before, kept for what they hold while new files join."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import manifest, verification


@dataclasses.dataclass(frozen=True)
class FormerSplit:
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


def read(records_dir: Path) -> FormerSplit:
    """Reads all records of a folder.

    Raises:
        DataError: they are damaged, or were split by file or with leaks, so that a group may stand in several splits.
    """
    described = manifest.load(records_dir)
    if described.split_rule["rule"] != "group" or described.split_rule["allow_leakage"]:
        raise DataError(f"{records_dir}: these records were not split by whole groups, so there is no split to keep")
    manifest.check(records_dir, described)
    examples, groups = {}, {}
    for split, info in described.splits.items():
        for record in verification.read_split(records_dir, info):
            examples[record.example_id] = groups[record.group] = split
    return FormerSplit(examples, groups, described.fingerprint)
