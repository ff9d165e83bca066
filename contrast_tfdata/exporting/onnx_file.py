"""The ONNX file of networks: the graph that scores here, with the answers that follow from a logit."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from contrast_tfdata.exporting.thresholds import UNANSWERED, Thresholds
from contrast_tfdata.model.weights import NetworkWeights
from contrast_tfdata.scoring import graph

METADATA_KEY = "contrast_tfdata"


def write(
    networks: Sequence[NetworkWeights],
    views: Sequence[str],
    thresholds: Thresholds,
    path: Path,
    facts: Mapping[str, Any],
) -> None:
    """Writes the file, the same bytes for the same arguments, with `facts` as JSON among its metadata."""
    writer = graph.GraphWriter(networks[0].image_size)
    logit = graph.mean_logit(writer, networks, views)
    model = writer.finished({graph.LOGIT: (logit, TensorProto.FLOAT, 1), **_answers(writer, logit, thresholds)})
    helper.set_model_props(model, {METADATA_KEY: json.dumps(facts)})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _answers(writer: graph.GraphWriter, logit: str, thresholds: Thresholds) -> dict[str, tuple[str, int, int]]:
    threshold, low, high = map(writer.constant, (thresholds.threshold, thresholds.low, thresholds.high))
    prediction = writer.node("Cast", writer.node("Greater", logit, threshold), to=TensorProto.INT32)
    is_unsure = writer.node("And", writer.node("Greater", logit, low), writer.node("LessOrEqual", logit, high))
    decision = writer.node("Where", is_unsure, writer.constant(np.int32(UNANSWERED)), prediction)
    return {
        "probability": (writer.node("Sigmoid", logit), TensorProto.FLOAT, 1),
        "prediction": (prediction, TensorProto.INT32, 1),
        "decision": (decision, TensorProto.INT32, 1),
    }
