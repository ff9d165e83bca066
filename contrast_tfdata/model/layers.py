"""Layers that compute the slides' blocks exactly, with less work."""

import tensorflow as tf

from contrast_tfdata.model.runtime_plan import POOLING_METHODS


class ConvPool(tf.keras.layers.Layer):
    """A 3x3 valid convolution with bias and ReLU, then 2x2 max pooling.

    Equal to Keras's Conv2D and MaxPooling2D; only the gradient of what follows the convolution is written by hand (see
    `bias_relu_pool`).

    Args:
        filters: number of output channels.
        pooling: `native`, the framework's max pooling, the fastest where oneDNN or cuDNN run it; `reshape`, whose
            gradient has no scatter, for XLA; or `patches`, which also convolves by a matrix product, for XLA on CPUs.
        kernel_channels: input channels of the kernel; None takes the input's. An input with a single channel stands
            for that channel repeated: it is convolved with the kernel summed over its input channels, which is the
            same function with the same gradient for each of them.
        **kwargs: name, dtype and the like, as for any Keras layer.

    Shape: (N, H, W, C) to (N, (H - 2) // 2, (W - 2) // 2, filters) in the compute dtype.
    """

    def __init__(self, filters: int, *, pooling: str = "native", kernel_channels: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if pooling not in POOLING_METHODS:
            raise ValueError(f"`pooling` must be one of {POOLING_METHODS}. Received: pooling={pooling!r}")
        self.filters = filters
        self.pooling = pooling
        self.kernel_channels = kernel_channels

    def build(self, input_shape):
        """Creates kernel (3, 3, channels, filters), Glorot uniform, and bias (filters,), zeros, both float32."""
        channels = self.kernel_channels or input_shape[-1]
        # Without automatic casting: the kernel is summed over channels in float32 and rounded once.
        self.kernel = self.add_weight(
            "kernel", (3, 3, channels, self.filters), initializer="glorot_uniform", experimental_autocast=False
        )
        self.bias = self.add_weight("bias", (self.filters,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs):
        """Returns the block's features, (N, (H - 2) // 2, (W - 2) // 2, filters)."""
        kernel = self.kernel
        if inputs.shape[-1] == 1:
            kernel = tf.reduce_sum(kernel, axis=2, keepdims=True)
        convolve = patches_conv2d if self.pooling == "patches" else _native_conv2d
        x = convolve(inputs, tf.cast(kernel, self.compute_dtype))
        return bias_relu_pool(x, tf.cast(self.bias, self.compute_dtype), self.pooling)

    def get_config(self):
        """Returns the constructor's arguments."""
        own = {"filters": self.filters, "pooling": self.pooling, "kernel_channels": self.kernel_channels}
        return {**super().get_config(), **own}


def _native_conv2d(x, kernel):
    return tf.nn.conv2d(x, kernel, strides=1, padding="VALID")


def patches_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the valid convolution with stride 1 as one matrix product of patches and kernel, (N, H', W', filters).

    On CPUs XLA runs this, forward and backward, as Eigen's matrix product: a step takes two thirds of the time it takes
    with XLA's own convolutions. The price is memory: patches are as large as rows * columns inputs.

    Args:
        x: (N, H, W, C), floating.
        kernel: (rows, columns, C, filters), of the same dtype.
    """
    rows, columns, channels, filters = kernel.shape
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(rows) for j in range(columns)]
    patches = tf.reshape(tf.concat(shifted, axis=-1), (-1, rows * columns * channels))
    product = tf.matmul(patches, tf.reshape(kernel, (-1, filters)))
    return tf.reshape(product, (-1, height, width, filters))


def bias_relu_pool(x: tf.Tensor, bias: tf.Tensor, pooling: str) -> tf.Tensor:
    """Returns `max_pool_2x2(relu(x + bias))`, (N, H // 2, W // 2, C).

    The gradient passes ReLU and bias after pooling, where they touch a quarter of the elements: a window whose maximum
    is 0 takes no gradient, and of any other only the maximum does. Forward they cost nothing before pooling, since
    TensorFlow fuses them into the convolution.

    Args:
        x: (N, H, W, C), floating: a convolution's output.
        bias: (C,), of the same dtype.
        pooling: a method of `max_pool_2x2`.
    """

    @tf.custom_gradient
    def apply(x, bias):
        features = tf.nn.relu(tf.nn.bias_add(x, bias))
        # Persistent, so that a caller may ask for the gradient more than once, too.
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(features)
            pooled = max_pool_2x2(features, pooling)

        def grad(upstream):
            passed = tf.raw_ops.ReluGrad(gradients=upstream, features=pooled)
            return tape.gradient(pooled, features, passed), bias_gradient(passed)

        return pooled, grad

    return apply(x, bias)


def bias_gradient(upstream: tf.Tensor) -> tf.Tensor:
    """Returns the sum over all but the last axis of (N, H, W, C), floating: (C,) of the same dtype.

    Each dtype takes the operation that adds up in float32. TensorFlow 2.15's BiasAddGrad adds bfloat16 in bfloat16 on
    CPUs, where a sum stops growing at 256 times an addend (89 % off on 1.6 million values), and its sum does the same
    to float16, at 2048 times.
    """
    if upstream.dtype == tf.bfloat16:
        return tf.reduce_sum(upstream, axis=(0, 1, 2))
    return tf.raw_ops.BiasAddGrad(out_backprop=upstream)  # in float32 twice as fast as the sum


def max_pool_2x2(x: tf.Tensor, method: str) -> tf.Tensor:
    """Returns the maximum of each 2x2 window, (N, H // 2, W // 2, C).

    Every method gives a window's gradient to the first position, in row order, that holds the maximum.

    Args:
        x: (N, H, W, C), floating.
        method: `native`; or `reshape` and `patches`, which pool alike, with no scatter in the gradient.
    """
    if method == "native":
        return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
    even = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return _reshape_max_pool(even)


@tf.custom_gradient
def _reshape_max_pool(x):
    """Pools (N, H, W, C) with even H and W; `tf.reduce_max` alone would share a tie's gradient between positions."""
    _, height, width, channels = x.shape
    windows = tf.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    corners = [windows[:, :, row, :, column] for row in (0, 1) for column in (0, 1)]
    pooled = tf.maximum(tf.maximum(corners[0], corners[1]), tf.maximum(corners[2], corners[3]))

    def grad(upstream):
        routed = _first_position(corners, pooled, upstream)
        rows = [tf.stack(routed[:2], axis=3), tf.stack(routed[2:], axis=3)]
        return tf.reshape(tf.stack(rows, axis=2), (-1, height, width, channels))

    return pooled, grad


def _first_position(corners, pooled, upstream):
    """Returns the upstream gradient for each of a window's four corners: all of it for the first maximum, else zero."""
    routed = []
    taken = tf.zeros_like(pooled, dtype=tf.bool)
    for corner in corners:
        first = tf.logical_and(tf.equal(corner, pooled), tf.logical_not(taken))
        routed.append(tf.where(first, upstream, tf.zeros_like(upstream)))
        taken = tf.logical_or(taken, first)
    return routed
