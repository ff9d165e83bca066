"""What the header of a DICOM file says about the scanner, in a few fixed words: figures are told apart by them.

Of the header's texts only which of these words fits leaves this module: a free text may name a hospital or a patient.
"""

import functools
import math
import re
from typing import Any

TAGS = ("Manufacturer", "MagneticFieldStrength")
"""The tags that it is made from (PS3.3, C.7.5.1 and C.8.3.1)."""

OTHER = "other"
"""What is not among the words below."""

# By the word that their Manufacturer begins with, in small letters. Philips also ships as Marconi and Picker.
_VENDORS = {
    "siemens": "Siemens",
    "ge": "GE",
    "gems": "GE",
    "philips": "Philips",
    "marconi": "Philips",
    "picker": "Philips",
    "canon": "Canon or Toshiba",
    "toshiba": "Canon or Toshiba",
    "hitachi": "Fujifilm or Hitachi",
    "fujifilm": "Fujifilm or Hitachi",
    "uih": "United Imaging",
    "united imaging": "United Imaging",
    "esaote": "Esaote",
}
_TESLA = (0.064, 0.2, 0.25, 0.35, 0.4, 0.5, 0.55, 0.7, 1.0, 1.2, 1.5, 3.0, 7.0)
_TOLERANCE = 0.08  # Relative: the magnets that are sold as 1.5 T have 1.44 to 1.55.
_GAUSS = 100.0  # No field in tesla is as large; some writers store gauss, 10,000 to the tesla.

Subgroups = tuple[tuple[str, str], ...]
"""Pairs of what is told apart, and the slice's own: (("field strength", "3 T"), ("vendor", "GE"))."""


def origin_of(dataset: Any) -> Subgroups:
    """Returns vendor and field strength, as far as a header has them; what it does not have is left out.

    Args:
        dataset: a pydicom Dataset that holds `TAGS`, or some of them.
    """
    return _words(_get(dataset, "Manufacturer"), _get(dataset, "MagneticFieldStrength"))


@functools.lru_cache(maxsize=1024)  # One object for all files of a scanner.
def _words(manufacturer: str, strength: str) -> Subgroups:
    found = {"field strength": _field(strength), "vendor": _vendor(manufacturer)}
    return tuple((name, word) for name, word in found.items() if word)


def _vendor(text: str) -> str:
    folded = text.strip().lower()
    matches = [name for start, name in _VENDORS.items() if re.match(rf"{start}(?![a-z])", folded)]
    return (matches[0] if matches else OTHER) if folded else ""


def _field(text: str) -> str:
    try:
        tesla = float(text)
    except ValueError:
        return ""
    tesla = tesla / 10_000 if tesla > _GAUSS else tesla
    if not (math.isfinite(tesla) and tesla > 0):
        return ""
    nearest = min(_TESLA, key=lambda each: abs(each - tesla))
    return f"{nearest:g} T" if abs(nearest - tesla) <= _TOLERANCE * nearest else OTHER


def _get(dataset: Any, keyword: str) -> str:
    """Returns an element's text; "" where it is missing or damaged, for the image is as good without it."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises dozens of kinds on damaged values.
        return ""
    return "" if value is None else str(value)
