"""How much is measured, as options that refuse bad values."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The defaults are those of a run for the record.

    Attributes:
        rounds: measurements of each variant.
        slow_rounds: measurements of variants that take many times as long (XLA on the slides' network, 16 bits).
        batch: slices of a training step.
        images: 512 x 512 PNGs of the slides' training folder; 901 there.
        growth_images: pictures of the smallest of the data sets x1, x4, x16.
        growth_slices: slices of the smallest of the sets of records x1, x3, x9; somewhat more than are shuffled
            together, beyond which memory is promised to be flat.
        epochs: epochs of the end-to-end comparison and of each input pipeline, 2 or more: the first one is cold.
        recipe_epochs: epochs of each recipe in the comparison of time to accuracy; 0 leaves it out.
        recipe_patients: synthetic patients of that comparison; 113 make 904 slices.
        recipe_seeds: runs of each recipe.
        series_files: DICOM files of the series whose verdict is waited for.
        largest_product: side of the largest matrices whose product says what the processor can do.
        slow_variants: measure also what takes 10 seconds and more a step: emulated 16 bits.
        smoke: whether everything works is all that is asked; how fast it is cannot be told at such sizes.
    """

    rounds: int = 7
    slow_rounds: int = 2
    batch: int = 64
    images: int = 901
    growth_images: int = 64
    growth_slices: int = 1300
    epochs: int = 3
    recipe_epochs: int = 15
    recipe_patients: int = 113
    recipe_seeds: int = 3
    series_files: int = 30
    largest_product: int = 4096
    slow_variants: bool = False
    smoke: bool = False

    def __post_init__(self):
        least = {"epochs": 2, "recipe_epochs": 0, "batch": 2, "growth_images": 4, "growth_slices": 8}
        # The slides' generator leaves a fifth out, and a step must be full.
        least |= {"images": 5 * self.batch // 4 + 1, "recipe_patients": 8}
        for field in dataclasses.fields(self):
            value, limit = getattr(self, field.name), least.get(field.name, 1)
            if not isinstance(field.default, bool) and value < limit:
                raise ValueError(f"`{field.name}` must be at least {limit}. Received: {field.name}={value}")

    @classmethod
    def smallest(cls) -> "Sizes":
        """Returns the sizes of `--smoke`."""
        return cls(
            rounds=1,
            slow_rounds=1,
            batch=4,
            images=12,
            growth_images=4,
            growth_slices=8,
            epochs=2,
            recipe_epochs=1,
            recipe_patients=8,
            recipe_seeds=1,
            series_files=4,
            largest_product=256,
            smoke=True,
        )
