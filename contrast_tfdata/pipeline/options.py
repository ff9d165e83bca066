"""How batches are made, as options that refuse bad values; no TensorFlow here."""

import dataclasses
import math
import numbers
from pathlib import Path

from contrast_tfdata.errors import UsageError

CACHES = ("memory", "disk", "none")
CLASS_WEIGHTS = ("none", "balanced", "balanced_patients", "batch")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")
_LIMITS = {
    "rotation": 180,
    "shear": 89,
    "zoom": 0.99,
    "shift": 1,
    "fill_value": 255,
    "log_gamma": 3,
    "cutout": 1,
}
"""Most that each number of an augmentation may be; the least is 0."""
_STEP_OF_ROWS = 64
"""In which padding is left out: other numbers of rows are rounded in another way, so usual batches keep theirs."""


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of the random transforms, all off by default.

    All but the last two are named and meant as in Keras's ImageDataGenerator.

    Attributes:
        rotation: degrees; drawn from -rotation to +rotation.
        shear: degrees; drawn from -shear to +shear.
        zoom: both axes are scaled by factors drawn from 1 - zoom to 1 + zoom.
        shift: fraction of height and of width; drawn from -shift to +shift.
        horizontal_flip: mirror left and right half of the time.
        vertical_flip: mirror top and bottom half of the time.
        fill_mode: what lies outside the image: `constant`, `nearest`, `reflect` or `wrap`.
        fill_value: grey for `constant`, 0 to 255; it is part of the picture whose grey levels `log_gamma` changes.
        log_gamma: grey levels, as shares of 255, are raised to exp(b), with b drawn from -log_gamma to +log_gamma.
            Black and white stay, and so does which of two pixels is brighter, but for rounding.
        cutout: share of the images in which a square is black, 0 to 1, so that no one place is all that is looked at
            (DeVries & Taylor 2017, arXiv:1708.04552). Its centre is anywhere in the image, so part of it may lie
            outside; its side is drawn from 12 % to 42 % of the image's.
    """

    rotation: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill_mode: str = "constant"
    fill_value: float = 0.0
    log_gamma: float = 0.0
    cutout: float = 0.0

    def __post_init__(self):
        for name, limit in _LIMITS.items():
            if not 0 <= getattr(self, name) <= limit:
                raise UsageError(f"augment: {name} must be from 0 to {limit}. Received: {name}={getattr(self, name)}")
        if self.fill_mode not in FILL_MODES:
            raise UsageError(f"augment: fill_mode must be one of {', '.join(FILL_MODES)}. Received: {self.fill_mode}")

    @property
    def is_active(self) -> bool:
        """Whether any image would be changed."""
        geometric = (self.rotation, self.shear, self.zoom, self.shift, self.horizontal_flip, self.vertical_flip)
        return any((*geometric, self.log_gamma, self.cutout))

    @classmethod
    def parse(cls, text: str) -> "Augmentation":
        """Reads `rotation=10,zoom=0.2,horizontal_flip`; an empty text means none. Raises UsageError."""
        kinds = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        values = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            if name not in kinds:
                raise UsageError(f"augment: unknown transform {name!r}; there are {', '.join(kinds)}")
            values[name] = _parse_value(name, value, kinds[name])
        return cls(**values)


@dataclasses.dataclass(frozen=True)
class PipelineOptions:
    """How batches are made.

    Attributes:
        batch_size: examples in a batch.
        seed: seed of order and augmentation.
        cache: where decoded examples stay after the first epoch: `memory`, `disk` or `none`.
        cache_dir: folder for the disk cache.
        augmentation: random transforms of training images.
        class_weights: what a training slice weighs in the loss (see `weighing`): `none`: 1; `balanced`: inversely
            proportional to its class's share in the split; `balanced_patients`: so that each class counts the same,
            and so does each patient in a class; or `batch`: inversely proportional to its class's share in each batch.
        pairs: keep a slice before and one after contrast of the same group and place together in a batch; of the same
            group alone where the records hold pictures, whose places are unknown.
        static_shapes: pad the last batch of an epoch, with weight 0, so that a compiled step serves every batch.
        replicas: of the network that a batch is divided among, in equal parts.
    """

    batch_size: int = 64
    seed: int = 1020
    cache: str = "memory"
    cache_dir: Path | None = None
    augmentation: Augmentation = Augmentation()
    class_weights: str = "none"
    pairs: bool = False
    static_shapes: bool = False
    replicas: int = 1

    def __post_init__(self):
        for name in ("batch_size", "seed"):
            if not isinstance(getattr(self, name), numbers.Integral):
                raise UsageError(f"{name} must be a whole number. Received: {name}={getattr(self, name)!r}")
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1. Received: batch_size={self.batch_size}")
        for name, allowed in (("cache", CACHES), ("class_weights", CLASS_WEIGHTS)):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}. Received: {name}={getattr(self, name)}")
        if self.cache == "disk" and self.cache_dir is None:
            raise UsageError("cache=disk needs a cache_dir")

    def rows(self, num_examples: int) -> int:
        """Returns how many rows a padded batch has: those of `batch_size`, but not many more than there are examples.

        What would be padding alone is left out in steps of `_STEP_OF_ROWS`, and equally in each replica's part; batches
        of up to that size are always padded to what was asked for.

        Args:
            num_examples: the most that a batch will hold.
        """
        step = math.lcm(_STEP_OF_ROWS, self.replicas)
        return min(self.batch_size, -(-num_examples // step) * step)


def _parse_value(name: str, value: str, kind: type):
    try:
        if kind is bool:
            return {"": True, "true": True, "false": False}[value.lower()]
        return kind(value)
    except (ValueError, KeyError):
        raise UsageError(f"augment: {name} needs a {kind.__name__}. Received: {value!r}") from None
