"""Work of one training step by layer, counted from the architecture: floating-point operations and bytes moved."""

import dataclasses
from collections.abc import Iterable

from contrast_tfdata.model.architecture import DENSE_UNITS, FILTERS, IMAGE_CHANNELS, IMAGE_SIZE, numbered, visible_size

KERNEL = 3 * 3


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Work of a layer, forward and backward, for a whole batch.

    Attributes:
        name: as in Keras.
        flops: additions and multiplications of convolutions and matrix products.
        bytes: what crosses the memory if every operation reads its inputs and writes its output once; where operations
            are fused, or an activation stays in cache, it is less.
    """

    name: str
    flops: int
    bytes: int

    def seconds(self, flops_per_second: float, bytes_per_second: float) -> float:
        """Returns the time on a machine of these rates, operations unfused: whichever of the two takes longer."""
        return max(self.flops / flops_per_second, self.bytes / bytes_per_second)


@dataclasses.dataclass(frozen=True)
class NetworkForm:
    """The form in which a network computes the slides' function.

    Attributes:
        image_size: side of the square that is convolved, in pixels.
        channels: channels of the first convolution's input.
        pool_first: the gradient passes ReLU and bias after pooling, and forward they are fused into the convolution;
            otherwise they touch every element before it.
        element_bytes: bytes of an activation: 4 in float32, 2 in 16 bits.
    """

    image_size: int = IMAGE_SIZE
    channels: int = IMAGE_CHANNELS
    pool_first: bool = False
    element_bytes: int = 4


SLIDES_FORM = NetworkForm()
GREY_FORM = NetworkForm(channels=1)
"""One channel, nothing cropped: the 45.4 GFLOP a step of 64 on which the target of the roofline is set."""
OWN_FORM = NetworkForm(image_size=visible_size(IMAGE_SIZE), channels=1, pool_first=True)


def step_costs(form: NetworkForm, batch: int = 64) -> list[LayerCost]:
    """Returns the cost of each layer of a training step, the input first.

    Counted as 2 operations a multiplication and addition. A convolution's gradients each take as many as its forward
    pass: one with respect to its kernel, one with respect to its input, which the first layer does not need. Pooling,
    bias, ReLU, loss and optimizer are counted in bytes only; kernels stay in cache and are not counted.

    Args:
        form: the network's.
        batch: images a step.
    """
    costs, size, channels = [], form.image_size, form.channels
    for index, filters in enumerate(FILTERS):
        costs.append(_block(form, index, batch, size, channels, filters))
        size, channels = (size - 2) // 2, filters
    flat = size**2 * channels
    costs.append(_dense("dense", batch, flat, DENSE_UNITS, form.element_bytes))
    costs.append(_dense("dense_1", batch, DENSE_UNITS, 1, form.element_bytes))
    return costs


def total_flops(costs: Iterable[LayerCost]) -> int:
    """Returns the floating-point operations of all layers."""
    return sum(cost.flops for cost in costs)


def _block(form: NetworkForm, index: int, batch: int, size: int, channels: int, filters: int) -> LayerCost:
    convolved, pooled = (size - 2) ** 2, ((size - 2) // 2) ** 2
    passes = 3 if index else 2
    flops = passes * 2 * KERNEL * channels * filters * convolved
    seen, made, kept = channels * size**2, filters * convolved, filters * pooled
    activated = kept if form.pool_first else made
    # Forward: convolution reads and writes, bias and ReLU read and write, pooling reads and writes.
    forward = (seen + made) + 2 * activated + (made + kept)
    # Backward: pooling reads its input, output and gradient and writes one; ReLU reads two and writes one; the kernel's
    # gradient reads the convolution's input and gradient, the input's gradient (not the first layer's) reads the
    # gradient again and writes as much as the input.
    backward = (2 * made + 2 * kept) + 3 * activated + (seen + made) + (made + seen if index else 0)
    return LayerCost(numbered("conv2d", index), batch * flops, batch * form.element_bytes * (forward + backward))


def _dense(name: str, batch: int, inputs: int, outputs: int, element_bytes: int) -> LayerCost:
    flops = 3 * 2 * batch * inputs * outputs
    # Weights are read forward and for the inputs' gradient, and their gradient is written, in float32.
    return LayerCost(name, flops, 3 * batch * (inputs + outputs) * element_bytes + 3 * 4 * inputs * outputs)
