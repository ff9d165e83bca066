"""The split of records made before, kept for what they hold while new files join."""

from pathlib import Path

from contrast_tfdata.errors import DataError
from contrast_tfdata.patients.options import PreviousSplit
from contrast_tfdata.records import manifest, verification


def read(records_dir: Path) -> PreviousSplit:
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
    return PreviousSplit(examples, groups, described.fingerprint)
