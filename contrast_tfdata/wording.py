"""Words for people that every room uses."""


def plural(count: int, noun: str) -> str:
    """Returns a count with its noun, as in `1 file` and `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
