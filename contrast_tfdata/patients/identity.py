"""The keys under which slices and patients are known without naming them."""

import hashlib


def example_id(sha256: bytes, position: int) -> str:
    """Stable key of a slice: 16 hex digits from its source's content and its position in it."""
    return hashlib.blake2b(f"{sha256.hex()}:{position}".encode(), digest_size=8).hexdigest()


def group_key(name: str, secret: bytes = b"") -> str:
    """Hashes a patient's name or number: 16 hex digits, BLAKE2b keyed with `secret` (at most 64 bytes).

    Without a secret, whoever holds a list of patient numbers can find out which of them is meant: a pseudonym, no more.
    """
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8, key=secret).hexdigest()
