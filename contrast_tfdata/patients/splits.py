"""Who goes where: groups (patients) to splits, each class in its share, or the slides' split by position."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import UsageError

KERAS_VALIDATION_FRACTION = 0.2
"""Share of each class that the slides' ImageDataGenerator(validation_split=0.2) takes for validation."""


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """How examples are divided.

    Attributes:
        rule: `group`: whole groups. `keras`: the first 20 % of each class's sorted files are validation.
        validation_fraction: share of each class's slices outside the test split that become validation, in [0, 1).
        test_fraction: share of each class's slices that become test, in [0, 1]; used where no test data was named.
        seed: another seed gives another division.
    """

    rule: str = "group"
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 1020

    def __post_init__(self):
        if self.rule not in ("group", "keras"):
            raise UsageError(f"The split rule must be group or keras. Received: split={self.rule}")
        if not 0 <= self.validation_fraction < 1:
            raise UsageError(f"validation_fraction must be from 0 to less than 1. Received: {self.validation_fraction}")
        if not 0 <= self.test_fraction <= 1:
            raise UsageError(f"test_fraction must be from 0 to 1. Received: {self.test_fraction}")


def assign_groups(
    sizes: Mapping[str, Sequence[int]], options: SplitOptions, fixed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Divides groups into train, validation and test so that each split gets its share of each class.

    In an order that only their names and the seed decide, each group goes where its classes are needed most. Where
    every group is of one class, what a split holds of a class then differs from its share by the largest group at most.
    Where a wanted split would be left without a class (few groups), the smallest group that another one can spare moves
    there; training gets it even from one that cannot.

    The result does not depend on the order of `sizes`, but may change when groups are added: to keep a previous
    division, pass it as `fixed`, and the new groups fill up what is missing.

    Args:
        sizes: how many slices of each class a group has.
        options: fractions and seed.
        fixed: the split of groups that are not to be moved. Those fixed to a split that is given no fraction do not
            count in the other splits' shares.

    Returns:
        The split of each group.
    """
    return divide(sizes, _shares(options), options.seed, fixed)


def assign_folds(sizes: Mapping[str, Sequence[int]], folds: int, seed: int) -> dict[str, int]:
    """Divides groups into folds of about the same share of each class, as `assign_groups` divides them into splits.

    Args:
        sizes: how many slices of each class a group has.
        folds: how many, at least 2.
        seed: another seed gives other folds.

    Returns:
        The fold of each group, from 1.
    """
    names = [str(number + 1) for number in range(folds)]
    fold_of = divide(sizes, dict.fromkeys(names, 1 / folds), seed)
    return {group: int(name) for group, name in fold_of.items()}


def divide(
    sizes: Mapping[str, Sequence[int]],
    shares: Mapping[str, float],
    seed: int,
    fixed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Divides groups into parts of given shares; `assign_groups` says how.

    Args:
        sizes: how many slices of each class a group has.
        shares: of each part in the whole, in the order in which a class that is missing there is made up for.
        seed: another seed gives another division.
        fixed: the part of groups that are not to be moved.

    Returns:
        The part of each group.
    """
    fixed = {group: part for group, part in (fixed or {}).items() if group in sizes}
    counted = [group for group in sizes if group not in fixed or shares[fixed[group]]]
    totals = [sum(sizes[group][label] for group in counted) for label in range(len(CLASS_NAMES))]
    needs = {part: [share * total for total in totals] for part, share in shares.items() if share}
    part_of = {}
    free = sorted((group for group in sizes if group not in fixed), key=lambda group: (_place(group, seed), group))
    for group in [*fixed, *free]:
        part = fixed.get(group) or max(needs, key=lambda each: _need(sizes[group], needs[each], totals))
        part_of[group] = part
        if part in needs:
            needs[part] = [need - size for need, size in zip(needs[part], sizes[group], strict=True)]
    for part in needs:
        for label in range(len(CLASS_NAMES)):
            _ensure_class(part, label, part_of, sizes, free)
    return part_of


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


def _shares(options: SplitOptions) -> dict[str, float]:
    """Share of each split in the whole, in the order in which a class that is missing there is made up for."""
    test = options.test_fraction
    validation = options.validation_fraction * (1 - test)
    return {"train": 1 - test - validation, "test": test, "validation": validation}


def _need(sizes: Sequence[int], needs: Sequence[float], totals: Sequence[int]) -> float:
    """How much nearer a group brings a split to its shares; classes weigh the same, whatever their number of slices.

    It is the gradient of the sum over classes of ((wanted - held) / total) ** 2, along the group.
    """
    columns = zip(sizes, needs, totals, strict=True)
    return sum(size * need / total**2 for size, need, total in columns if size)


def _place(group: str, seed: int) -> str:
    name = f"{seed}:{group}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(name, digest_size=8).hexdigest()


def _ensure_class(split, label, split_of, sizes, free) -> None:
    """Moves the smallest group with `label` to a split that has none, if the split that gives it keeps its classes."""
    if any(split_of[group] == split and each[label] for group, each in sizes.items()):
        return
    movable = [group for group in free if sizes[group][label]]
    holders = Counter(_held(split_of, sizes))
    spare = [group for group in movable if split == "train" or _is_spare(group, split_of, sizes, holders)]
    if spare:
        split_of[min(spare, key=lambda group: sum(sizes[group]))] = split  # Of equals the first in their drawn order.


def _held(split_of, sizes) -> Iterator[tuple[str, int]]:
    """Yields (split, label) for each group and each class that it holds."""
    for group, split in split_of.items():
        yield from ((split, label) for label, size in enumerate(sizes[group]) if size)


def _is_spare(group, split_of, sizes, holders: Counter) -> bool:
    """Whether the group's split holds each of its classes in another group too."""
    return all(holders[split_of[group], label] > 1 for label, size in enumerate(sizes[group]) if size)
