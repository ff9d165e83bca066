"""The names of files as records and reports hold them: without the patient that a path may name."""

import re
import unicodedata
from collections.abc import Iterable

from contrast_tfdata.patients.identity import group_key


def hide_patient(path: str, patient: str, secret: bytes = b"", *, also: Iterable[str] = ()) -> str:
    """Returns a path in which a keyed hash stands wherever the patient does, in capitals or not.

    Different paths stay different: each way of writing the patient has a hash of its own, and the usual one that of the
    patient's group, 16 hex digits.

    Args:
        path: of a file.
        patient: not empty; need not occur in it.
        secret: key of the hash, at most 64 bytes.
        also: further names of the patient, such as the number in a header; where several fit, the longest is taken.
    """
    # A table may write an umlaut as one character and the file system as two.
    names = {patient, *also}
    forms = names | {unicodedata.normalize(form, name) for form in ("NFC", "NFD") for name in names}
    longest_first = "|".join(re.escape(each) for each in sorted(forms, key=lambda each: (-len(each), each)))
    return re.sub(longest_first, lambda match: group_key(f"patient:{match[0]}", secret), path, flags=re.IGNORECASE)
