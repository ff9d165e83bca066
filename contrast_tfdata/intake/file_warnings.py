"""What people are told about files that were accepted, although something about them is odd."""

from collections import Counter
from collections.abc import Iterable

from contrast_tfdata.images.slices import FileFacts
from contrast_tfdata.wording import plural

_TEXTS = {
    "plane_unknown": "the file does not say how its slices lie (DICOM without ImageOrientationPatient, taken for "
    "sagittal; NIfTI without qform and sform code, taken for the axes of ANALYZE)",
    "burned_in_unknown": "DICOM does not say whether text is burnt into its pixels (BurnedInAnnotation)",
    "name_disagrees": "the name promises another format than the content has; the content decides",
}
"""By the codes of `FileFacts.warnings`."""


def lines(scanned: Iterable[tuple[str, FileFacts]], *, examples: bool = False) -> list[str]:
    """Returns a line for each kind of warning: how many files it is of, and what it means; nothing from a header.

    Args:
        scanned: the path of each file, and what is known of it.
        examples: whether a line names the first of its files, so that a person can look at it.
    """
    counts, first = Counter(), {}
    for path, facts in scanned:
        counts.update(facts.warnings)
        for code in facts.warnings:
            first.setdefault(code, path)
    return [
        f"{plural(count, 'file')}: {_TEXTS.get(code, code)}{f'; for example {first[code]}' if examples else ''}"
        for code, count in sorted(counts.items())
    ]
