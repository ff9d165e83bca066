"""Layers that compute the slides' blocks exactly, with less work."""

import tensorflow as tf

from contrast_tfdata.model.runtime_plan import POOLING_METHODS


class ConvPool(tf.keras.layers.Layer):
    """A 3x3 valid convolution with bias and ReLU, then 2x2 max pooling.

    Equal to Keras's Conv2D and MaxPooling2D; only the gradient of what follows the convolution is written by hand (see
    `bias_relu_pool`).

    Args:
        filters: number of output channels.
        pooling: `native`, the framework's max pooling, the fastest where oneDNN or cuDNN run it; for XLA, whose
            gradient of that is a scatter, `folded` on GPUs (see `folded_conv_pool`), and on CPUs `patches`, which
            also convolves by a matrix product.
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
        if self.pooling == "folded":
            return folded_conv_pool(inputs, kernel, tf.cast(self.bias, self.compute_dtype), _fold_of(inputs.shape[-1]))
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


def _fold_of(channels: int) -> int:
    """Returns the side of the squares that `folded` takes for one pixel, given an input's channels."""
    if channels < 16:
        return 4
    return 2 if channels < 32 else 1


def folded_conv_pool(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, fold: int) -> tf.Tensor:
    """Returns `max_pool_2x2(relu(conv2d(x, kernel) + bias))`, (N, (H - 2) // 2, (W - 2) // 2, filters).

    A GPU's matrix units want more channels than the first blocks have. Folded, the pixels of a square are channels of
    one pixel, and a 3x3 convolution is one of 2x2 (see `folded_kernel`): 16 or, for a fold of 4, 64 products instead of
    9, the others with zeros, in a fraction of the time; and the corners of a pooling window lie side by side as
    channels. The gradient needs nothing of the features but the place of each maximum, one byte a window.

    Args:
        x: (N, H, W, C), floating.
        kernel: (3, 3, C, filters) float32; rounded to the dtype of `x` only once folded, so that the parts of its
            gradient add up in float32.
        bias: (filters,), of the dtype of `x`.
        fold: side of the square, 2 or 4; 1 convolves as usual.
    """
    height, width = (x.shape[1] - 2) // 2, (x.shape[2] - 2) // 2
    if fold == 1:
        x = x[:, : 2 * height + 2, : 2 * width + 2]
        return bias_relu_pool_by_place(_native_conv2d(x, tf.cast(kernel, x.dtype)), bias, folded=False)
    folded = tf.nn.space_to_depth(_with_whole_squares(x, fold), fold)
    convolved = _native_conv2d(folded, tf.cast(folded_kernel(kernel, fold), x.dtype))
    pooled = bias_relu_pool_by_place(convolved, bias, folded=True)
    if fold > 2:
        pooled = tf.nn.depth_to_space(pooled, fold // 2)
    return pooled[:, :height, :width]


def _with_whole_squares(x, fold):
    """Returns the pixels that the pooled features depend on, with zeros up to a whole number of squares."""
    squares = [-(-((side - 2) // 2 * 2) // fold) + 1 for side in x.shape[1:3]]
    x = x[:, : fold * squares[0], : fold * squares[1]]
    missing = [fold * number - side for number, side in zip(squares, x.shape[1:3], strict=True)]
    if not any(missing):
        return x
    return tf.pad(x, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])


def folded_kernel(kernel: tf.Tensor, fold: int) -> tf.Tensor:
    """Returns the 2x2 kernel that does to folded pixels what a 3x3 kernel does to pixels.

    Args:
        kernel: (3, 3, channels, filters).
        fold: even; the input is that of `tf.nn.space_to_depth` with blocks of this size.

    Returns:
        (2, 2, fold**2 * channels, fold**2 * filters). Outputs are ordered by place in the pooling window, then by
        window as in `space_to_depth`, then by filter.
    """
    channels, filters = kernel.shape[2:]
    windows, spare = range(0, fold, 2), 2 * fold - 3
    starts = [(i + row, j + column) for row in (0, 1) for column in (0, 1) for i in windows for j in windows]
    shifted = [tf.pad(kernel, [[i, spare - i], [j, spare - j], [0, 0], [0, 0]]) for i, j in starts]
    squares = tf.reshape(tf.stack(shifted, axis=3), (2, fold, 2, fold, channels, fold**2 * filters))
    return tf.reshape(tf.transpose(squares, (0, 2, 1, 3, 4, 5)), (2, 2, fold**2 * channels, fold**2 * filters))


_NOWHERE = 4
"""Place of a maximum that ReLU silences; the others are 0 to 3, in row order."""


def bias_relu_pool_by_place(x: tf.Tensor, bias: tf.Tensor, *, folded: bool) -> tf.Tensor:
    """Returns `max_pool_2x2(relu(x + bias))`; the gradient follows from where in its window each maximum was.

    Args:
        x: a convolution's output: (N, H, W, C) with even H and W, or, folded, (N, H, W, 4 * windows * C).
        bias: (C,), of the same dtype.
        folded: whether the corners of a window are groups of channels.
    """

    @tf.custom_gradient
    def apply(x, bias):
        _, height, width, channels = x.shape
        (filters,) = bias.shape
        features = tf.nn.relu(tf.nn.bias_add(x, tf.tile(bias, [channels // filters])))
        corners = tf.split(features, 4, axis=-1) if folded else _corners(features)
        top, bottom = tf.maximum(corners[0], corners[1]), tf.maximum(corners[2], corners[3])
        pooled = tf.maximum(top, bottom)
        in_top = tf.where(corners[0] >= corners[1], _place(0), _place(1))
        in_bottom = tf.where(corners[2] >= corners[3], _place(2), _place(3))
        place = tf.where(pooled > 0, tf.where(top >= bottom, in_top, in_bottom), _place(_NOWHERE))

        def grad(upstream):
            if folded:
                is_here = place[..., tf.newaxis, :] == _place([[0], [1], [2], [3]])
                upstream = upstream[..., tf.newaxis, :]
            else:
                is_here = place[:, :, tf.newaxis, :, tf.newaxis] == _place([[[[0], [1]]], [[[2], [3]]]])
                upstream = upstream[:, :, tf.newaxis, :, tf.newaxis]
            routed = tf.reshape(tf.where(is_here, upstream, tf.zeros([], x.dtype)), (-1, height, width, channels))
            # Of what goes to `x`: XLA adds it up while writing it.
            sums = tf.reduce_sum(tf.cast(routed, tf.float32), axis=(0, 1, 2))
            return routed, tf.cast(tf.reduce_sum(tf.reshape(sums, (-1, filters)), axis=0), x.dtype)

        return pooled, grad

    return apply(x, bias)


def _place(number):
    return tf.constant(number, tf.uint8)


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

    Both methods give a window's gradient to the first position, in row order, that holds the maximum.

    Args:
        x: (N, H, W, C), floating.
        method: `native`; or `patches`, with no scatter in the gradient.
    """
    if method == "native":
        return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
    even = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return _reshape_max_pool(even)


@tf.custom_gradient
def _reshape_max_pool(x):
    """Pools (N, H, W, C) with even H and W; `tf.reduce_max` alone would share a tie's gradient between positions."""
    _, height, width, channels = x.shape
    corners = _corners(x)
    pooled = tf.maximum(tf.maximum(corners[0], corners[1]), tf.maximum(corners[2], corners[3]))

    def grad(upstream):
        routed = _first_position(corners, pooled, upstream)
        rows = [tf.stack(routed[:2], axis=3), tf.stack(routed[2:], axis=3)]
        return tf.reshape(tf.stack(rows, axis=2), (-1, height, width, channels))

    return pooled, grad


def _corners(x):
    """Returns the four corners of each 2x2 window in row order, each (N, H // 2, W // 2, C), of even H and W."""
    _, height, width, channels = x.shape
    windows = tf.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    return [windows[:, :, row, :, column] for row in (0, 1) for column in (0, 1)]


def _first_position(corners, pooled, upstream):
    """Returns the upstream gradient for each of a window's four corners: all of it for the first maximum, else zero."""
    routed = []
    taken = tf.zeros_like(pooled, dtype=tf.bool)
    for corner in corners:
        first = tf.logical_and(tf.equal(corner, pooled), tf.logical_not(taken))
        routed.append(tf.where(first, upstream, tf.zeros_like(upstream)))
        taken = tf.logical_or(taken, first)
    return routed
