"""What a worker process does: bytes of one unit in, small uint8 slices out. No TensorFlow here."""

import dataclasses

import numpy as np

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.images.thumbnail import thumbnail
from contrast_tfdata.intake.units import Unit

Work = tuple[Unit, FileFacts, tuple[int, ...], Preprocessing]


@dataclasses.dataclass(frozen=True)
class DecodedSlice:
    """A slice ready to be written.

    Attributes:
        pixels: (image_size, image_size) uint8.
        label: 0 or 1; -1 where it is not known.
        index: position in the volume or series.
        shape: (height, width) that it had in its file.
    """

    pixels: np.ndarray
    label: int
    index: int
    shape: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class DecodedUnit:
    """A unit's slices, and the thumbnail of the middle one where it was asked for: (48, 48) uint8."""

    slices: list[DecodedSlice]
    thumbnail: np.ndarray | None = None


def decode_unit(work: Work) -> list[DecodedSlice] | RejectedImageError:
    """Decodes, scales and resizes a unit's slices; a rejection is returned, so that the others go on."""
    decoded = decode(work, compare=False)
    return decoded if isinstance(decoded, RejectedImageError) else decoded.slices


def decode(work: Work, *, compare: bool) -> DecodedUnit | RejectedImageError:
    """The same; with `compare`, a thumbnail of the middle slice is made of what has been decoded anyway."""
    unit, facts, indices, preprocessing = work
    try:
        read = unit.read(facts, indices)
    except RejectedImageError as error:
        return error
    slices = [DecodedSlice(preprocessing(each), label, each.index, each.pixels.shape) for label, each in read]
    middle = thumbnail(read[len(read) // 2][1].pixels) if compare else None
    return DecodedUnit(slices, middle)
