"""Who goes where: groups (patients) to splits by hashed key, or the slides' split by position."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import UsageError

_HASH_RANGE = 2**64
KERAS_VALIDATION_FRACTION = 0.2
"""Share of each class that the slides' ImageDataGenerator(validation_split=0.2) takes for validation."""


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """How examples are divided.

    Attributes:
        rule: `group`: whole groups by hashed key. `keras`: the first 20 % of each class's sorted files are validation.
        validation_fraction: share of the groups outside the test split that become validation, in [0, 1).
        test_fraction: share of all groups that become test, in [0, 1); used where no test data was named.
        seed: another seed gives another division.
    """

    rule: str = "group"
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 1020

    def __post_init__(self):
        if self.rule not in ("group", "keras"):
            raise UsageError(f"The split rule must be group or keras. Received: split={self.rule}")
        for name in ("validation_fraction", "test_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 0 and less than 1. Received: {getattr(self, name)}")


def assign_groups(
    labels_of_group: Mapping[str, Iterable[int]], options: SplitOptions, fixed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Divides groups into train, validation and test.

    Each group's place depends on its key and the seed alone, so that it stays where it is when others are added. Only
    where that would leave a wanted split without one of the classes (few patients), the groups whose place is nearest
    to the split move there: into train always, into test and then validation where the giving split keeps its classes.

    Args:
        labels_of_group: the labels that occur in each group.
        options: fractions and seed.
        fixed: the split of groups that are not to be moved.

    Returns:
        The split of each group.
    """
    fixed = fixed or {}
    labels = {group: frozenset(each) for group, each in labels_of_group.items()}
    place = {group: _place(group, options.seed) for group in labels if group not in fixed}
    bounds = _bounds(options)
    by_place = {group: next(s for s, (lo, hi) in bounds.items() if lo <= at < hi) for group, at in place.items()}
    split_of = {**by_place, **fixed}
    for split in ("train", "test", "validation"):
        for label in range(len(CLASS_NAMES)):
            _ensure_class(split, label, split_of, labels, place, bounds)
    return split_of


def keras_split(labels: Sequence[int]) -> list[str]:
    """Divides files as ImageDataGenerator(validation_split=0.2) does: the first int(0.2 n) of each class validate.

    Args:
        labels: of all training files, each class's together and in the order in which Keras lists it.

    Returns:
        `train` or `validation` for each.
    """
    splits = []
    for _, members in groupby(labels):
        count = len(list(members))
        num_validation = int(KERAS_VALIDATION_FRACTION * count)
        splits += ["validation"] * num_validation + ["train"] * (count - num_validation)
    return splits


def _place(group: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _HASH_RANGE


def _bounds(options: SplitOptions) -> dict[str, tuple[float, float]]:
    test = options.test_fraction
    validation = test + options.validation_fraction * (1 - test)
    # Beyond 1: a place very near to 1 is rounded to it.
    return {"test": (0.0, test), "validation": (test, validation), "train": (validation, 2.0)}


def _ensure_class(split, label, split_of, labels, place, bounds) -> None:
    """Moves the nearest group with `label` into a split that has none, if the split that gives it keeps its classes."""
    low, high = bounds[split]
    holders = [group for group, each in labels.items() if label in each]
    if low == high or any(split_of[group] == split for group in holders):
        return
    movable = [group for group in holders if group in place]
    spare = [group for group in movable if split == "train" or _is_spare(group, split_of, labels)]
    if spare:
        split_of[min(spare, key=lambda group: (max(low - place[group], place[group] - high), group))] = split


def _is_spare(group, split_of, labels) -> bool:
    """Whether the group's split holds each of its classes in another group too."""
    others = [labels[other] for other, split in split_of.items() if split == split_of[group] and other != group]
    return labels[group] <= frozenset().union(*others)
