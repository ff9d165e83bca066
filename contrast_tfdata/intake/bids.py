"""What BIDS says of NIfTI volumes about contrast agent: in their names, and in the .json beside each (its sidecar).

Read are the entity `ce-<agent>` of a name (https://bids-specification.readthedocs.io, appendix on entities), and of the
sidecar ContrastBolusIngredient with SeriesDescription and ProtocolName, which converters copy from DICOM. A sidecar is
the file of the same name; those of folders above, which BIDS lets speak for all below, are not searched.
"""

import json
import re
from collections.abc import Mapping

from contrast_tfdata.images import contrast_claims
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake.units import FileUnit

_VOLUME = re.compile(r"(.*)\.nii(\.gz)?", re.IGNORECASE | re.DOTALL)
_AGENT = re.compile(r"(?:^|_)ce-([^_.]+)")
_MAX_SIDECAR_BYTES = 1 << 20


def claims_beside(units: Mapping[str, FileUnit]) -> tuple[dict[str, Claim], set[str]]:
    """Returns what names and sidecars say, by the path of each volume, and the paths of the sidecars.

    A .json that is no JSON object, or above 1 MiB, is no sidecar.

    Args:
        units: the files found, by path.
    """
    claims, sidecars = {}, set()
    for path in units:
        volume = _VOLUME.fullmatch(path)
        if volume:
            claims[path] = _of_name(path)
            sidecar = f"{volume[1]}.json"
            fields = _read(units[sidecar]) if sidecar in units else None
            if fields is not None:
                claims[path] |= _of_fields(fields)
                sidecars.add(sidecar)
    return claims, sidecars


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
