"""Folds: the groups of training and validation split divided anew, as views of the same records."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.patients.splits import assign_folds
from contrast_tfdata.pipeline.passes import own_records
from contrast_tfdata.records.codec import parse_group_and_label
from contrast_tfdata.records.manifest import Manifest, SplitInfo, require_split

DIVIDED = ("train", "validation")
"""Splits that are divided anew; the test split stays as it is, in every fold."""
_COUNTED_TOGETHER = 64
"""Records parsed in one call: 7 MB at the usual size. Only groups and labels stay."""


def view(records_dir: Path, manifest: Manifest, *, fold: int, folds: int, seed: int) -> Manifest:
    """Returns the manifest of one fold: its groups are the validation split, those of all other folds are trained on.

    No record is copied: both splits have the shards of both, and the groups that belong to them. The records are read
    once for it; images are skipped, not decoded. The same records, seed and number of folds give the same folds.

    Args:
        records_dir: the records.
        manifest: theirs.
        fold: from 1 to `folds`.
        folds: how many, at least 2.
        seed: of the division.

    Raises:
        DataError: there is no training split, or each fold cannot have slices of both classes.
    """
    require_split(records_dir, manifest, "train")
    return views(records_dir, manifest, folds=folds, seed=seed)[fold - 1]


def views(records_dir: Path, manifest: Manifest, *, folds: int, seed: int) -> list[Manifest]:
    """Returns the manifest of every fold, the first one first, from one pass over the records; see `view`."""
    shards = tuple(shard for name in DIVIDED if name in manifest.splits for shard in manifest.splits[name].shards)
    counts = count_slices(records_dir, SplitInfo(shards, {}, 0))
    sizes = _sizes(counts)
    fold_of = assign_folds(sizes, folds, seed)
    _refuse_lacking(records_dir, sizes, fold_of, folds)
    others = {name: split for name, split in manifest.splits.items() if name not in DIVIDED}
    found = []
    for fold in range(1, folds + 1):
        parts = {
            "train": [group for group, number in fold_of.items() if number != fold],
            "validation": [group for group, number in fold_of.items() if number == fold],
        }
        splits = {name: _part(shards, groups, sizes) for name, groups in parts.items()}
        rule = {**manifest.split_rule, "folds": folds, "fold": fold, "folds_seed": seed}
        found.append(dataclasses.replace(manifest, splits={**splits, **others}, split_rule=rule))
    return found


def count_slices(records_dir: Path, split: SplitInfo) -> Counter[tuple[bytes, int]]:
    """Counts a split's slices by group and label."""
    records = own_records(tf.data.TFRecordDataset([str(records_dir / shard.name) for shard in split.shards]), split)
    counts = Counter()
    for groups, labels in records.batch(_COUNTED_TOGETHER).map(parse_group_and_label).as_numpy_iterator():
        counts.update(zip(groups.tolist(), labels.tolist(), strict=True))
    return counts


def _sizes(counts: Mapping[tuple[bytes, int], int]) -> dict[str, list[int]]:
    """Returns how many slices of each class a group has, by its name."""
    sizes = defaultdict(lambda: [0] * len(CLASS_NAMES))
    for (group, label), many in counts.items():
        sizes[group.decode()][label] += many
    return dict(sizes)


def _refuse_lacking(records_dir: Path, sizes: Mapping[str, list[int]], fold_of: Mapping[str, int], folds: int) -> None:
    problems = []
    for label, name in enumerate(CLASS_NAMES):
        holders = [group for group, size in sizes.items() if size[label]]
        lacking = folds - len({fold_of[group] for group in holders})
        if lacking:
            problems.append(f"{name}: {len(holders)} groups have it, {lacking} of {folds} folds would not")
    if problems:
        raise DataError.listing(
            f"{records_dir}: training and validation split hold too few groups (patients) for --folds={folds}:",
            problems,
        )


def _part(shards: tuple, groups: list[str], sizes: Mapping[str, list[int]]) -> SplitInfo:
    classes = {name: sum(sizes[group][label] for group in groups) for label, name in enumerate(CLASS_NAMES)}
    return SplitInfo(shards, classes, len(groups), frozenset(groups))
