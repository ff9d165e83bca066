"""How a network is trained."""

import dataclasses

from contrast_tfdata.errors import UsageError

OPTIMIZERS = ("adam", "adamw", "lamb")
LOSSES = ("cross_entropy", "focal")
CLASS_WEIGHTS = ("none", "balanced")
FINAL_WEIGHTS = ("last", "best")


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """The recipe; the defaults are the slides'.

    Attributes:
        epochs: passes over the training split.
        learning_rate: of the optimizer, constant.
        seed: of initial weights and dropout.
        optimizer: `adam` (Keras), `adamw` or `lamb` (TensorFlow Addons).
        weight_decay: of `adamw` and `lamb`.
        loss: `cross_entropy`, or `focal` (Addons), both on logits.
        focal_gamma: exponent of the focal loss (2 in its paper).
        focal_alpha: weight of class 1 in the focal loss (0.25 in its paper).
        ema_decay: 0 for none, else the largest decay of the moving average of weights that becomes the result.
        class_weights: `none`, or `balanced`: inversely proportional to the class's share.
        final_weights: `last`, or `best`: of the epoch with the smallest validation loss.
    """

    epochs: int = 15
    learning_rate: float = 5e-4
    seed: int = 1020
    optimizer: str = "adam"
    weight_decay: float = 1e-4
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    ema_decay: float = 0.0
    class_weights: str = "none"
    final_weights: str = "last"

    def __post_init__(self):
        choices = {
            "optimizer": OPTIMIZERS, "loss": LOSSES, "class_weights": CLASS_WEIGHTS, "final_weights": FINAL_WEIGHTS
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}. Received: {name}={getattr(self, name)}")
        if self.epochs < 1:
            raise UsageError(f"epochs must be at least 1. Received: epochs={self.epochs}")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be positive. Received: learning_rate={self.learning_rate}")
        if not 0 <= self.ema_decay < 1:
            raise UsageError(f"ema must be at least 0 and less than 1. Received: ema={self.ema_decay}")
        if self.weight_decay < 0 or self.focal_gamma < 0 or not 0 < self.focal_alpha < 1:
            raise UsageError(
                "weight_decay and focal_gamma must not be negative, focal_alpha must be between 0 and 1. Received: "
                f"weight_decay={self.weight_decay}, focal_gamma={self.focal_gamma}, focal_alpha={self.focal_alpha}"
            )

    def weight_of_classes(self, counts: dict[str, int]) -> tuple[float, float]:
        """Returns the loss weight of each class; `balanced` is n / (2 n_class), scikit-learn's rule.

        Args:
            counts: examples per class in the training split, class 0 first.
        """
        if self.class_weights == "none":
            return (1.0, 1.0)
        total = sum(counts.values())
        first, second = (total / (2 * count) if count else 0.0 for count in counts.values())
        return (first, second)
