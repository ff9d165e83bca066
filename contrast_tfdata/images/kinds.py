"""What an image is, in a few documented words: the plane it lies in, the sequence it was taken with, and what it shows.

Only these words leave a header; its texts stay where they are.
"""

import dataclasses
from collections.abc import Container

UNKNOWN = "unknown"

PLANES = ("sagittal", "coronal", "axial", UNKNOWN)
"""The plane of the body that an image lies nearest to."""

SEQUENCES = ("T1", "T2", "FLAIR", "PD", "DWI", "T2*", "other", UNKNOWN)
"""What weighs the signal; `other` is known to be none of these."""

CONTENTS = ("magnitude", "phase", "derived", "localizer", "mosaic", "projection", "screenshot", "label_map")
"""What the pixels show: the signal's magnitude; its phase or a part of it; something computed from several images; a
few slices to plan by; many slices in one picture; the brightest along a ray; a picture of a screen; the number of a
region. Only the magnitude is an image that can be before or after contrast agent."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImageKind:
    """What an image is.

    Attributes:
        plane: one of `PLANES`.
        sequence: one of `SEQUENCES`.
        content: one of `CONTENTS`.
    """

    plane: str = UNKNOWN
    sequence: str = UNKNOWN
    content: str = "magnitude"

    @property
    def says_t1(self) -> bool:
        """Whether the header says that it is T1-weighted."""
        return self.sequence == "T1"

    @property
    def is_other_sequence(self) -> bool:
        """Whether it is known not to be T1-weighted."""
        return self.sequence not in ("T1", UNKNOWN)


def documented(text: str, known: Container[str]) -> str:
    """Returns a text of a header where it is one of those that a standard defines, else `unknown`, or `missing`.

    Whatever a message or a table repeats of a header goes through this: any other text may name a patient.
    """
    return text if text in known else UNKNOWN if text else "missing"
