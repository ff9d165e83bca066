"""How often each score was given to each class: enough for a ROC curve and a confusion matrix of an epoch."""

import tensorflow as tf

BINS = 200
"""Bins: as many thresholds as Keras's AUC has by default."""
LARGEST_LOGIT = 10.0
"""Bins are equally wide in the logit, from minus this to this, and the outer ones hold all beyond: probabilities of
0.99 and 0.999 stay apart. A logit of 0, a probability of 0.5, is the edge between the two middle ones."""


class ScoreCounts(tf.keras.metrics.Metric):
    """Counts examples by label and by bin of their logit, while a split is passed through once.

    Its result is (2, BINS) float32, class 0 first, the smallest logits first; an example counts as its weight, so
    padding counts nothing.
    """

    def __init__(self, name: str = "score_counts"):
        # Counts are whole numbers, which 16 bits hold up to 2,048 only.
        super().__init__(name=name, dtype="float32")
        self._counts = self.add_weight("counts", (2, BINS), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: (N,) or (N, 1) labels 0 or 1.
            y_pred: (N, 1) logits.
            sample_weight: (N,) or (N, 1); None is 1 for all.
        """
        labels = tf.reshape(tf.cast(y_true, tf.float32), (-1,))
        logits = tf.reshape(tf.cast(y_pred, tf.float32), (-1,))
        weights = (
            tf.ones_like(labels) if sample_weight is None else tf.reshape(tf.cast(sample_weight, tf.float32), (-1,))
        )
        # Clipped first: whole numbers cannot hold every logit. Above 0 is above the middle edge, as in a prediction.
        places = tf.clip_by_value(logits / LARGEST_LOGIT, -1.0, 1.0) * (BINS // 2)
        bins = tf.one_hot(tf.clip_by_value(tf.cast(tf.math.ceil(places), tf.int32) + BINS // 2 - 1, 0, BINS - 1), BINS)
        classes = tf.stack([(1.0 - labels) * weights, labels * weights])
        # A product instead of a scatter: the same in every compiler, and next to nothing for a batch.
        self._counts.assign_add(tf.matmul(classes, bins))

    def reset_state(self):
        """Begins anew; Keras's own would assign a single 0."""
        self._counts.assign(tf.zeros_like(self._counts))

    def result(self):
        """Returns the counts so far."""
        return tf.identity(self._counts)
