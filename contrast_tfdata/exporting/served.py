"""A network as other runtimes get it: one function from slices to answers."""

from collections.abc import Sequence

import tensorflow as tf

from contrast_tfdata.exporting.thresholds import UNANSWERED, Thresholds
from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.ensemble import mean_logits

INPUT = "slices"
OUTPUTS = ("logit", "probability", "prediction", "decision")


class ServedNetwork(tf.Module):
    """What is exported: scaling, cropping, views, the network and the operating point, in one graph.

    Args:
        network: a `ContrastNet` in float32, or what is called like one and has `image_size` and `variables`.
        views: a slice's logit is the mean over these views of it.
        thresholds: where the answers change.

    Attributes:
        answer: a `tf.function` from (N, S, S) uint8, N any number, to a dict of (N,) by the names in `OUTPUTS`: `logit`
            and `probability` float32, `prediction` int32 0 or 1, `decision` int32 0, 1, or -1 within the indeterminate
            band.
        signature: of `answer`.
    """

    def __init__(self, network: tf.Module, views: Sequence[str], thresholds: Thresholds):
        super().__init__(name="contrast_tfdata")
        # The variables, and not the network: nothing of Keras gets into what is saved.
        self.weights = list(network.variables)
        size = network.image_size
        self.signature = (tf.TensorSpec((None, size, size), tf.uint8, name=INPUT),)

        def answer(slices):
            pairs = [(network, view) for view in model_views.make(slices, views)]
            return _answers(tf.reshape(mean_logits(pairs), (-1,)), thresholds)

        self.answer = tf.function(answer, input_signature=self.signature)


def _answers(logits: tf.Tensor, thresholds: Thresholds) -> dict[str, tf.Tensor]:
    prediction = tf.cast(logits > thresholds.threshold, tf.int32)
    is_unsure = (logits > thresholds.low) & (logits <= thresholds.high)
    return {
        "logit": logits,
        "probability": tf.sigmoid(logits),
        "prediction": prediction,
        "decision": tf.where(is_unsure, UNANSWERED, prediction),
    }
