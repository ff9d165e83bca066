"""Runs an exported network in a process that has nothing of this package: what the file alone says about slices.

    python -I outside.py savedmodel|onnx|tflite FILE SLICES.npy ANSWERS.npz

It is started by its path, and never imported with the package: it must not need it. What the file must do without is
barred from being imported. The last line of its output is JSON: the runtime and its version.
"""

import json
import os
import sys

import numpy as np

BARRED = {
    "savedmodel": ("contrast_tfdata", "keras", "tensorflow_addons"),
    "onnx": ("contrast_tfdata", "keras", "tensorflow"),
    "tflite": ("contrast_tfdata", "keras", "tensorflow_addons"),
}
"""By format what cannot be imported here. TensorFlow Lite's interpreter comes with TensorFlow."""
BATCH_SIZES = (1, 5, 32)
"""Slices of the first runs; the last number stays. A file whose batch size is fixed fails at one of them."""


def main(kind: str, path: str, slices_path: str, answers_path: str) -> None:
    """Writes what the network in a file says about slices."""
    for name in BARRED[kind]:
        sys.modules[name] = None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run, runtime = {"savedmodel": saved_model, "onnx": onnx, "tflite": tflite}[kind](path)
    answers = [run(batch) for batch in batches(np.load(slices_path, mmap_mode="r"))]
    np.savez(answers_path, **{name: np.concatenate([each[name] for each in answers]) for name in answers[0]})
    print(json.dumps(runtime))


def batches(slices):
    """Yields the slices in batches of `BATCH_SIZES`."""
    start = step = 0
    while start < len(slices):
        size = BATCH_SIZES[min(step, len(BATCH_SIZES) - 1)]
        yield np.ascontiguousarray(slices[start : start + size])
        start, step = start + size, step + 1


def saved_model(path: str):
    """Returns a function from slices to answers, and which runtime runs it."""
    import tensorflow as tf

    serving = tf.saved_model.load(path).signatures["serving_default"]

    def run(batch):
        return {name: value.numpy() for name, value in serving(slices=tf.constant(batch)).items()}

    return run, {"tensorflow": tf.__version__}


def onnx(path: str):
    """Does the same for an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(batch):
        return dict(zip(names, session.run(names, {"slices": batch}), strict=True))

    return run, {"onnxruntime": onnxruntime.__version__}


def tflite(path: str):
    """Does the same for a TensorFlow Lite file."""
    import tensorflow as tf

    runner = tf.lite.Interpreter(path).get_signature_runner("serving_default")
    return lambda batch: runner(slices=batch), {"tensorflow (lite)": tf.__version__}


if __name__ == "__main__":
    main(*sys.argv[1:])
