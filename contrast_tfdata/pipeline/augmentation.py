"""Random transforms of training images: what the slides list for ImageDataGenerator, of grey levels, and cutout."""

import math

import tensorflow as tf

from contrast_tfdata.pipeline.options import Augmentation

_DRAWS = 12
"""Uniform numbers an image. Those of one seed begin alike however many there are, so more may be added at the end."""

_CUTOUT_SIDES = (0.12, 0.42)
"""Least and most side of the black square, as a share of the image's: 3 to 10 cm of a head that fills it. No square
hides all of what shows contrast, which is in sinuses, plexus, mucosa and vessels all over the head."""


def augment(images: tf.Tensor, seeds: tf.Tensor, options: Augmentation) -> tf.Tensor:
    """Transforms each image by draws of its own; the same seed always gives the same image.

    Args:
        images: (N, H, W) uint8.
        seeds: (N, 2) int64, one stateless seed an image.
        options: ranges.

    Returns:
        (N, H, W) uint8.
    """
    if not options.is_active:
        return images
    height, width = images.shape[1], images.shape[2]
    draws = tf.map_fn(lambda seed: tf.random.stateless_uniform([_DRAWS], seed), seeds, fn_output_signature=tf.float32)
    transforms = _matrices(draws, options, float(height), float(width))
    transformed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32)[..., tf.newaxis],
        transforms=transforms,
        output_shape=[height, width],
        fill_value=options.fill_value,
        interpolation="BILINEAR",
        fill_mode=options.fill_mode.upper(),
    )
    levels = tf.clip_by_value(transformed[..., 0], 0.0, 255.0)
    if options.log_gamma:
        levels = 255.0 * (levels / 255.0) ** _exponents(draws, options)[:, tf.newaxis, tf.newaxis]
    if options.cutout:
        levels = tf.where(_cut_out(draws, options, height, width), 0.0, levels)
    rounded = tf.cast(tf.round(levels), tf.uint8)
    return tf.ensure_shape(rounded, images.shape)  # Where the operation forgets it: the network needs it.


def _exponents(draws: tf.Tensor, options: Augmentation) -> tf.Tensor:
    """Returns (N,) exponents of the grey levels; 1 leaves them."""
    return tf.exp((2.0 * draws[:, 7] - 1.0) * options.log_gamma)


def _cut_out(draws: tf.Tensor, options: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns (N, height, width) bool: the pixels that cutout blackens."""
    least, most = _CUTOUT_SIDES
    half = (least + draws[:, 9] * (most - least)) / 2.0

    def within(draw: tf.Tensor, pixels: int) -> tf.Tensor:
        """Returns (N, pixels) bool: the square's rows or columns."""
        away = tf.range(pixels, dtype=tf.float32) - draw[:, tf.newaxis] * pixels
        return tf.abs(away) < half[:, tf.newaxis] * pixels

    square = within(draws[:, 10], height)[:, :, tf.newaxis] & within(draws[:, 11], width)[:, tf.newaxis]
    return square & (draws[:, 8] < options.cutout)[:, tf.newaxis, tf.newaxis]


def _matrices(draws: tf.Tensor, options: Augmentation, height: float, width: float) -> tf.Tensor:
    """Returns (N, 8) transforms from output to input pixels: rotation, shear, zoom and flips about the centre, shift.

    `draws` are (N, 12) uniform numbers in [0, 1), of which the first seven decide.
    """
    signed = 2.0 * draws - 1.0
    angle = signed[:, 0] * math.radians(options.rotation)
    shear = signed[:, 1] * math.radians(options.shear)
    scale_x, scale_y = 1.0 + signed[:, 2] * options.zoom, 1.0 + signed[:, 3] * options.zoom
    # One more draw decides both flips: its four quarters are the four combinations.
    quarter = draws[:, 6] * 4.0
    flip_x = tf.where(options.horizontal_flip & (tf.math.floormod(quarter, 2.0) < 1.0), -1.0, 1.0)
    flip_y = tf.where(options.vertical_flip & (quarter < 2.0), -1.0, 1.0)
    # [a b; c d] = rotation @ shear @ diag(scale * flip), as ImageDataGenerator composes them.
    a = tf.cos(angle) * scale_x * flip_x
    b = -tf.sin(angle + shear) * scale_y * flip_y
    c = tf.sin(angle) * scale_x * flip_x
    d = tf.cos(angle + shear) * scale_y * flip_y
    centre_x, centre_y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
    shift_x = signed[:, 4] * options.shift * width + centre_x - a * centre_x - b * centre_y
    shift_y = signed[:, 5] * options.shift * height + centre_y - c * centre_x - d * centre_y
    zero = tf.zeros_like(a)
    return tf.stack([a, b, shift_x, c, d, shift_y, zero, zero], axis=1)
