"""The network that `--workdir` names: that of a run, the package's own, or several runs' as an ensemble.

What an ensemble answers: the logit of a slice is the mean of its members'. No data chose a threshold for that mean, so
it follows from what the members' own validation splits chose. Each member judges by its margin, logit minus the logit
of its threshold, and the ensemble by the mean of the margins: its threshold is the mean of theirs, taken in logits. The
ends of the indeterminate band are averaged in the same way; there is none where a member has none. The gate lets pass
what every member's does. A temperature is not handed on: it says how one network's logits should be scaled.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from contrast_tfdata.errors import DataError, UsageError, differences
from contrast_tfdata.evaluation import Choices, IndeterminateBand, InputGate, OperatingPoint
from contrast_tfdata.evaluation.operating_point import OF_MEMBERS
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.model.weights import NetworkWeights, load_model
from contrast_tfdata.scoring import carried
from contrast_tfdata.storage import sealed_json
from contrast_tfdata.storage.bounded_file import UnfitFileError, read_json

SUMMARIES = ("folds.json", "repeats.json")
"""Files by which a folder of several runs is known: `train --folds`, `train --repeats`."""
_RUN = re.compile(r"(fold|repeat)-[1-9][0-9]*")
_ORIGIN = ("records", "flags", "synthetic_share", "training_slices", "training_patients")
_SMALLEST = 1e-300  # Keeps logits of 0 and 1 finite; a band that reaches there still does, whatever the others.


def load(workdir: str) -> tuple[tuple[NetworkWeights, ...], dict[str, Any]]:
    """Reads a network, or the members of an ensemble, and what they carry: an ensemble's description has `members`.

    Args:
        workdir: folder of a run; of several runs (`train --folds`, `--repeats`); `shipped`; or several of these with
            commas between them.

    Raises:
        UsageError: a run is named twice.
        DataError: one cannot be read, or members of an ensemble do not fit each other; every difference is listed.
        StorageError: a file cannot be read.
    """
    names = member_names(workdir)
    networks, descriptions = zip(*(load_model(pretrained.model_folder(name)) for name in names), strict=True)
    return networks, descriptions[0] if len(names) == 1 else combine(names, descriptions)


def member_names(workdir: str) -> list[str]:
    """Returns the runs that a workdir stands for, see `load`; one for a single run."""
    names = [name for part in _listed(workdir) for name in _runs_below(part)]
    if len(set(names)) < len(names) or not all(names):
        raise UsageError(f"--workdir: name runs with single commas between them, each once. Received: {workdir}")
    return names


def announcements(workdir: str, description: Mapping[str, Any]) -> list[str]:
    """Returns what a command says about the network it uses, a line each."""
    if pretrained.is_shipped(workdir):
        return [pretrained.announcement(description)]
    members = description.get("members", ())
    if not members:
        return [f"weights: of the run {workdir} (SHA-256 {description['weights_sha256'][:16]})"]
    thresholds = ", ".join(f"{member['threshold']:.3f}" for member in members)
    return [
        f"ensemble: {len(members)} networks answer together, by the mean of their logits; the threshold "
        f"{description['operating_point']['threshold']:.3f} is the mean of theirs ({thresholds})"
    ]


def descriptions(workdir: str, description: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns by the name of each run what `lineage.leakage` wants to know of it.

    Args:
        workdir: as it was given to `load`.
        description: as `load` returned it.
    """
    members = description.get("trained_on") if "members" in description else None
    return {each["name"]: each for each in members} if members else {member_names(workdir)[0]: description}


