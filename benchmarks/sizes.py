"""How much is measured, as options that refuse bad values."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The defaults are those of a run for the record.

    Attributes:
        rounds: measurements of each variant.
        slow_rounds: measurements of variants that take many times as long (XLA on the slides' network, 16 bits).
        images: 512 x 512 PNGs of the slides' training folder; 901 there.
        growth_images: pictures of the smallest of the data sets x1, x4, x16.
        epochs: epochs of the end-to-end comparison and of each input pipeline, 2 or more: the first one is cold.
        recipe_epochs: epochs of each recipe in the comparison of time to accuracy; 0 leaves it out.
        slow_variants: measure also what takes 10 seconds and more a step: emulated 16 bits.
    """

    rounds: int = 5
    slow_rounds: int = 2
    images: int = 901
    growth_images: int = 64
    epochs: int = 3
    recipe_epochs: int = 15
    slow_variants: bool = False

    def __post_init__(self):
        least = {"rounds": 1, "slow_rounds": 1, "images": 80, "growth_images": 16, "epochs": 2, "recipe_epochs": 0}
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise ValueError(f"`{name}` must be at least {limit}. Received: {name}={getattr(self, name)}")
