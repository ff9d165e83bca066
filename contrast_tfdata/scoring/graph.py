"""Networks as an ONNX graph, written node by node: what scores here, and what `export --format=onnx` writes.

Nothing is converted: the graph says what `ContrastNet` computes, from the same weights. Free of TensorFlow.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contrast_tfdata.model.architecture import FILTERS, feature_size, visible_size
from contrast_tfdata.model.weights import NetworkWeights

INPUT = "slices"
LOGIT = "logit"
OPSET = 17
"""Of 2022: every operation needed is in it, and runtimes of the last years read it."""
_IR_VERSION = 8
"""Of the same time; the library's own would be refused by older runtimes."""
BATCH_DIMENSION = "N"


class GraphWriter:
    """Nodes and constants of a graph in the making; each value is known by its name.

    Attributes:
        image_size: side of the slices, (N, S, S) uint8, that are the graph's input.
    """

    def __init__(self, image_size: int):
        self.image_size = image_size
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple, onnx.TensorProto] = {}

    def constant(self, value: np.ndarray | float | Sequence[int]) -> str:
        """Returns the name of a constant (whole numbers are int64), which is added where there is none like it yet."""
        array = np.asarray(value)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            copy = np.frombuffer(key[2], array.dtype).reshape(array.shape)
            self._constants[key] = numpy_helper.from_array(copy, f"constant_{len(self._constants)}")
        return self._constants[key].name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes) -> str | tuple[str, ...]:
        """Adds a node and returns the name of its output, or a tuple where it has several."""
        names = [f"{kind.lower()}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else tuple(names)

    def finished(self, outputs: dict[str, tuple[str, int, int]]) -> onnx.ModelProto:
        """Returns the model, checked against the standard.

        Args:
            outputs: from the name of each output to the value that it is, its ONNX type, and how many axes it has.
        """
        for name, (value, _, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        side = self.image_size
        graph = helper.make_graph(
            self._nodes,
            "contrast_tfdata",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [BATCH_DIMENSION, side, side])],
            [
                helper.make_tensor_value_info(name, kind, [BATCH_DIMENSION, *[None] * (rank - 1)])
                for name, (_, kind, rank) in outputs.items()
            ],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def mean_logit(graph: GraphWriter, networks: Sequence[NetworkWeights], views: Sequence[str]) -> str:
    """Adds networks, and returns the mean of the logits that each gives to each view of a slice, (N,) float32."""
    pictures = [visible_pixels(graph, view) for view in views]
    logits = [_logit(graph, network, picture) for network in networks for picture in pictures]
    total = graph.node("Sum", *logits) if len(logits) > 1 else logits[0]
    mean = graph.node("Div", total, graph.constant(np.float32(len(logits))))
    return graph.node("Reshape", mean, graph.constant([-1]))


def _logit(graph: GraphWriter, network: NetworkWeights, pixels: str) -> str:
    """Adds one network, and returns its logits, (N, 1) float32, of what `_visible_pixels` returned."""
    features = pixels
    for block in range(len(FILTERS)):
        features = convolved_and_pooled(graph, network, block, features)
    hidden = graph.node("Relu", hidden_units(graph, network, features))
    return graph.node("Gemm", hidden, *map(graph.constant, network.arrays[-2:]))


def visible_pixels(graph: GraphWriter, view: str) -> str:
    """Adds what makes of the slices the pixels that the network can see of a view, (N, 1, s, s) float32 in 0..1."""
    size, side = graph.image_size, visible_size(graph.image_size)
    columns = {"plain": (0, side, 1), "mirrored": (size - 1, size - 1 - side - size * (side == size), -1)}[view]
    start, end, step = zip((0, side, 1), columns, strict=True)
    cropped = graph.node("Slice", INPUT, *(graph.constant(each) for each in (start, end, (1, 2), step)))
    scaled = graph.node("Div", graph.node("Cast", cropped, to=TensorProto.FLOAT), graph.constant(np.float32(255)))
    return graph.node("Unsqueeze", scaled, graph.constant([1]))


def convolved(graph: GraphWriter, network: NetworkWeights, block: int, pixels: str) -> str:
    """Adds the convolution of a block, from 0, with its ReLU: (N, channels, h, w) to (N, filters, h - 2, w - 2)."""
    kernel, bias = kernel_of(network, block), network.arrays[2 * block + 1]
    features = graph.node("Conv", pixels, graph.constant(kernel), graph.constant(bias), kernel_shape=[3, 3])
    return graph.node("Relu", features)


def convolved_and_pooled(graph: GraphWriter, network: NetworkWeights, block: int, pixels: str) -> str:
    """Adds a whole block: (N, channels, h, w) to (N, filters, (h - 2) / 2, (w - 2) / 2)."""
    return graph.node("MaxPool", convolved(graph, network, block, pixels), kernel_shape=[2, 2], strides=[2, 2])


def kernel_of(network: NetworkWeights, block: int) -> np.ndarray:
    """Returns a block's kernel as ONNX has it, (filters, channels, 3, 3) float32; for a grey image, one channel.

    A grey image in three channels, convolved, is the image convolved with the sum of the kernel over them.
    """
    kernel = network.arrays[2 * block]
    kernel = kernel.sum(axis=2, keepdims=True) if block == 0 else kernel
    return kernel.transpose(3, 2, 0, 1)


def dense_kernel_of(network: NetworkWeights) -> np.ndarray:
    """Returns the kernel of the first dense layer, whose rows follow features with the channels first."""
    kernel, side = network.arrays[-4], feature_size(network.image_size)
    by_place = kernel.reshape(side, side, FILTERS[-1], -1)
    return by_place.transpose(2, 0, 1, 3).reshape(kernel.shape)


def hidden_units(graph: GraphWriter, network: NetworkWeights, features: str) -> str:
    """Adds the first dense layer; returns what its ReLU gets, (N, 64) float32, of the last block's features."""
    flat = graph.node("Flatten", features, axis=1)
    return graph.node("Gemm", flat, graph.constant(dense_kernel_of(network)), graph.constant(network.arrays[-3]))
