"""Dropout that can be resumed and divided: what it drops follows from a seed and a count."""

import random

import tensorflow as tf

_SEEDS = 1 << 33
"""Added to the seed, so that no mask repeats the numbers of augmentation; other seeds end below it."""


class CountedDropout(tf.keras.layers.Layer):
    """Keras's Dropout, with a mask that is a function of the seed, of the calls in training so far, and of the row.

    Keras's own draws from a generator whose state cannot be saved, so a resumed run would draw other masks; and each
    replica draws its own. Here the count is part of every checkpoint of the model, though not of its weights, and
    replicas take their rows of one mask for the global batch: N of them drop what one would.

    Args:
        rate: share of the features dropped in training, 0 <= rate < 1; the others are divided by 1 - rate.
        seed: 0 or more, below 2**32; None draws one, which follows `tf.keras.utils.set_random_seed`.
        **kwargs: name, dtype and the like, as for any Keras layer.

    Shape: (N, features) to the same. With several replicas each must have the same N.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self._drawn_seed = random.getrandbits(32) if seed is None else seed
        # Keras takes a bare variable for a weight, but looks into no checkpoint. Each replica counts for itself, so
        # that counting needs no communication, also where XLA compiles the step.
        self._calls = tf.train.Checkpoint(
            count=tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        )

    @property
    def calls(self) -> tf.Variable:
        """How often it has dropped, scalar int64."""
        return self._calls.count

    def call(self, inputs, training=None):
        """Returns the features, in training with some dropped and the others enlarged."""
        if not training or self.rate == 0:
            return tf.identity(inputs)
        kept = self._kept_rows(tf.shape(inputs)[0], inputs.shape[1])
        self.calls.assign_add(1)
        # Chosen, not multiplied: an infinity that is dropped is gone.
        return tf.where(kept, inputs * tf.cast(1 / (1 - self.rate), inputs.dtype), tf.zeros_like(inputs))

    def _kept_rows(self, rows: tf.Tensor, features: int) -> tf.Tensor:
        """Returns this replica's rows of the global batch's mask, (rows, features) bool."""
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context else 0
        seed = tf.stack([tf.constant(_SEEDS + self._drawn_seed, tf.int64), self.calls.read_value()])
        # Philox by name, and whole numbers: TensorFlow's own kernels and XLA make the same ones, but other fractions of
        # them. A row is the same however many follow, and whatever the policy.
        numbers = tf.random.stateless_uniform(
            [rows * (replica + 1), features], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
        return tf.cast(numbers[rows * replica :], tf.int64) >= round(self.rate * (1 << 32))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
