"""Optimizers and a loss of TensorFlow Addons, or the same functions where it is not installed.

The only module that imports it: Addons is no longer maintained, and there is none for Python 3.12 and later.
"""

import importlib.util
import warnings

import tensorflow as tf

from contrast_tfdata.training import without_addons

HAS_ADDONS = importlib.util.find_spec("tensorflow_addons") is not None

if HAS_ADDONS:
    with warnings.catch_warnings():
        # Its notice that it is no longer maintained: nothing that a user of these commands can act on.
        warnings.filterwarnings("ignore", message=r"(?s).*TensorFlow Addons \(TFA\) has ended", category=UserWarning)
        import tensorflow_addons as tfa

MovingAverage = tfa.optimizers.MovingAverage if HAS_ADDONS else without_addons.MovingAverage


def adamw(learning_rate: float, weight_decay: float) -> tf.keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101)."""
    kind = tfa.optimizers.AdamW if HAS_ADDONS else without_addons.AdamW
    return kind(weight_decay=weight_decay, learning_rate=learning_rate)


def lamb(learning_rate: float, weight_decay: float) -> tf.keras.optimizers.Optimizer:
    """LAMB: Adam with layer-wise trust ratios (You et al. 2020, arXiv:1904.00962)."""
    kind = tfa.optimizers.LAMB if HAS_ADDONS else without_addons.LAMB
    return kind(learning_rate=learning_rate, weight_decay=weight_decay)


def focal_loss(gamma: float, alpha: float) -> tf.keras.losses.Loss:
    """Focal cross-entropy on logits, one value per example (Lin et al. 2017, arXiv:1708.02002)."""
    options = {"from_logits": True, "gamma": gamma, "alpha": alpha, "reduction": tf.keras.losses.Reduction.NONE}
    if HAS_ADDONS:
        return tfa.losses.SigmoidFocalCrossEntropy(**options)
    return tf.keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, **options)


def moving_average(optimizer: tf.keras.optimizers.Optimizer, decay: float) -> tf.keras.optimizers.Optimizer:
    """Wraps an optimizer so that it keeps an exponential moving average of the weights.

    The decay grows from 0 with the number of steps, so that a short run does not keep its initial weights.
    """
    return MovingAverage(optimizer, average_decay=decay, dynamic_decay=True)
