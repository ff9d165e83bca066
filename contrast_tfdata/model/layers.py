"""Layers that compute the slides' blocks exactly, with less work."""

import tensorflow as tf

POOLING_METHODS = ("native", "reshape")


class ConvPool(tf.keras.layers.Layer):
    """A 3x3 valid convolution, 2x2 max pooling, bias and ReLU, in this order.

    Equal to Keras's [convolution + bias + ReLU, pooling]: adding a constant and ReLU are monotonic, also after
    rounding, so they may follow the maximum, where they touch a quarter of the elements.

    Args:
        filters: number of output channels.
        pooling: `native`, the framework's max pooling, the fastest where oneDNN or cuDNN run it; or `reshape`, whose
            gradient has no scatter, for XLA.
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
        x = tf.nn.conv2d(inputs, tf.cast(kernel, self.compute_dtype), strides=1, padding="VALID")
        x = max_pool_2x2(x, self.pooling)
        return tf.nn.relu(tf.nn.bias_add(x, self.bias))

    def get_config(self):
        """Returns the constructor's arguments."""
        own = {"filters": self.filters, "pooling": self.pooling, "kernel_channels": self.kernel_channels}
        return {**super().get_config(), **own}


def max_pool_2x2(x: tf.Tensor, method: str) -> tf.Tensor:
    """Returns the maximum of each 2x2 window, (N, H // 2, W // 2, C).

    Both methods give a window's gradient to the first position, in row order, that holds the maximum.

    Args:
        x: (N, H, W, C), floating.
        method: `native` or `reshape`; the second has no scatter in its gradient.
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
