"""The ONNX file of a network, by tf2onnx."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contrast_tfdata.exporting.served import ServedNetwork

OPSET = 17
"""Of 2022: every operation needed is in it, and runtimes of the last years read it."""
METADATA_KEY = "contrast_tfdata"
_BATCH_DIMENSION = "N"


def write(served: ServedNetwork, path: Path, facts: Mapping[str, Any]) -> None:
    """Writes the file, with `facts` as JSON among its metadata, and checks it against the standard."""
    import onnx
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(served.answer, input_signature=served.signature, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = _BATCH_DIMENSION
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(facts)})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
