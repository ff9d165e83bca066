"""What a caller may ask of the phantom."""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class PhantomOptions:
    """How many slices a synthetic patient has, how large they are and how often rarer things happen.

    Attributes:
        slices_per_class: slices before contrast, and as many after it (1 or more).
        matrix: side of the square images in pixels, even, 64 to 1024. The anatomy is painted on twice this grid.
        max_offset_mm: how far from the midline the lateral half of the slices may lie (0 to 40 mm).
        stripped_rate: share of patients whose images show the brain only, as skull-stripping tools leave it.
        mismatch_rate: share of patients whose images after contrast come from another acquisition than those before.
        lesion_rate: share of patients with lesions, in both classes; they enhance after contrast only.
        distractor_rate: share of patients with spots that are bright without contrast (blood, fat, protein).
        defaced_rate: share of the other patients whose faces were cut off, as archives do before they publish heads.
        matched_rate: share of series to whose pictures a pipeline gave a fixed histogram. More than in any archive, so
            that brightness alone, which does not travel from scanner to scanner, is a poor cue to learn.
        jpeg_rate: share of images that were once a JPEG.
        other_sequences: in place of series after contrast, series that are not T1-weighted, and before them T1-weighted
            ones before or after contrast: what a network learns from to tell T1 from the rest.
        plasma: least and most mmol/L of contrast agent in the blood after contrast, drawn evenly on a log scale.

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    slices_per_class: int = 4
    matrix: int = 256
    max_offset_mm: float = 30.0
    stripped_rate: float = 0.3
    mismatch_rate: float = 0.5
    lesion_rate: float = 0.45
    distractor_rate: float = 0.3
    defaced_rate: float = 0.08
    matched_rate: float = 0.6
    jpeg_rate: float = 0.3
    plasma: tuple[float, float] = (0.3, 1.8)
    # Not in the text that stands for a patient in records: they must not change with a field that is not used.
    other_sequences: bool = dataclasses.field(default=False, repr=False)

    def __post_init__(self):
        if self.slices_per_class < 1:
            raise ValueError(f"slices_per_class must be 1 or more. Received: slices_per_class={self.slices_per_class}")
        if not 64 <= self.matrix <= 1024 or self.matrix % 2:
            raise ValueError(f"matrix must be an even number of pixels in 64..1024. Received: matrix={self.matrix}")
        if not 0.0 <= self.max_offset_mm <= 40.0:
            raise ValueError(f"max_offset_mm must be in 0..40 mm. Received: max_offset_mm={self.max_offset_mm}")
        for name in _RATES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be a share in 0..1. Received: {name}={getattr(self, name)}")
        if not 0.0 < self.plasma[0] <= self.plasma[1] <= 5.0:
            raise ValueError(f"plasma must be two rising values in 0..5 mmol/L. Received: plasma={self.plasma}")

    def with_rates(self, words: Iterable[str]) -> "PhantomOptions":
        """Returns these options with other rates.

        Args:
            words: `stripped=0.1` and the like: the name of a rate without its ending, and a share in 0..1.

        Raises:
            ValueError: a word is of another form, names no rate, names one twice, or its share is out of range.
        """
        rates: dict[str, float] = {}
        for word in words:
            name, _, value = word.partition("=")
            field = f"{name.strip()}_rate"
            if field not in _RATES or field in rates:
                raise ValueError(f"each of {', '.join(each[:-5] for each in _RATES)} may stand once. Received: {word}")
            try:
                rates[field] = float(value)
            except ValueError as error:
                raise ValueError(f"{name} needs a share in 0..1, as in {name}=0.3. Received: {word}") from error
        return dataclasses.replace(self, **rates)


_RATES = tuple(field.name for field in dataclasses.fields(PhantomOptions) if field.name.endswith("_rate"))

DEFAULT_OPTIONS = PhantomOptions()
"""Four slices of 256 x 256 pixels per class, as varied as archives are."""

EASY_OPTIONS = PhantomOptions(
    max_offset_mm=8.0,
    stripped_rate=0.0,
    mismatch_rate=0.0,
    lesion_rate=0.0,
    distractor_rate=0.0,
    defaced_rate=0.0,
    matched_rate=0.0,
    jpeg_rate=0.0,
    plasma=(0.6, 1.6),
)
"""Whole heads near the midline with full doses: what a network learns within minutes, for demonstrations."""
