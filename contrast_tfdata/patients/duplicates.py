"""Exact copies of files: kept once, refused where they contradict each other or leak into the test split."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.intake.units import Unit
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.patients.grouping import name_of

Scanned = tuple[Unit, FileFacts]


def without_label_maps(scanned: list[Scanned], workers: Workers) -> tuple[list[Scanned], list[Unit]]:
    """Returns units without masks that are known to be some or stand in several classes or splits, and those masks.

    One mask may well lie beside the images before and those after contrast agent. That it is one is known when its
    pixels are read, which is done here for these few; others are left out when they are decoded for the records.
    """
    named = {facts.sha256 for _, facts in scanned if facts.kind.content == "label_map"}
    copies = _copies([each for each in scanned if each[1].sha256 not in named]).items()
    odd = {sha256 for sha256, units in copies if len({(unit.label, unit.split) for unit in units}) > 1}
    first = {facts.sha256: (unit, facts) for unit, facts in reversed(scanned) if facts.sha256 in odd}
    found = zip(first, workers.map(_is_label_map, first.values()), strict=True)
    masks = named | {sha256 for sha256, is_mask in found if is_mask}
    images = [(unit, facts) for unit, facts in scanned if facts.sha256 not in masks]
    return images, [unit for unit, facts in scanned if facts.sha256 in masks]


def _is_label_map(work: Scanned) -> bool:
    """Runs in a worker process; a file that cannot be read is said to be so when it is decoded for the records."""
    unit, facts = work
    try:
        unit.read(facts, [facts.num_slices // 2])
    except RejectedImageError as error:
        return error.code == "label_map"
    return False


def find_contradictions(scanned: Sequence[Scanned]) -> list[str]:
    """Returns a line, naming all paths, for each image that stands in both classes."""
    return [_paths(units) for units in _repeated(scanned) if len({unit.label for unit in units}) > 1]


def find_leaks(scanned: Sequence[Scanned]) -> list[str]:
    """Returns a line for each image that is fixed to several splits."""
    return [_paths(units) for units in _repeated(scanned) if len(_fixed(units)) > 1]


def drop_copies(scanned: Sequence[Scanned]) -> list[Scanned]:
    """Returns one of each image, or one for each split where it is fixed to several; the others keep their order."""
    pools = {sha256: _fixed(units) for sha256, units in _copies(scanned).items()}
    kept, seen = [], set()
    for unit, facts in scanned:
        if facts.sha256 not in pools:
            kept.append((unit, facts))
            continue
        # Where any copy is fixed to a split, the one that stays is.
        pool = unit.split or min(pools[facts.sha256], default=None)
        if (facts.sha256, pool) not in seen:
            seen.add((facts.sha256, pool))
            kept.append((dataclasses.replace(unit, split=pool), facts))
    return kept


def count_copies(scanned: Sequence[Scanned]) -> int:
    """Returns how many files are copies of another one."""
    return sum(len(units) - 1 for units in _repeated(scanned))


def under_several_patients(scanned: Sequence[Scanned], workers: Workers) -> list[list[Scanned]]:
    """Returns, for each image that stands under several known patients, the first copy of each; both by path.

    Images of one grey value are left out: an empty slice looks the same in everybody.
    """
    repeated, patients = _copies(scanned), defaultdict(dict)
    for unit, facts in sorted((each for each in scanned if each[1].sha256 in repeated), key=lambda each: each[0].path):
        name = name_of(unit, facts)
        if name.known:
            patients[facts.sha256].setdefault(name.text, (unit, facts))
    several = [list(copies.values()) for copies in patients.values() if len(copies) > 1]
    blank = workers.map(_is_blank, (copies[0] for copies in several))
    return [copies for copies, nothing in zip(several, blank, strict=True) if not nothing]


def _is_blank(work: Scanned) -> bool:
    """Runs in a worker process; whether an image, or the middle of a volume, shows nothing. So does a broken one."""
    unit, facts = work
    try:
        ((_, middle),) = unit.read(facts, [facts.num_slices // 2])
    except RejectedImageError:
        return True
    return bool(middle.pixels.min() == middle.pixels.max())


def _copies(scanned: Sequence[Scanned]) -> dict[bytes, list[Unit]]:
    """Returns, by content, the units of which there are several."""
    seen, repeated = set(), set()
    for _, facts in scanned:
        (repeated if facts.sha256 in seen else seen).add(facts.sha256)
    copies = defaultdict(list)
    for unit, facts in scanned:
        if facts.sha256 in repeated:
            copies[facts.sha256].append(unit)
    return copies


def _repeated(scanned: Sequence[Scanned]) -> list[list[Unit]]:
    return list(_copies(scanned).values())


def _fixed(units: Sequence[Unit]) -> set[str]:
    return {unit.split for unit in units} - {None}


def _paths(units: Sequence[Unit]) -> str:
    return " = ".join(f"{unit.split}: {unit.path}" if unit.split else unit.path for unit in units)
