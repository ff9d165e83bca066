"""How a network is trained."""

import dataclasses
import math

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.pipeline.options import CLASS_WEIGHTS

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw", "lamb")
LOSSES = ("cross_entropy", "focal")
INITIAL_BIASES = ("none", "class_balance")
FINAL_WEIGHTS = ("last", "best")


def parse_profile_steps(text: str | None) -> tuple[int, int] | None:
    """Reads FROM,TO: the first and the last step of training, counted from 1, that are to be profiled.

    Raises:
        UsageError: not two whole numbers, 1 or more, in this order.
    """
    if not text:
        return None
    try:
        first, last = (int(number) for number in text.split(","))
    except ValueError:
        first, last = 0, 0
    if not 1 <= first <= last:
        raise UsageError(f"profile_steps must be the first and the last step, as in 10,20. Received: {text!r}")
    return first, last


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """The recipe; the defaults are the slides'.

    Attributes:
        epochs: passes over the training split.
        learning_rate: of the optimizer; the largest one where it changes.
        schedule: `constant`, or `cosine`: falls along half a cosine to 0 at the end of the last epoch.
        warmup_epochs: epochs, fractions too, over which the learning rate grows linearly; 0 for none.
        seed: of initial weights and dropout.
        optimizer: `adam` (Keras), `adamw` or `lamb` (TensorFlow Addons).
        weight_decay: of `adamw` and `lamb`.
        gradient_centralization: take from each kernel's gradient its mean over the inputs of a unit.
        loss: `cross_entropy`, or `focal` (Addons), both on logits.
        focal_gamma: exponent of the focal loss (2 in its paper).
        focal_alpha: weight of class 1 in the focal loss (0.25 in its paper).
        ema_decay: 0 for none, else the largest decay of the moving average of weights that becomes the result.
        class_weights: what a slice weighs in the loss, as in `PipelineOptions`.
        initial_bias: of the output: `none` (0), or `class_balance`: the log odds of class 1 in the training split.
        final_weights: `last`, or `best`: of the epoch with the smallest validation loss.
    """

    epochs: int = 15
    learning_rate: float = 5e-4
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    seed: int = 1020
    optimizer: str = "adam"
    weight_decay: float = 1e-4
    gradient_centralization: bool = False
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    ema_decay: float = 0.0
    class_weights: str = "none"
    initial_bias: str = "none"
    final_weights: str = "last"

    def __post_init__(self):
        choices = {
            "schedule": SCHEDULES, "optimizer": OPTIMIZERS, "loss": LOSSES, "class_weights": CLASS_WEIGHTS,
            "initial_bias": INITIAL_BIASES, "final_weights": FINAL_WEIGHTS,
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}. Received: {name}={getattr(self, name)}")
        if self.epochs < 1:
            raise UsageError(f"epochs must be at least 1. Received: epochs={self.epochs}")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be positive. Received: learning_rate={self.learning_rate}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise UsageError(
                "warmup_epochs must be at least 0 and less than epochs. Received: "
                f"warmup_epochs={self.warmup_epochs}, epochs={self.epochs}"
            )
        if not 0 <= self.ema_decay < 1:
            raise UsageError(f"ema must be at least 0 and less than 1. Received: ema={self.ema_decay}")
        if self.weight_decay < 0 or self.focal_gamma < 0 or not 0 < self.focal_alpha < 1:
            raise UsageError(
                "weight_decay and focal_gamma must not be negative, focal_alpha must be between 0 and 1. Received: "
                f"weight_decay={self.weight_decay}, focal_gamma={self.focal_gamma}, focal_alpha={self.focal_alpha}"
            )

    def initial_logit(self, counts: dict[str, int]) -> float:
        """Returns the bias with which the output begins: the constant logit of least cross-entropy, or 0 for `none`.

        It spares the first steps learning the share of the classes; the prior of Lin et al. 2017 (arXiv:1708.02002,
        section 3.3) with the share that the data have. Weighted classes count with their weights: equal ones give 0.

        Args:
            counts: examples per class in the training split, class 0 first.

        Raises:
            DataError: a class is missing, so that its share is no prior.
        """
        if self.initial_bias == "none":
            return 0.0
        if 0 in counts.values():
            raise DataError(f"initial_bias=class_balance needs training slices of both classes; there are {counts}")
        if self.class_weights != "none":
            return 0.0
        first, second = counts.values()
        return math.log(second / first)
