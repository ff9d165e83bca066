"""The slides' network in plain Keras: what `ContrastNet` must equal, and the baseline of every benchmark."""

import tensorflow as tf

from contrast_tfdata.model.architecture import (
    DENSE_UNITS,
    DROPOUT,
    FILTERS,
    IMAGE_CHANNELS,
    IMAGE_SIZE,
    feature_size,
    numbered,
)

CHANNELS = "channels_last"
"""Whatever Keras's configuration says."""


def reference_network(
    image_size: int = IMAGE_SIZE, *, logits: bool = False, dropout: float = DROPOUT, seed: int | None = None
) -> tf.keras.Model:
    """Builds the functional model of the slides, table "CNN Model Summary" (109,073 parameters at 331 pixels).

    Args:
        image_size: side of the square input in pixels, at least 190.
        logits: leave out the sigmoid: the output is the logit instead of the probability.
        dropout: share of the flattened features dropped in training, 0 <= dropout < 1.
        seed: seeds every layer by itself and draws nothing from the global generator; None follows the global seed.

    Returns:
        A model from (N, image_size, image_size, 3) floats in 0..1 to (N, 1) in the compute dtype of the global policy.

    Raises:
        ValueError: if the image is too small for six blocks.
    """
    feature_size(image_size)
    inputs = tf.keras.Input((image_size, image_size, IMAGE_CHANNELS), name="input_1")
    x = inputs
    for index, filters in enumerate(FILTERS):
        x = tf.keras.layers.Conv2D(
            filters,
            3,
            activation="relu",
            data_format=CHANNELS,
            kernel_initializer=tf.keras.initializers.GlorotUniform(_layer_seed(seed, index)),
            name=numbered("conv2d", index),
        )(x)
        x = tf.keras.layers.MaxPooling2D(data_format=CHANNELS, name=numbered("max_pooling2d", index))(x)
    outputs = _head(x, dropout, seed)
    return tf.keras.Model(inputs, outputs if logits else tf.math.sigmoid(outputs), name="model")


def _head(features, dropout: float, seed: int | None):
    """Applies flatten, dropout and the two dense layers, and returns the logits."""
    x = tf.keras.layers.Flatten(CHANNELS, name="flatten")(features)
    x = tf.keras.layers.Dropout(dropout, seed=seed, name="dropout")(x)
    he_uniform = tf.keras.initializers.HeUniform(_layer_seed(seed, len(FILTERS)))
    x = tf.keras.layers.Dense(DENSE_UNITS, activation="relu", kernel_initializer=he_uniform, name="dense")(x)
    last = tf.keras.initializers.GlorotUniform(_layer_seed(seed, len(FILTERS) + 1))
    return tf.keras.layers.Dense(1, activation="linear", kernel_initializer=last, name="dense_1")(x)


def _layer_seed(seed: int | None, index: int) -> int | None:
    # One seed for all would make kernels of equal shape equal.
    return None if seed is None else seed + index
