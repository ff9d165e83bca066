"""The golden list: inputs and weights on which `ContrastNet` must equal the plain Keras network, and how to compare."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from contrast_tfdata.model.architecture import weight_shapes
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network

SIZE = 331
SMALLER = 221
"""A side at which pooling leaves out a row and a column in every block of the plain network."""
LABELS = np.array([[0], [1]], np.float32)


# Such that no window comes near a tie (see `least_margin`), the last with the slides' trained weights. Where two values
# of a window, or one and zero, differ by a rounding only, another order of sums, as another CPU or form of the network
# has, sends the gradient another way.
GREY_SEED, RGB_SEED, SIIM_SEED = 7, 49, 5


def noise(*shape: int, seed: int | None = None) -> np.ndarray:
    seed = seed or (RGB_SEED if shape == (3,) else GREY_SEED)
    return np.random.default_rng(seed).integers(0, 256, (2, SIZE, SIZE, *shape), dtype=np.uint8)


def quantised() -> np.ndarray:
    """Four grey levels in blocks of 16 pixels: whole windows tie, in every layer."""
    levels = np.random.default_rng(8).integers(0, 4, (2, 21, 21), dtype=np.uint8) * 85
    return levels.repeat(16, axis=1).repeat(16, axis=2)[:, :SIZE, :SIZE]


def half_constant() -> np.ndarray:
    """Black, as around a head, then one bright constant."""
    images = np.zeros((2, SIZE, SIZE), np.uint8)
    images[:, 100:220, 60:250] = np.array([90, 200], np.uint8)[:, np.newaxis, np.newaxis]
    return images


IMAGES = {
    "grey_uint8": lambda: noise(),
    "grey_uint8_channel": lambda: noise(1),
    "grey_float": lambda: (noise() / 255).astype(np.float32),
    "rgb_float": lambda: (noise(3) / 255).astype(np.float32),
    "rgb_uint8": lambda: noise(3),
    "ties_quantised": quantised,
    "ties_constant": half_constant,
}


def images_of(case: str, size: int = SIZE) -> np.ndarray:
    """Returns the upper left part of a case's images: whatever it is, none of its windows is new."""
    return IMAGES[case]()[:, :size, :size]


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Returns what the slides' loader would hand to the network: (N, H, W, 3) float32 in 0..1."""
    if images.dtype == np.uint8:
        images = (images / 255).astype(np.float32)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return np.broadcast_to(images, (*images.shape[:3], 3))


def random_weights(image_size: int = SIZE) -> list[np.ndarray]:
    """He-scaled kernels, so that signals neither die nor explode, and biases that are not zero."""
    rng = np.random.default_rng(9)
    shapes = weight_shapes(image_size).values()
    scales = [np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.1 for shape in shapes]
    return [rng.normal(0, scale, shape).astype(np.float32) for scale, shape in zip(scales, shapes, strict=True)]


def least_margin(images: np.ndarray, weights: list[np.ndarray] | None = None) -> float:
    """Returns how near any pooling window comes to a tie, or to zero, in standard deviations of its layer (float64).

    Args:
        images: (N, H, W, 3) in 0..1.
        weights: the network's; None for the random ones.
    """
    x, weights, margins = tf.constant(images, tf.float64), weights or random_weights(), []
    for kernel, bias in zip(weights[:12:2], weights[1:12:2], strict=True):
        features = tf.nn.conv2d(x, kernel.astype(np.float64), 1, "VALID").numpy()
        height, width = (side // 2 * 2 for side in features.shape[1:3])
        shape = (len(features), height // 2, 2, width // 2, 2, -1)
        windows = np.moveaxis(features[:, :height, :width].reshape(shape), 2, 3).reshape(*shape[:2], shape[3], 4, -1)
        second, first = np.sort(windows, axis=3)[:, :, :, 2:].transpose(3, 0, 1, 2, 4)
        pooled = first + bias
        margins.append(min((first - second)[pooled > 0].min(), np.abs(pooled).min()) / features.std())
        x = tf.constant(np.maximum(pooled, 0))
    return min(margins)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Logits (N,) and the gradient of the mean loss to each weight array, all float32."""

    logits: np.ndarray
    gradients: list[np.ndarray]

    def errors(self, exact: "Outcome") -> np.ndarray:
        """Returns the relative L2 distance of the logits and of each gradient to the exact ones, (17,)."""
        pairs = zip([self.logits, *self.gradients], [exact.logits, *exact.gradients], strict=True)
        return np.array([np.linalg.norm(own - true) / np.linalg.norm(true) for own, true in pairs])


def outcome(model: tf.keras.Model, images: np.ndarray, labels=LABELS, *, jit_compile=False, training=False) -> Outcome:
    logits, gradients = _step(model, jit_compile, training)(tf.constant(images), tf.constant(labels))
    return Outcome(logits.numpy()[:, 0], [gradient.numpy() for gradient in gradients])


@functools.lru_cache(maxsize=32)
def _step(model: tf.keras.Model, jit_compile: bool, training: bool) -> Callable:
    """Returns logits and gradients as a function of images and labels: one a network, traced once a shape."""

    def run(images, labels):
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=training), tf.float32)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        return logits, tape.gradient(loss, model.trainable_variables)

    return tf.function(run, jit_compile=jit_compile)


@functools.cache
def exact_outcome(case: str, size: int = SIZE) -> Outcome:
    """Returns what the plain Keras network makes of a case in float32, with random weights."""
    return outcome(shared_reference(size), as_rgb(images_of(case, size)))


@functools.cache
def own_outcome(case: str, size: int = SIZE, *, pooling: str, jit_compile: bool = False, **kwargs) -> Outcome:
    """Returns what `ContrastNet` makes of a case, with random weights."""
    return outcome(shared_net(size, pooling=pooling, **kwargs), images_of(case, size), jit_compile=jit_compile)


def reference(weights: list[np.ndarray] | None = None, **kwargs) -> tf.keras.Model:
    model = reference_network(logits=True, **kwargs)
    model.set_weights(weights or random_weights())
    return model


def contrast_net(weights: list[np.ndarray] | None = None, **kwargs) -> ContrastNet:
    model = ContrastNet(**kwargs)
    model.set_weights(weights or random_weights())
    return model


@functools.cache
def shared_net(image_size: int = SIZE, **kwargs) -> ContrastNet:
    """Returns the network with the random weights: for all tests the same one, which none may change."""
    model = ContrastNet(image_size, **{"dtype": "float32", **kwargs})
    model.set_weights(random_weights(image_size))
    return model


@functools.cache
def shared_reference(image_size: int = SIZE) -> tf.keras.Model:
    """Returns the plain network likewise."""
    model = reference_network(image_size, logits=True)
    model.set_weights(random_weights(image_size))
    return model
