"""Losses and metrics as Keras users write them, for a network that returns logits.

Keras's own take what they are given for probabilities, unless they are told otherwise, and say nothing. Here each of
them counts what it would count on the probabilities, or is refused. A loss, metric or function of one's own gets
logits.
"""

from collections.abc import Callable

import tensorflow as tf

_METRICS: dict[str, Callable[..., tf.keras.metrics.Metric]] = {
    # A logit of 0 is a probability of 0.5.
    "binary_accuracy": lambda name: tf.keras.metrics.BinaryAccuracy(name, threshold=0.0),
    "binary_crossentropy": lambda name: tf.keras.metrics.BinaryCrossentropy(name, from_logits=True),
    "auc": lambda name: tf.keras.metrics.AUC(name=name, from_logits=True),
    # Without a threshold they take the largest of several classes, and here is one.
    "f1_score": lambda name: tf.keras.metrics.F1Score(threshold=0.5, name=name),
    "binary_io_u": lambda name: tf.keras.metrics.BinaryIoU(name=name),
    "precision": lambda name: tf.keras.metrics.Precision(name=name),
    "recall": lambda name: tf.keras.metrics.Recall(name=name),
    "true_positives": lambda name: tf.keras.metrics.TruePositives(name=name),
    "true_negatives": lambda name: tf.keras.metrics.TrueNegatives(name=name),
    "false_positives": lambda name: tf.keras.metrics.FalsePositives(name=name),
    "false_negatives": lambda name: tf.keras.metrics.FalseNegatives(name=name),
    "mean_absolute_error": lambda name: tf.keras.metrics.MeanAbsoluteError(name),
    "mean_squared_error": lambda name: tf.keras.metrics.MeanSquaredError(name),
    "root_mean_squared_error": lambda name: tf.keras.metrics.RootMeanSquaredError(name),
    "hinge": lambda name: tf.keras.metrics.Hinge(name),
    "squared_hinge": lambda name: tf.keras.metrics.SquaredHinge(name),
}
"""Metrics by name."""
_LOSSES: dict[str, Callable[[], tf.keras.losses.Loss]] = {
    "binary_crossentropy": lambda: tf.keras.losses.BinaryCrossentropy(
        from_logits=True, reduction=tf.keras.losses.Reduction.NONE
    ),
    "binary_focal_crossentropy": lambda: tf.keras.losses.BinaryFocalCrossentropy(from_logits=True),
    "hinge": tf.keras.losses.Hinge,
    "squared_hinge": tf.keras.losses.SquaredHinge,
}
"""Losses by name."""
_SHORT = {
    **{"acc": "binary_accuracy", "accuracy": "binary_accuracy"},
    **{"bce": "binary_crossentropy", "ce": "binary_crossentropy", "crossentropy": "binary_crossentropy"},
    **{"mae": "mean_absolute_error", "mse": "mean_squared_error"},
}
_OF_PROBABILITIES = (
    *(tf.keras.metrics.AUC, tf.keras.metrics.BinaryAccuracy, tf.keras.metrics.BinaryCrossentropy),
    *(tf.keras.metrics.BinaryIoU, tf.keras.metrics.FBetaScore, tf.keras.metrics.Precision, tf.keras.metrics.Recall),
    *(tf.keras.metrics.TruePositives, tf.keras.metrics.TrueNegatives),
    *(tf.keras.metrics.FalsePositives, tf.keras.metrics.FalseNegatives),
    *(tf.keras.metrics.PrecisionAtRecall, tf.keras.metrics.RecallAtPrecision),
    *(tf.keras.metrics.SensitivityAtSpecificity, tf.keras.metrics.SpecificityAtSensitivity),
    *(tf.keras.metrics.MeanAbsoluteError, tf.keras.metrics.MeanSquaredError, tf.keras.metrics.RootMeanSquaredError),
)
_OF_LOGITS = (
    *(tf.keras.metrics.Hinge, tf.keras.metrics.SquaredHinge, tf.keras.losses.Hinge, tf.keras.losses.SquaredHinge),
)
_KERAS = tf.keras.Model.__module__.partition(".")[0]


