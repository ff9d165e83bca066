"""The only module that imports TensorFlow Addons.

Addons is no longer maintained. What would replace each use, so that leaving it is a day's work:

* `transform_images`: `tf.raw_ops.ImageProjectiveTransformV3`, which it calls.
* `adamw`: `tf.keras.optimizers.AdamW`.
* `lamb`: `keras_cv`'s or an own LAMB; no Keras 2 equivalent.
* `focal_loss`: `tf.keras.losses.BinaryFocalCrossentropy(from_logits=True)`.
* `moving_average`: `use_ema=True` of the Keras optimizers.
"""

import warnings

import tensorflow as tf

with warnings.catch_warnings():
    # Its notice that it is no longer maintained: known here, and nothing that a user of these commands can act on.
    warnings.filterwarnings("ignore", message=r"(?s).*TensorFlow Addons \(TFA\) has ended", category=UserWarning)
    import tensorflow_addons as tfa

MovingAverage = tfa.optimizers.MovingAverage


def transform_images(images: tf.Tensor, transforms: tf.Tensor, *, fill_mode: str, fill_value: float) -> tf.Tensor:
    """Applies projective transforms with bilinear interpolation.

    Args:
        images: (N, H, W, C) float32.
        transforms: (N, 8): rows of the 3x3 matrix from output to input coordinates, without its last element 1.
        fill_mode: `constant`, `nearest`, `reflect` or `wrap`.
        fill_value: grey outside the image where `fill_mode` is `constant`.
    """
    return tfa.image.transform(images, transforms, interpolation="bilinear", fill_mode=fill_mode, fill_value=fill_value)


def adamw(learning_rate: float, weight_decay: float) -> tf.keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101)."""
    return tfa.optimizers.AdamW(weight_decay=weight_decay, learning_rate=learning_rate)


def lamb(learning_rate: float, weight_decay: float) -> tf.keras.optimizers.Optimizer:
    """LAMB: Adam with layer-wise trust ratios (You et al. 2020, arXiv:1904.00962)."""
    return tfa.optimizers.LAMB(learning_rate=learning_rate, weight_decay=weight_decay)


def focal_loss(gamma: float, alpha: float) -> tf.keras.losses.Loss:
    """Focal cross-entropy on logits, one value per example (Lin et al. 2017, arXiv:1708.02002)."""
    return tfa.losses.SigmoidFocalCrossEntropy(
        from_logits=True, gamma=gamma, alpha=alpha, reduction=tf.keras.losses.Reduction.NONE
    )


def moving_average(optimizer: tf.keras.optimizers.Optimizer, decay: float) -> tfa.optimizers.MovingAverage:
    """Wraps an optimizer so that it keeps an exponential moving average of the weights.

    The decay grows from 0 with the number of steps, so that a short run does not keep its initial weights.
    """
    return MovingAverage(optimizer, average_decay=decay, dynamic_decay=True)
