"""What BIDS says of NIfTI volumes about contrast agent: in their names, and in the .json beside each (its sidecar).

Read are the entity `ce-<agent>` of a name (https://bids-specification.readthedocs.io, appendix on entities), and of the
sidecar ContrastBolusIngredient with SeriesDescription and ProtocolName, which converters copy from DICOM. A sidecar is
the file of the same name; those of folders above, which BIDS lets speak for all below, are not searched.
"""

import dataclasses
import json
import re
from collections.abc import Mapping

from contrast_tfdata.images import contrast_claims, sequences
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import UNKNOWN, ImageKind
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake.units import FileUnit

_VOLUME = re.compile(r"(.*)\.nii(\.gz)?", re.IGNORECASE | re.DOTALL)
_AGENT = re.compile(r"(?:^|_)ce-([^_.]+)")
_T1W = re.compile(r"sub-[^_/]+_(?:[^/]+_)?T1w\.nii(?:\.gz)?")
_BEFORE_AGENT = ("sub", "ses", "sample", "task", "tracksys", "acq")
"""Entities that come before `ce` in a name (BIDS 1.9, appendix on entities)."""
_SUFFIXES = {
    "t1w": "T1", "t2w": "T2", "flair": "FLAIR", "pdw": "PD", "pdt2": "PD", "t2starw": "T2*", "t2star": "T2*",
    "dwi": "DWI", "sbref": "other", "bold": "T2*", "cbv": "other", "epi": "other", "asl": "other", "m0scan": "other",
    "angio": "other", "t1map": "other", "t2map": "other", "r1map": "other", "r2map": "other", "r2starmap": "other",
    "phase": "other", "phasediff": "other", "phase1": "other", "phase2": "other", "magnitude1": "other",
    "magnitude2": "other", "fieldmap": "other", "mp2rage": "other", "unit1": "other",
}  # fmt: skip
"""Suffixes of BIDS 1.9 (appendix on suffixes) in small letters; `inplaneT2` and others that are rare are left out."""
_LABEL_MAP = re.compile(r"(?:.*_)?(?:mask|dseg|probseg)|sub-.*_label-[^_]+_.*", re.IGNORECASE | re.DOTALL)
"""Names of masks and segmentations (appendix on suffixes; Imaging derivatives): what they say of their regions may be
shares, which their voxels do not tell from greys."""
_MAX_SIDECAR_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Beside:
    """What names and sidecars say.

    Attributes:
        claims: about contrast agent, by the path of each volume.
        kinds: about sequence and content, by the path of each volume about which they say something.
        sidecars: paths of the sidecars.
    """

    claims: Mapping[str, Claim]
    kinds: Mapping[str, ImageKind]
    sidecars: frozenset[str]


def beside(units: Mapping[str, FileUnit]) -> Beside:
    """Returns what names and sidecars say; a .json that is no JSON object, or above 1 MiB, is no sidecar.

    Args:
        units: the files found, by path.
    """
    claims, kinds, sidecars = {}, {}, set()
    for path in units:
        volume = _VOLUME.fullmatch(path)
        if volume:
            claims[path] = _of_name(path)
            sidecar = f"{volume[1]}.json"
            fields = _read(units[sidecar]) if sidecar in units else None
            if fields is not None:
                claims[path] |= _of_fields(fields)
                sidecars.add(sidecar)
            kind = _kind(volume[1].rpartition("/")[2], fields or {})
            if kind != ImageKind():
                kinds[path] = kind
    return Beside(claims, kinds, frozenset(sidecars))


def _kind(stem: str, fields: Mapping) -> ImageKind:
    if _LABEL_MAP.fullmatch(stem):
        return ImageKind(content="label_map")
    return ImageKind(sequence=_sequence(stem, fields))


def _sequence(stem: str, fields: Mapping) -> str:
    """Returns the sequence that a sidecar's times, which BIDS gives in seconds, its words or the name's suffix say."""
    echo, repetition, inversion = (
        1000 * value if isinstance(value := fields.get(name), int | float) and not isinstance(value, bool) else None
        for name in ("EchoTime", "RepetitionTime", "InversionTime")
    )
    scanning = fields.get("ScanningSequence")
    words = set(re.findall(r"[A-Z]+", scanning.upper())) if isinstance(scanning, str) else set()
    is_gradient = ("GR" in words and "SE" not in words) if words else None
    timing = sequences.Timing(
        *map(sequences.milliseconds, (echo, repetition, inversion)), None, is_gradient, "EP" in words
    )
    texts = (text for text in map(fields.get, ("SeriesDescription", "ProtocolName")) if isinstance(text, str))
    found = sequences.sequence_of(timing, *texts)
    return found if found != UNKNOWN else _SUFFIXES.get(stem.rpartition("_")[2].lower(), UNKNOWN)


def is_t1w(path: str) -> bool:
    """Returns whether a path ends in a BIDS name of a T1-weighted volume."""
    return _T1W.fullmatch(path.rpartition("/")[2]) is not None


def renamed(name: str, *, enhanced: bool) -> str:
    """Returns the BIDS name of a T1w volume with the entity `ce-gadolinium`, or without it; any other agent stays.

    Args:
        name: as in `sub-01_acq-sag_run-1_T1w.nii.gz`.
        enhanced: whether it was taken after contrast agent.
    """
    *entities, suffix = name.split("_")
    agents = [each for each in entities if each.startswith("ce-")]
    others = [each for each in entities if not each.startswith("ce-")]
    if not enhanced:
        return "_".join([*others, suffix])
    agent = agents[0] if agents and contrast_claims.agent(agents[0][3:]) is not Claim.NO_GAD else "ce-gadolinium"
    place = sum(each.partition("-")[0] in _BEFORE_AGENT for each in others)
    return "_".join([*others[:place], agent, *others[place:], suffix])


def _of_name(path: str) -> Claim:
    label = _AGENT.search(path.rpartition("/")[2])
    return contrast_claims.agent(label[1]) if label else Claim.SILENT


def _of_fields(fields: Mapping) -> Claim:
    agent, series, protocol = (
        contrast_claims.described(text if isinstance(text, str) else "")
        for text in map(fields.get, ("ContrastBolusIngredient", "SeriesDescription", "ProtocolName"))
    )
    return agent | (series or protocol)


def _read(sidecar: FileUnit) -> dict | None:
    if sidecar.file.size > _MAX_SIDECAR_BYTES:
        return None
    try:
        fields = json.loads(sidecar.file.read())
    except (RejectedImageError, ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None
