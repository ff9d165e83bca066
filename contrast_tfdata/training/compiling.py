"""Optimizer and loss by name, and `compile`."""

import tensorflow as tf

from contrast_tfdata.model.private_interfaces import build_optimizer
from contrast_tfdata.training import addons
from contrast_tfdata.training.options import TrainingOptions
from contrast_tfdata.training.schedules import make_learning_rate


def compile_model(model: tf.keras.Model, options: TrainingOptions, *, steps_per_epoch: int, jit_compile: bool) -> None:
    """Compiles a network that returns logits.

    Under the policy mixed_float16, `compile` wraps the optimizer with automatic loss scaling.

    Args:
        model: returns (N, 1) float32 logits.
        options: the recipe.
        steps_per_epoch: updates in an epoch: schedules are told in epochs.
        jit_compile: compile the step with XLA.
    """
    optimizer = make_optimizer(options, make_learning_rate(options, steps_per_epoch))
    model.compile(optimizer, make_loss(options), jit_compile=jit_compile)
    # Optimizer and metrics have their state from the start, so that a checkpoint that lacks a part of it is noticed;
    # and several replicas cannot make it within the step.
    build_optimizer(model.optimizer, model.trainable_variables)
    model.compiled_metrics.build(tf.zeros((1, 1)), tf.zeros((1, 1)))


def make_optimizer(
    options: TrainingOptions, learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule
) -> tf.keras.optimizers.Optimizer:
    """Builds the optimizer, wrapped by a moving average of the weights where one is asked for."""
    makers = {
        "adam": lambda: _adam(options, learning_rate),
        "adamw": lambda: addons.adamw(learning_rate, options.weight_decay),
        "lamb": lambda: addons.lamb(learning_rate, options.weight_decay),
    }
    optimizer = makers[options.optimizer]()
    if options.ema_decay:
        optimizer = addons.moving_average(optimizer, options.ema_decay)
    if options.gradient_centralization:
        optimizer.gradient_transformers = [centralize]  # of the outermost one: the others see what it hands on
    return optimizer


def centralize(gradients: list[tuple[tf.Tensor, tf.Variable]]) -> list[tuple[tf.Tensor, tf.Variable]]:
    """Takes from each kernel's gradient its mean over the inputs of a unit (Yong et al. 2020, arXiv:2004.01461).

    Pixels and features here are never negative, so the gradients of a unit's weights share a common part, which only
    makes it larger or smaller for all slices alike.

    Args:
        gradients: pairs of gradient and variable; kernels have the unit last, (..., units), biases are left alone.
    """
    return [(_centralized(gradient), variable) for gradient, variable in gradients]


def _centralized(gradient: tf.Tensor) -> tf.Tensor:
    inputs = list(range(gradient.shape.rank - 1))
    return gradient - tf.reduce_mean(gradient, axis=inputs, keepdims=True) if inputs else gradient


def make_loss(options: TrainingOptions) -> tf.keras.losses.Loss | None:
    """Builds the loss on logits, one value per example; None stands for the network's own, cross-entropy."""
    if options.loss == "focal":
        return addons.focal_loss(options.focal_gamma, options.focal_alpha)
    return None


def take_averaged_weights(model: tf.keras.Model) -> bool:
    """Replaces the weights by their moving average; returns False where the optimizer keeps none."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # below loss scaling
    if not isinstance(optimizer, addons.MovingAverage):
        return False
    optimizer.assign_average_vars(model.trainable_variables)
    return True


def _adam(options: TrainingOptions, learning_rate) -> tf.keras.optimizers.Optimizer:
    # Addons' moving average wraps optimizers of the older interface only, and only they transform gradients; the update
    # rule is the same.
    older = options.ema_decay or options.gradient_centralization
    kind = tf.keras.optimizers.legacy.Adam if older else tf.keras.optimizers.Adam
    return kind(learning_rate=learning_rate)