@tf.keras.utils.register_keras_serializable(package="contrast_tfdata")
class OnProbabilities(tf.keras.metrics.Metric):
    """A metric of probabilities that is given logits.

    Args:
        metric: of labels and probabilities; it holds the count, so that it can be asked itself.
    """

    def __init__(self, metric: tf.keras.metrics.Metric):
        super().__init__(name=metric.name, dtype=metric.dtype)
        self.metric = metric

    def update_state(self, labels, logits, sample_weight=None):
        """Counts a batch; arguments as Keras has them."""
        return self.metric.update_state(labels, tf.keras.activations.sigmoid(logits), sample_weight)

    def result(self):
        """Returns the metric's value so far."""
        return self.metric.result()

    def reset_state(self):
        """Begins again, as for each epoch."""
        self.metric.reset_state()

    def get_config(self):
        """Returns the constructor's argument."""
        return {"metric": tf.keras.utils.serialize_keras_object(self.metric)}

    @classmethod
    def from_config(cls, config):
        """Returns the metric that `get_config` described."""
        return cls(tf.keras.utils.deserialize_keras_object(config["metric"]))


def metric(asked):
    """Returns a metric that counts rightly when it is given logits.

    Args:
        asked: as Keras takes it: a name in any spelling (`auc`, `AUC`, `BinaryAccuracy`), a metric, or a function of
            (labels, logits). Keras's metrics count probabilities, as long as they are not told otherwise
            (`from_logits=True`, or a threshold of BinaryAccuracy outside of 0..1).

    Raises:
        ValueError: it is for several classes, or unknown.
    """
    if (name := _name(asked)) is not None:
        known = _known(name, _METRICS, "metrics")
        # As Keras calls it: a function's name as it was written, a class's in lower case.
        asked = _METRICS[known](name.lower() if name.lower() in _SHORT else known)
    if isinstance(asked, tf.keras.metrics.FBetaScore) and asked.threshold is None:
        raise ValueError(
            f"{type(asked).__name__} without a threshold compares several classes, and the network has one output: "
            f"write {type(asked).__name__}(threshold=0.5)"
        )
    if isinstance(asked, _OF_PROBABILITIES):
        return asked if _takes_logits(asked) else OnProbabilities(asked)
    _refuse_of_keras(asked, "metrics", _METRICS)
    return asked


def loss(asked):
    """Returns a loss that is right when it is given logits.

    Args:
        asked: as Keras takes it: a name, a loss, or a function of (labels, logits); None for cross-entropy. A loss that
            would take logits for probabilities is exchanged for the same one of logits.

    Raises:
        ValueError: it is for several classes, for other tasks, or unknown.
    """
    if asked is None:
        return _LOSSES["binary_crossentropy"]()
    if (name := _name(asked)) is not None:
        return _LOSSES[_known(name, _LOSSES, "losses")]()
    if isinstance(asked, tf.keras.losses.BinaryCrossentropy | tf.keras.losses.BinaryFocalCrossentropy):
        config = {name: value for name, value in asked.get_config().items() if name != "fn"}
        return asked if config["from_logits"] else type(asked)(**{**config, "from_logits": True})
    _refuse_of_keras(asked, "losses", _LOSSES)
    return asked


def _takes_logits(asked: tf.keras.metrics.Metric) -> bool:
    if isinstance(asked, tf.keras.metrics.BinaryAccuracy):
        return not 0 < asked.get_config()["threshold"] < 1
    return bool(asked.get_config().get("from_logits"))


def _name(asked) -> str | None:
    """Returns what was asked for by name: a text, or a function or class of Keras."""
    if isinstance(asked, str):
        return asked
    is_of_keras = getattr(asked, "__module__", "").partition(".")[0] == _KERAS
    return asked.__name__ if is_of_keras and hasattr(asked, "__name__") else None


def _known(name: str, table: dict[str, Callable], kind: str) -> str:
    """Returns the key of a name in a table, whatever its spelling: BinaryAccuracy is binary_accuracy."""
    plain = _SHORT.get(name.lower(), name).replace("_", "").lower()
    for key in table:
        if key.replace("_", "") == plain:
            return key
    raise ValueError(_refusal(repr(name), kind, table))


def _refuse_of_keras(asked, kind: str, table: dict[str, Callable]) -> None:
    """Raises ValueError for what is Keras's own, but is not meant for one logit."""
    own = isinstance(asked, tf.keras.metrics.MeanMetricWrapper) and type(asked).__name__ == "MeanMetricWrapper"
    if type(asked).__module__.partition(".")[0] == _KERAS and not own and not isinstance(asked, _OF_LOGITS):
        raise ValueError(_refusal(type(asked).__name__, kind, table))


def _refusal(what: str, kind: str, table: dict[str, Callable]) -> str:
    return (
        f"{what} is not for one logit. Take one of these {kind}: {', '.join(table)}; or write a function of "
        "(labels, logits)"
    )
