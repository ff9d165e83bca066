"""Which split each member of the data goes to, given what is fixed already; and where that lets a patient leak."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.intake.units import DEVELOPMENT
from contrast_tfdata.patients.splits import SplitOptions, assign_groups, keras_split


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One file, or one synthetic patient, as far as splitting is concerned.

    Attributes:
        group: name of its group; decides the order in which groups are divided, so it must not depend on the key with
            which names are hashed.
        labels: of its slices.
        pool: `train`, `validation`, `test` where that is fixed, `development`, or None where anything goes.
        path: for messages.
    """

    group: str
    labels: tuple[int, ...]
    pool: str | None
    path: str


def contradictions(members: Sequence[Member]) -> list[str]:
    """Returns a line for each group whose members are fixed to different pools, with a path in each of them."""
    contradicting = {group for group, pools in _pools(members).items() if not compatible(pools)}
    paths = defaultdict(lambda: defaultdict(list))
    for member in members:
        if member.pool and member.group in contradicting:
            paths[member.group][member.pool].append(member.path)
    return [
        ", ".join(f"{pool} {sorted(each)[0]}" for pool, each in sorted(pools.items()))
        for _, pools in sorted(paths.items())
    ]


def _pools(members: Iterable[Member]) -> dict[str, frozenset[str]]:
    """Returns the pools that each group's members are fixed to; groups with the same pools share one set."""
    pools, sets = {}, {}
    for member in members:
        joined = pools.get(member.group, frozenset()) | ({member.pool} - {None})
        pools[member.group] = sets.setdefault(joined, joined)
    return pools


def compatible(pools: Collection[str]) -> bool:
    """Whether files that are fixed to these pools may share a group: all can go to one split."""
    pools = set(pools)
    return pools <= {DEVELOPMENT, "train"} or pools <= {DEVELOPMENT, "validation"} or pools == {"test"}


def effective_options(pools: Collection[str | None], options: SplitOptions) -> SplitOptions:
    """Returns the options with no fraction left for a split that the user has made up himself.

    Args:
        pools: of every file that was listed, also those that turn out to be broken.
        options: as asked for.
    """
    pools = set(pools)
    is_test_named = not pools.isdisjoint({"test", DEVELOPMENT}) or _leave_nothing_to_train_on(pools)
    test = 0.0 if is_test_named else options.test_fraction
    is_nothing_left = "validation" in pools or test == 1 or _leave_nothing_to_train_on(pools)
    validation = 0.0 if is_nothing_left else options.validation_fraction
    return dataclasses.replace(options, test_fraction=test, validation_fraction=validation)


def for_training(pools: Collection[str | None], applied: SplitOptions) -> bool:
    """Returns whether there is to be a training split: not where all files were named for others, or all become test.

    Args:
        pools: as for `effective_options`.
        applied: what it returned.
    """
    return not _leave_nothing_to_train_on(pools) and (applied.test_fraction < 1 or "train" in pools)


def _leave_nothing_to_train_on(pools: Collection[str | None]) -> bool:
    return bool(pools) and set(pools) <= {"validation", "test"}


def asked_for(pools: Collection[str | None], applied: SplitOptions) -> dict[str, str]:
    """Returns who asked for a split besides that for training, by the split's name, for a message.

    Args:
        pools: as for `effective_options`.
        applied: what it returned, or the slides' options.
    """
    fixed = {"test" if pool == DEVELOPMENT else pool for pool in pools}
    shares = {"validation": applied.validation_fraction, "test": applied.test_fraction}
    return {
        split: "files were named for it" if split in fixed else f"its share was to be {share:g}"
        for split, share in shares.items()
        if split in fixed or share
    }


def split_by_group(members: Sequence[Member], options: SplitOptions) -> list[str]:
    """Returns the split of each member; whole groups stay together, except those that are fixed to several pools.

    A member that is not fixed goes where its group is fixed to; where the group is fixed to several pools, to train.
    """
    sizes = defaultdict(lambda: [0] * len(CLASS_NAMES))
    for member in members:
        for label in member.labels:
            sizes[member.group][label] += 1
    fixed = {group: _fixed_split(each) for group, each in _pools(members).items() if each - {DEVELOPMENT}}
    split_of = assign_groups(sizes, options, fixed)
    free = (None, DEVELOPMENT)
    return [split_of[member.group] if member.pool in free else member.pool for member in members]


def _fixed_split(pools: frozenset[str]) -> str:
    return min(pools - {DEVELOPMENT}) if compatible(pools) else "train"


def split_by_position(members: Sequence[Member]) -> dict[str, str]:
    """Returns the slides' split of each path that is not fixed to test.

    Args:
        members: every file that was listed, as Keras counts them, also those that turn out to be broken.
    """
    training = [member for member in members if member.pool != "test"]
    splits = keras_split([member.labels[0] for member in training])
    return {member.path: split for member, split in zip(training, splits, strict=True)}
