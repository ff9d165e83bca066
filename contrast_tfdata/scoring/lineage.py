"""Whether networks may have been trained on the patients that they are scored on, as far as their runs tell.

A run tells which records it was trained on, by their fingerprint, and not which patients. So of networks that come from
these very records it is known whom they have seen; of others it is not, and that is said.
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contrast_tfdata.errors import DataError
from contrast_tfdata.model import pretrained
from contrast_tfdata.model.weights import load_description
from contrast_tfdata.pipeline import folds
from contrast_tfdata.records.manifest import Manifest

_SCORED = ("validation", "test")
_LOOK_ALIKES = re.compile("NEAR-DUPLICATES: ")


def leakage(
    networks: Mapping[str, Mapping[str, Any]], records_dir: Path, manifest: Manifest, splits: Sequence[str]
) -> tuple[str, ...]:
    """Returns why figures on these splits may be too good, a sentence or two each; nothing where all is known well.

    Records are read, without their images, where a network comes from a cross-validation.

    Args:
        networks: by name, `records` and `flags` of the description of each. The package's own are passed over: they
            were learned from synthetic patients.
        records_dir: the records that they are scored on.
        manifest: theirs.
        splits: that are scored.
    """
    found = defaultdict(list)
    known = _Folds(records_dir, manifest)
    for name, description in networks.items():
        if not pretrained.is_shipped(name):
            found[_origin(description, manifest, known)].append(name)
    found.pop(_THESE, None)  # These left out what is scored.
    in_folds = found.pop(_FOLDS, [])
    seen = [split for split in splits if split in folds.DIVIDED]
    said = []
    if in_folds and seen:
        said.append(
            f"Patients of the {' and '.join(seen)} split were trained on, so the figures are too good. {_FOLDS}: "
            f"{', '.join(in_folds)}. Each was trained on all but its own part of training and validation split; "
            "predictions-out-of-fold.csv has each slice's score by the network that left its patient out."
        )
    if found:
        named = " ".join(f"{origin}: {', '.join(names)}." for origin, names in found.items())
        said.append(
            f"Whether patients of the {' and '.join(splits)} split were trained on is not known; if so, the figures "
            f"are too good. {named}"
        )
    return tuple(said)


def warnings_that_matter(
    networks: Mapping[str, Mapping[str, Any]], records_dir: Path, manifest: Manifest, splits: Sequence[str]
) -> tuple[str, ...]:
    """Returns the warnings of the records that matter for figures on these splits.

    Look-alikes of two splits matter where the network may have learned from one of the two, or its threshold have been
    chosen there. To a network that never saw these records only those of a scored split are told.

    Args:
        networks: as for `leakage`.
        records_dir: the records that they are scored on.
        manifest: theirs.
        splits: that are scored.
    """
    known = _Folds(records_dir, manifest)
    own = [each for name, each in networks.items() if not pretrained.is_shipped(name)]
    if any(_origin(each, manifest, known) != _OTHER for each in own):
        return manifest.warnings
    return tuple(text for text in manifest.warnings if not _LOOK_ALIKES.match(text) or _names_split(text, splits))


def _names_split(text: str, splits: Sequence[str]) -> bool:
    """Whether a warning about look-alikes names a file of one of the splits, or not all of its files."""
    named = re.search(f"(: |; |= )({'|'.join(splits)}) ", text)
    return bool(named or re.search("; and [0-9]+ more$", text))


@dataclasses.dataclass(frozen=True)
class LearnedFrom:
    """What networks learned from, as far as it is recorded.

    Attributes:
        synthetic_share: share of the slices that was synthetic; None where that is not known.
        training_slices: how many slices were trained on; None likewise.
        training_patients: of how many patients, likewise.
        init_weights: the weights they or some of them began with, as `starting_point.build` takes them; None: random
            ones.
    """

    synthetic_share: float | None = None
    training_slices: int | None = None
    training_patients: int | None = None
    init_weights: str | None = None


def learned_from(networks: Mapping[str, Mapping[str, Any]]) -> LearnedFrom:
    """Returns what networks learned from; what they differ in, or are silent about, is None, but for their beginnings.

    Args:
        networks: as for `leakage`.
    """
    told = [_told(name, each) for name, each in networks.items()]
    values = {field.name: {getattr(each, field.name) for each in told} for field in dataclasses.fields(LearnedFrom)}
    began_with = " and ".join(sorted(values.pop("init_weights") - {None}))
    agreed = {name: found.pop() if len(found) == 1 else None for name, found in values.items()}
    return LearnedFrom(**agreed, init_weights=began_with or None)


def _told(name: str, description: Mapping[str, Any]) -> LearnedFrom:
    if pretrained.is_shipped(name):
        return LearnedFrom(synthetic_share=1.0)
    told = {key: description.get(key) for key in ("synthetic_share", "training_slices", "training_patients")}
    return LearnedFrom(**told, init_weights=_flags(description).get("init_weights"))


def leakage_from_start(init_weights: str | None, records_dir: Path, manifest: Manifest) -> tuple[str, ...]:
    """Returns why figures of a run may be too good that begins with given weights, as `leakage` does.

    Args:
        init_weights: as `starting_point.build` takes them.
        records_dir: the records that the run is trained and scored on.
        manifest: theirs.

    Raises:
        DataError: the weights cannot be read.
    """
    splits = [split for split in _SCORED if split in manifest.splits]
    if not init_weights or pretrained.is_shipped(init_weights) or not splits:
        return ()
    from_file = pretrained.is_weight_file(init_weights)
    description = {} if from_file else load_description(pretrained.model_folder(init_weights))
    return leakage({f"{init_weights}, with whose weights this run began": description}, records_dir, manifest, splits)


_THESE = "Trained on these records"
_FOLDS = "Folds of these records"
_OTHER = "Trained on other records than these"
_SILENT = "Does not tell what it was trained on"


def _origin(description: Mapping[str, Any], manifest: Manifest, known: "_Folds") -> str:
    """Returns in words what a network comes from: `_THESE`, `_FOLDS`, or why that is not known."""
    records = description.get("records")
    flags = _flags(description)
    if not isinstance(records, str):
        return _SILENT
    if records == manifest.fingerprint:
        origin = _THESE
    elif records in known.fingerprints(flags.get("folds"), flags.get("seed")):
        origin = _FOLDS
    else:
        return _OTHER
    before = flags.get("init_weights")
    return origin if not before or pretrained.is_shipped(before) else f"Began with weights of {before}"


def _flags(description: Mapping[str, Any]) -> Mapping[str, Any]:
    flags = description.get("flags")
    return flags if isinstance(flags, Mapping) else {}


class _Folds:
    """The fingerprints that runs on folds of these records carry; each division is looked up once."""

    def __init__(self, records_dir: Path, manifest: Manifest):
        self._records_dir = records_dir
        self._manifest = manifest
        self._found: dict[tuple[int, int], frozenset[str]] = {}

    def fingerprints(self, number: object, seed: object) -> frozenset[str]:
        """Returns those of all folds of a division, none where these records cannot be divided so."""
        divided = [self._manifest.splits[name].records for name in folds.DIVIDED if name in self._manifest.splits]
        if type(number) is not int or type(seed) is not int or not 2 <= number <= sum(divided):
            return frozenset()
        if (number, seed) not in self._found:
            self._found[number, seed] = self._of_division(number, seed)
        return self._found[number, seed]

    def _of_division(self, number: int, seed: int) -> frozenset[str]:
        try:
            views = folds.views(self._records_dir, self._manifest, folds=number, seed=seed)
        except DataError:  # too few patients
            return frozenset()
        return frozenset(view.fingerprint for view in views)
