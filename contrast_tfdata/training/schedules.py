"""The learning rate, step by step."""

import tensorflow as tf

from contrast_tfdata.training.options import TrainingOptions


def make_learning_rate(
    options: TrainingOptions, steps_per_epoch: int
) -> float | tf.keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a whole run: a number, or a function of the optimizer's count of updates.

    The count is part of every checkpoint, so a resumed run goes on where it stopped. An update that loss scaling skips
    (mixed_float16) is not counted.

    With n updates, w of them warm-up, and peak p, update i = 0, 1, ... has p (i + 1) / (w + 1) while i < w. After that
    `constant` has p, and `cosine` p (1 + cos(pi (i - w) / (n - w))) / 2 (Loshchilov & Hutter 2017, arXiv:1608.03983):
    p at i = w, and 0 at i = n, just after the last update.

    Args:
        options: the recipe.
        steps_per_epoch: updates in an epoch.
    """
    warmup = round(options.warmup_epochs * steps_per_epoch)
    if options.schedule == "constant" and not warmup:
        return options.learning_rate
    return tf.keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=options.learning_rate / (warmup + 1),  # from 0, the first update would change nothing
        warmup_target=options.learning_rate,
        warmup_steps=warmup,
        # Few steps, and a warm-up just short of the run, could round to nothing being left.
        decay_steps=max(options.epochs * steps_per_epoch - warmup, 1),
        alpha=1.0 if options.schedule == "constant" else 0.0,  # the share of the peak at which it ends
    )
