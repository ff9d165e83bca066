"""The keys under which slices and patients are known without naming them, in paths too."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from contrast_tfdata.intake.names import one_form, without_invisible


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

    Characters that cannot be seen, other blanks and other forms of Unicode hide no name. Different paths stay
    different: each way of writing the patient has a hash of its own, and the usual one that of the patient's group, 16
    hex digits.

    Args:
        path: of a file.
        patient: not empty; need not occur in it.
        secret: key of the hash, at most 64 bytes.
        also: further names of the patient, such as the number in a header; where several fit, the longest is taken.
    """
    names = {unicodedata.normalize("NFD", one_form(name)) for name in (patient, *also)} - {""}
    if not names:
        return path
    longest_first = sorted(names, key=lambda each: (-len(each), each))
    pattern = "|".join(r"\s+".join(map(re.escape, each.split(" "))) for each in longest_first)
    text, places = _as_seen(path)
    parts, end = [], 0
    for match in re.finditer(pattern, text, re.IGNORECASE):
        first, last = max(places[match.start()][0], end), places[match.end() - 1][1]
        parts += [path[end:first], group_key(f"patient:{path[first:last]}", secret)]
        end = last
    return "".join((*parts, path[end:]))


def _as_seen(path: str) -> tuple[str, list[tuple[int, int]]]:
    """Returns what is seen of a path, in form D of Unicode, and for each character of it where it is in the path.

    A letter may be in another form than the next one; each is taken with the marks on it.
    """
    if path.isascii() and path.isprintable():  # Most are, and there may be millions.
        return path, [(place, place + 1) for place in range(len(path))]
    letters = []
    for place, character in enumerate(path):
        if letters and unicodedata.combining(character):
            letters[-1] = letters[-1][0], place + 1
        elif without_invisible(character):
            letters.append((place, place + 1))
    texts = [unicodedata.normalize("NFD", without_invisible(path[first:last])) for first, last in letters]
    return "".join(texts), [letter for letter, text in zip(letters, texts, strict=True) for _ in text]
