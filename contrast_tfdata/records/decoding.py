"""What a worker process does: bytes of one unit in, small uint8 slices out. No TensorFlow here."""

import dataclasses

import numpy as np

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import FileFacts, RejectedImageError
from contrast_tfdata.records.units import Unit


@dataclasses.dataclass(frozen=True)
class DecodedSlice:
    """A slice ready to be written: (image_size, image_size) uint8, its label, its position in the volume or series."""

    pixels: np.ndarray
    label: int
    index: int


def decode_unit(
    work: tuple[Unit, FileFacts, tuple[int, ...], Preprocessing],
) -> list[DecodedSlice] | RejectedImageError:
    """Decodes, scales and resizes a unit's slices; a rejection is returned, so that the others go on."""
    unit, facts, indices, preprocessing = work
    try:
        return [DecodedSlice(preprocessing(each), label, each.index) for label, each in unit.read(facts, indices)]
    except RejectedImageError as error:
        return error
