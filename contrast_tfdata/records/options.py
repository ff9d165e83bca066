"""What decides how files become records, besides the files."""

import dataclasses

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.patients.options import PlanOptions


@dataclasses.dataclass(frozen=True)
class ConversionOptions:
    """How files become records.

    Attributes:
        plan: splits, selection, hashing.
        preprocessing: intensity and size.
        num_shards: files per split; None for as many as sizes suggest.
        skip_bad_images: leave out what cannot be used, and list it, instead of failing.
    """

    plan: PlanOptions = PlanOptions()
    preprocessing: Preprocessing = Preprocessing()
    num_shards: int | None = None
    skip_bad_images: bool = False
