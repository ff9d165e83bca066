"""JSON objects that hold their own SHA-256: an edit by hand does not pass unnoticed. It does not stop a forger."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "content_sha256"
"""Holds the digest of all other keys."""
_UNSEALED = 1
"""The last `format_version` without."""


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object with its digest, as it comes back from a file.

    Args:
        content: JSON values; its `format_version` is 2 or higher, so that a seal that was removed is missed.

    Raises:
        ValueError: a value does not fit into JSON.
    """
    content = json.loads(json.dumps(content, allow_nan=False))
    return {**content, KEY: _digest(content)}


def was_changed(content: Mapping[str, Any]) -> bool:
    """Returns whether an object is not what `sealed` returned; one from before there were seals need not be."""
    if KEY not in content:
        return content.get("format_version", _UNSEALED) != _UNSEALED
    return content[KEY] != _digest(content)


def _digest(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of the canonical text: keys in order, no blanks, ASCII."""
    others = {key: value for key, value in content.items() if key != KEY}
    return hashlib.sha256(json.dumps(others, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
