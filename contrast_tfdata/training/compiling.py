"""Optimizer and loss by name, and `compile`."""

import tensorflow as tf

from contrast_tfdata import addons
from contrast_tfdata.training.options import TrainingOptions


def compile_model(model: tf.keras.Model, options: TrainingOptions, *, jit_compile: bool) -> None:
    """Compiles a network that returns logits.

    Under the policy mixed_float16, `compile` wraps the optimizer with automatic loss scaling.

    Args:
        model: returns (N, 1) float32 logits.
        options: the recipe.
        jit_compile: compile the step with XLA.
    """
    accuracy = tf.keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)  # a logit of 0 is a probability of 0.5
    # Weighted, so that padding does not count.
    model.compile(make_optimizer(options), make_loss(options), weighted_metrics=[accuracy], jit_compile=jit_compile)
    if hasattr(model.optimizer, "build"):
        # Its state exists from the start, so that a checkpoint that lacks a part of it is noticed.
        model.optimizer.build(model.trainable_variables)


def make_optimizer(options: TrainingOptions) -> tf.keras.optimizers.Optimizer:
    """Builds the optimizer, wrapped by a moving average of the weights where one is asked for."""
    makers = {
        "adam": lambda: _adam(options),
        "adamw": lambda: addons.adamw(options.learning_rate, options.weight_decay),
        "lamb": lambda: addons.lamb(options.learning_rate, options.weight_decay),
    }
    optimizer = makers[options.optimizer]()
    return addons.moving_average(optimizer, options.ema_decay) if options.ema_decay else optimizer


def make_loss(options: TrainingOptions) -> tf.keras.losses.Loss:
    """Builds the loss on logits, one value per example: the network takes the weighted mean."""
    if options.loss == "focal":
        return addons.focal_loss(options.focal_gamma, options.focal_alpha)
    # From logits and in float32: from probabilities it saturates in 16 bits.
    return tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.NONE)


def take_averaged_weights(model: tf.keras.Model) -> bool:
    """Replaces the weights by their moving average; returns False where the optimizer keeps none."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # below loss scaling
    if not isinstance(optimizer, addons.MovingAverage):
        return False
    optimizer.assign_average_vars(model.trainable_variables)
    return True


def _adam(options: TrainingOptions) -> tf.keras.optimizers.Optimizer:
    # Addons' moving average wraps optimizers of the older interface only; the update rule is the same.
    kind = tf.keras.optimizers.legacy.Adam if options.ema_decay else tf.keras.optimizers.Adam
    return kind(learning_rate=options.learning_rate)
