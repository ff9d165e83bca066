"""Networks as TensorFlow's runtimes get them: one function from slices to answers."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from contrast_tfdata.exporting.thresholds import UNANSWERED, Thresholds
from contrast_tfdata.model import views as model_views
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.scoring.graph import INPUT

OUTPUTS = ("logit", "probability", "prediction", "decision")


class ServedNetwork(tf.Module):
    """What is exported: scaling, cropping, views, the networks and the operating point, in one graph.

    Args:
        networks: in float32, of one image size.
        views: a slice's logit is the mean of those that the networks give to these views of it.
        thresholds: where the answers change.

    Attributes:
        answer: a `tf.function` from (N, S, S) uint8, N any number, to a dict of (N,) by the names in `OUTPUTS`: `logit`
            and `probability` float32, `prediction` int32 0 or 1, `decision` int32 0, 1, or -1 within the indeterminate
            band.
    """

    def __init__(self, networks: Sequence[ContrastNet], views: Sequence[str], thresholds: Thresholds):
        super().__init__(name="contrast_tfdata")
        # The variables, and not the networks: nothing of Keras gets into what is saved.
        self.weights = [variable for network in networks for variable in network.variables]
        size = networks[0].image_size

        def answer(slices):
            pictures = model_views.make(slices, views)
            logits = []
            for network, picture in itertools.product(networks, pictures):
                # One after the other: TensorFlow would start all, with the memory of all.
                with tf.control_dependencies(logits[-1:]):
                    logits.append(network(tf.identity(picture), training=False))
            return _answers(tf.reshape(tf.add_n(logits) / len(logits), (-1,)), thresholds)

        self.answer = tf.function(answer, input_signature=[tf.TensorSpec((None, size, size), tf.uint8, name=INPUT)])


def _answers(logits: tf.Tensor, thresholds: Thresholds) -> dict[str, tf.Tensor]:
    prediction = tf.cast(logits > thresholds.threshold, tf.int32)
    is_unsure = (logits > thresholds.low) & (logits <= thresholds.high)
    return {
        "logit": logits,
        "probability": tf.sigmoid(logits),
        "prediction": prediction,
        "decision": tf.where(is_unsure, UNANSWERED, prediction),
    }
