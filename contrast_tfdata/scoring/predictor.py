"""Slices to logits by onnxruntime: on every machine, in float32 on the CPU, without TensorFlow."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from contrast_tfdata.intake.workers import available_cores
from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.scoring import graph

SLICES_AT_ONCE = 16
"""More are no faster, and take memory: 30 MB a slice."""
_ONLY_ERRORS = 3


class Predictor:
    """Networks that answer together, by the mean of their logits over all views.

    A slice's logit is the same to the bit whatever other slices are asked about with it.

    Args:
        networks: one or more, of one image size.
        views: pictures of each slice whose logits are averaged (see `model.views`).

    Raises:
        ValueError: there is no network, their image sizes differ, or a view is not known.
    """

    def __init__(self, networks: Sequence[NetworkWeights], views: Sequence[str] = model_views.PLAIN):
        writer = graph.GraphWriter(common_image_size(networks))
        logit = graph.mean_logit(writer, networks, model_views.checked(views))
        self._session = session(writer.finished({graph.LOGIT: (logit, TensorProto.FLOAT, 1)}))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits, (N,) float32, of (N, S, S) uint8; N may be 0."""
        starts = range(0, len(images), SLICES_AT_ONCE)
        logits = [self._batch(images[start : start + SLICES_AT_ONCE]) for start in starts]
        return np.concatenate([np.zeros(0, np.float32), *logits])

    def _batch(self, images: np.ndarray) -> np.ndarray:
        (logits,) = self._session.run([graph.LOGIT], {graph.INPUT: np.ascontiguousarray(images)})
        return logits


def common_image_size(networks: Sequence[NetworkWeights]) -> int:
    """Returns the side in pixels of the slices that networks take; raises ValueError where there is not one."""
    sizes = sorted({network.image_size for network in networks})
    if len(sizes) != 1:
        raise ValueError(f"`networks` must be one or more of one image size. Received: sizes {sizes}")
    return sizes[0]


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Returns a model ready to run on as many cores as this process may use."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    options.intra_op_num_threads = available_cores()
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
