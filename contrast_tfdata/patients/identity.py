"""The keys under which slices and patients are known without naming them, in paths too."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable


def example_id(sha256: bytes, position: int) -> str:
    """Stable key of a slice: 16 hex digits from its source's content and its position in it."""
    return hashlib.blake2b(f"{sha256.hex()}:{position}".encode(), digest_size=8).hexdigest()


def group_key(name: str, secret: bytes = b"") -> str:
    """Hashes a patient's name or number: 16 hex digits, BLAKE2b keyed with `secret` (at most 64 bytes).

    Without a secret, whoever holds a list of patient numbers can find out which of them is meant: a pseudonym, no more.
    """
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8, key=secret).hexdigest()


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
