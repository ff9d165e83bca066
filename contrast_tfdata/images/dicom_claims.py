"""What the header of a DICOM file says about contrast agent, as a claim; none of its texts leaves this module."""

import functools
import operator
from collections.abc import MutableSequence
from typing import Any

from contrast_tfdata.images import contrast_claims
from contrast_tfdata.images.contrast_claims import Claim

_AGENT, _AGENTS = "ContrastBolusAgent", "ContrastBolusAgentSequence"
# The description is of the one series; the protocol often bears the name of the whole examination.
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName")
TAGS = (_AGENT, _AGENTS, *_DESCRIPTIONS)
"""The tags that a claim is made from."""


def claim_of(dataset: Any) -> Claim:
    """Returns what a header says, `CONTRADICTORY` where the agent and the description disagree.

    The agents are those of ContrastBolusAgent and its sequence; an empty element is silent. ProtocolName is asked only
    where SeriesDescription is silent.

    Args:
        dataset: a pydicom Dataset that holds `TAGS`, or some of them.
    """
    agents = [_text(dataset, _AGENT)]
    for item in _values(dataset, _AGENTS):
        if hasattr(item, "get"):  # Else the element is no sequence, whatever the file says.
            agents.append(_text(item, "CodeMeaning") or _text(item, "CodeValue"))
    described = (contrast_claims.described(_text(dataset, keyword)) for keyword in _DESCRIPTIONS)
    first = next(filter(None, described), Claim.SILENT)
    return functools.reduce(operator.or_, map(contrast_claims.agent, agents), first)


def _text(dataset: Any, keyword: str) -> str:
    return " ".join(value for value in _values(dataset, keyword) if isinstance(value, str))


def _values(dataset: Any, keyword: str) -> MutableSequence:
    """Returns the values of an element; none where it is missing or damaged, for the image is as good without it."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises dozens of kinds on damaged values.
        return []
    return value if isinstance(value, MutableSequence) else [value]
