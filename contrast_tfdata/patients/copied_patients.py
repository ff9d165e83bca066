"""Exact copies of an image under several patients: one of them is kept, and says that these may be one person."""

from collections.abc import Sequence

from contrast_tfdata.patients import duplicates, grouping
from contrast_tfdata.patients.findings import first_of
from contrast_tfdata.patients.identity import group_key
from contrast_tfdata.patients.near_duplicates import Pair
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.patients.plan import PairAcrossSplits, Plan, PlannedUnit, find_across_splits, places, source_of


def warnings(plan: Plan, options: PlanOptions) -> list[str]:
    """Returns the line that says how many images are several patients', with the first of them; it names nobody."""
    if not plan.copied:
        return []
    shown = first_of(plan.copied, lambda copies: " = ".join(source_of(*each, options) for each in copies[:2]))
    what = "the same image stands under several patients, who may be one person, and is kept once"
    return [f"{what}: {len(plan.copied)} of them: {shown}"]


def with_copies(across_splits: Sequence[PairAcrossSplits], plan: Plan, options: PlanOptions) -> list[PairAcrossSplits]:
    """Returns the look-alikes across splits and with them the copies whose patients stand in different splits.

    A copy that was left out stands where the rest of its patient does; where nothing is left of a patient, nowhere.
    """
    split_of = {unit.group: split for split, units in plan.units.items() for unit in units}
    units, pairs = [], []
    for copies in plan.copied:
        standing = [each for each in (_planned(copy, split_of, options) for copy in copies) if each.split]
        pairs += [Pair(len(units), len(units) + number, 1.0) for number in range(1, len(standing))]
        units += standing
    # Copies that stand in the records, as leaks were allowed, may have been found by their look already.
    found = {places(each): each for each in (*find_across_splits(units, pairs), *across_splits)}
    return [found[key] for key in sorted(found)]


def _planned(copy: duplicates.Scanned, split_of: dict[str, str], options: PlanOptions) -> PlannedUnit:
    """Returns a copy as if it were still planned, with no slice; its split is empty where its patient has none."""
    unit, facts = copy
    group = group_key(grouping.name_of(unit, facts).text, options.secret)
    split = split_of.get(group, "")
    return PlannedUnit(unit, facts, (), group, source_of(unit, facts, options), split)