def combine(names: Sequence[str], descriptions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the description of an ensemble from those of its members.

    Raises:
        DataError: they were trained on slices made in different ways, or average over different views; every
            difference is listed.
    """
    _refuse_differences(names, descriptions)
    first, chosen = descriptions[0], [carried.choices(each) for each in descriptions]
    gate = _common_gate([carried.gate(each) for each in descriptions])
    return {
        "preprocessing": first["preprocessing"],
        "class_names": first["class_names"],
        "views": list(views.stored(first)),
        **_combined_choices(chosen).to_dict(),
        "input_gate": gate.to_dict(),
        "weights_sha256": [each["weights_sha256"] for each in descriptions],
        "members": [
            {"weights_sha256": each["weights_sha256"], "threshold": choices.operating_point.threshold}
            for each, choices in zip(descriptions, chosen, strict=True)
        ],
        # Not among `members`, which an export hands on: flags hold paths of the machine that trained.
        "trained_on": [
            {"name": name, **{key: each.get(key) for key in _ORIGIN}}
            for name, each in zip(names, descriptions, strict=True)
        ],
        "versions": first.get("versions"),
    }


def _listed(workdir: str) -> list[str]:
    """Returns the names between commas; commas, and blanks at an end, that belong to an existing path stay with it."""
    words, names = workdir.split(","), []
    while words:
        longest = (number for number in range(len(words), 0, -1) if os.path.exists(",".join(words[:number])))
        number = next(longest, 0)
        names.append(",".join(words[:number]) if number else words[0].strip())
        words = words[number or 1 :]
    return names


def _runs_below(folder: str) -> list[str]:
    """Returns the runs of a folder of several, or the folder itself."""
    if Path(folder).is_file():
        raise DataError(
            f"{folder}: a file, of which nothing was read: a run is a folder. An .h5 file with weights of the slides' "
            "network goes with `predict --weights` and `train --init_weights`"
        )
    if pretrained.is_shipped(folder) or (Path(folder) / "model").exists():
        return [folder]
    for name in SUMMARIES:
        if (path := Path(folder) / name).is_file():
            return [str(Path(folder) / run) for run in _runs_in(path)]
    return [folder]


def _runs_in(path: Path) -> list[str]:
    try:
        content = read_json(path)
        runs = [run["name"] for run in content["runs"]]
        if not runs or not all(_RUN.fullmatch(run) for run in runs):
            raise ValueError(f"`runs` are {runs}")
    except (UnfitFileError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged, or of a training that did not end ({error}); train again") from error
    if sealed_json.was_changed(content):
        raise DataError(
            f"{path}: changed after it was written, so these may not be the runs that were trained; to leave some out, "
            "name the others, with commas between them"
        )
    return runs


def _refuse_differences(names: Sequence[str], descriptions: Sequence[Mapping[str, Any]]) -> None:
    told = {
        name: {
            **_as_mapping(each["preprocessing"]),
            "views": list(views.stored(each)),
            "class_names": each["class_names"],
        }
        for name, each in zip(names, descriptions, strict=True)
    }
    if found := differences(told):
        raise DataError.listing("these networks do not see the same slices, so they are no ensemble:", found)


def _as_mapping(value: Any) -> Mapping:
    return value if isinstance(value, Mapping) else {"preprocessing": value}


def _combined_choices(members: Sequence[Choices]) -> Choices:
    threshold = _mean_in_logits([each.operating_point.threshold for each in members])
    point = OperatingPoint(threshold, "fixed", OF_MEMBERS, f"the mean of the thresholds of {len(members)} networks")
    bands = [each.band for each in members]
    if None in bands:
        return Choices(point)
    low, high = (_mean_in_logits([getattr(band, end) for band in bands]) for end in ("low", "high"))
    # The threshold lies within each band, so its mean does, but for rounding.
    low, high = min(low, point.threshold), max(high, point.threshold)
    return Choices(point, IndeterminateBand(low, high, max(band.max_error for band in bands), OF_MEMBERS))


def _mean_in_logits(probabilities: Sequence[float]) -> float:
    def logit(probability: float) -> float:
        return math.log(max(probability, _SMALLEST)) - math.log(max(1 - probability, _SMALLEST))

    return float(sigmoid(fmean(map(logit, probabilities))))


def _common_gate(gates: Sequence[InputGate]) -> InputGate:
    measures = sorted({name for gate in gates for name in gate.bounds})
    bounds = {}
    for name in measures:
        lows, highs = zip(*(gate.bounds[name] for gate in gates if name in gate.bounds), strict=True)
        if max(lows) > min(highs):
            raise DataError(f"these networks were trained on slices that differ in every {name}: they are no ensemble")
        bounds[name] = max(lows), min(highs)
    return InputGate(bounds, sum(gate.num_slices for gate in gates))
