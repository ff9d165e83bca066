"""The product's network: the slides' parameters and function, written the way the machine likes them."""

import numbers

import tensorflow as tf

from contrast_tfdata.model import on_logits
from contrast_tfdata.model.architecture import (
    DENSE_UNITS,
    DROPOUT,
    FILTERS,
    IMAGE_CHANNELS,
    IMAGE_SIZE,
    numbered,
    visible_size,
)
from contrast_tfdata.model.dropout import CountedDropout
from contrast_tfdata.model.layers import ConvPool
from contrast_tfdata.model.micro_batches import MicroBatches
from contrast_tfdata.model.which_keras import refuse_keras_3

LEARNING_RATE = 5e-4
"""Of Adam, on the slides."""
_EARLY_BLOCKS = 2
"""Their features hold nine tenths of a training step's memory."""


@tf.keras.utils.register_keras_serializable(package="contrast_tfdata")
class ContrastNet(tf.keras.Model):
    """Equals `reference_network(logits=True)`: same weights in the same order, same logits, same gradients.

    What differs is the work: the image is cropped to what the network can see, a grey image is convolved as one
    channel, and the gradient passes ReLU and bias after pooling (see `visible_size` and `layers`).

    Args:
        image_size: side of the square input in pixels, at least 190.
        pooling: `native`, or where XLA compiles the step `folded`, on CPUs `patches` (see `layers.ConvPool`).
        micro_batches: parts of the batch that the first two blocks take one after the other (see `MicroBatches`).
        dropout: share of the flattened features dropped in training, 0 <= dropout < 1.
        dropout_seed: seed of the dropout alone (see `CountedDropout`); None follows the global seed.
        name: as for any Keras model.
        **kwargs: `dtype` (a Keras dtype policy) and the like; all layers follow it.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if `image_size` is no whole number.
    """

    def __init__(
        self,
        image_size: int = IMAGE_SIZE,
        pooling: str = "native",
        micro_batches: int = 1,
        dropout: float = DROPOUT,
        dropout_seed: int | None = None,
        name: str = "contrast_net",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(image_size, numbers.Integral):
            raise TypeError(f"`image_size` must be a whole number. Received: image_size={image_size!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout}")
        self.image_size = image_size
        self.pooling = pooling
        self.micro_batches = micro_batches
        self.dropout_rate = dropout
        self.dropout_seed = dropout_seed
        self._visible = visible_size(image_size)
        self._make_layers()
        self._epoch_loss = _EpochLoss()
        self._has_recipe = False
        # Creates the variables, so that weights can be read and set from the start.
        self(tf.zeros((1, image_size, image_size), tf.uint8))

    def _make_layers(self) -> None:
        policy = self.dtype_policy
        self._blocks = [
            ConvPool(
                filters,
                pooling=self.pooling,
                kernel_channels=IMAGE_CHANNELS if index == 0 else None,
                name=numbered("conv2d", index),
                dtype=policy,
            )
            for index, filters in enumerate(FILTERS)
        ]
        self._early_blocks = MicroBatches(self._blocks[:_EARLY_BLOCKS], self.micro_batches)
        self._as_vector = tf.keras.layers.Flatten("channels_last", name="flatten", dtype=policy)
        self._dropout = CountedDropout(self.dropout_rate, seed=self.dropout_seed, name="dropout", dtype=policy)
        self._dense = tf.keras.layers.Dense(
            DENSE_UNITS, activation="relu", kernel_initializer="he_uniform", name="dense", dtype=policy
        )
        # Float32 whatever the policy: cross-entropy of 16-bit logits saturates, and 64 products cost nothing.
        self._logit = tf.keras.layers.Dense(1, name="dense_1", dtype="float32")

    def call(self, inputs, training=None):
        """Returns the logits of pre (negative) against post contrast (positive).

        Args:
            inputs: (N, H, W), (N, H, W, 1) or (N, H, W, 3) with H = W = image_size; uint8, or floats in 0..1.
            training: whether to drop features; None asks Keras.

        Returns:
            (N, 1) float32.

        Raises:
            ValueError: for another shape.
            TypeError: for another dtype.
        """
        x = self._early_blocks(self._visible_pixels(inputs))
        return self.logits_of(x, _EARLY_BLOCKS, training=training)

    def compile(self, optimizer=None, loss=None, metrics=("accuracy",), weighted_metrics=(), **kwargs):
        """Compiles the network; the defaults are the slides' recipe: Adam at 5e-4, cross-entropy, accuracy.

        Args:
            optimizer: as Keras takes it.
            loss: a name, a loss object, or a function of (labels, logits).
            metrics: names, metric objects, or functions of (labels, logits). Weights reach all of them, so that padding
                never counts. Losses and metrics of Keras count the probabilities, whether they were told of logits or
                not (see `on_logits`).
            weighted_metrics: likewise.
            **kwargs: as for any Keras model.

        Raises:
            ValueError: a loss or metric of Keras that is not for one logit.
            TypeError: something of Keras 3.
        """
        asked = [each for each in tf.nest.flatten([metrics, weighted_metrics]) if each is not None]
        refuse_keras_3("optimizers", optimizer)
        refuse_keras_3("losses", loss)
        refuse_keras_3("metrics", *asked)
        super().compile(
            tf.keras.optimizers.Adam(LEARNING_RATE) if optimizer is None else optimizer,
            on_logits.loss(loss),
            weighted_metrics=[on_logits.metric(each) for each in asked],
            **kwargs,
        )
        self._has_recipe = True

    def compile_from_config(self, config):
        """Compiles the network as it was when it was saved."""
        self.compile(**tf.keras.utils.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, **kwargs):
        """Trains as Keras does; a network that was not compiled, with the slides' recipe.

        A data set of several epochs (`Records.train(epochs=15)`) is trained on for as many.

        Raises:
            ValueError: it is to be trained on for another number.
        """
        if not self._has_recipe:
            self.compile()
        refuse_keras_3("callbacks", *tf.nest.flatten(kwargs.get("callbacks")))
        own = getattr(x, "fit_arguments", {})
        if kwargs.get("epochs", own.get("epochs")) != own.get("epochs", kwargs.get("epochs")):
            raise ValueError(
                f"The data set was made for {own['epochs']} epochs, records.train(epochs={own['epochs']}): give the "
                f"number there or to fit, not both. Received: epochs={kwargs['epochs']}"
            )
        return super().fit(x, *args, **{**own, **kwargs})

    def probabilities(self, images) -> tf.Tensor:
        """Returns the probability of with_gad, (N,) float32.

        Args:
            images: as `call` takes them; or a data set of such, alone or with labels, batch by batch.
        """
        if isinstance(images, tf.data.Dataset):
            batches = (batch[0] if isinstance(batch, tuple) else batch for batch in images)
            return tf.concat([self.probabilities(each) for each in batches], axis=0)
        return tf.math.sigmoid(self(images, training=False)[:, 0])

    def features(self, inputs, num_blocks: int) -> tf.Tensor:
        """Returns what the first blocks make of images as `call` takes them: (N, h, w, filters), pooled, 0 or more."""
        x = self._visible_pixels(tf.convert_to_tensor(inputs))
        for block in self._blocks[:num_blocks]:
            x = block(x)
        return x

    def logits_of(self, features, num_blocks: int, training=None) -> tf.Tensor:
        """Returns the logits, (N, 1) float32, that follow from what `features` returned for as many blocks."""
        x = features
        for block in self._blocks[num_blocks:]:
            x = block(x)
        x = self._dropout(self._as_vector(x), training=training)
        return self._logit(self._dense(x))

    def _visible_pixels(self, inputs):
        """Returns the part of the images that the network can see, scaled to 0..1, with a channel axis."""
        x = inputs[..., tf.newaxis] if inputs.shape.rank == 3 else inputs
        if x.shape.rank != 4 or x.shape[1:3] != (self.image_size,) * 2 or x.shape[3] not in (1, IMAGE_CHANNELS):
            size = self.image_size
            raise ValueError(f"Images must be (N, {size}, {size}[, 1 or 3]). Received: shape={inputs.shape}")
        x = x[:, : self._visible, : self._visible]
        if x.dtype == tf.uint8:
            return tf.cast(tf.cast(x, tf.float32) / 255, self.compute_dtype)
        if not x.dtype.is_floating:
            raise TypeError(f"Images must be uint8, or floats in 0..1. Received: dtype={x.dtype.name}")
        # Only where there are values to look at. What is a little above 1 was rounded, or made brighter.
        if hasattr(x, "numpy") and float(tf.reduce_max(x)) > 2:
            raise ValueError("Floats must be in 0..1: divide them by 255, or give uint8. Received: larger ones")
        return tf.cast(x, self.compute_dtype)

    @property
    def metrics(self):
        """The mean loss of the epoch, and the compiled metrics."""
        return [self._epoch_loss.mean, *super().metrics]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        """Returns the loss to minimise: the weighted mean over the batch, `sum(w * l) / sum(w)`.

        Padding has weight 0 and so has no influence at all; with equal weights this is Keras's mean. Over an epoch the
        `loss` shown is the same mean over all its examples. With several replicas the denominator is the sum over all
        of them, so the summed gradient is that of the global batch.

        Args:
            x: unused.
            y: (N,) or (N, 1) labels 0 or 1.
            y_pred: (N, 1) logits.
            sample_weight: (N,) or (N, 1), >= 0; None is 1 for all. All zero gives loss 0.

        Returns:
            Scalar float32, regularisation losses included.
        """
        losses = self._example_losses(tf.reshape(y, (-1, 1)), y_pred)
        weights = (
            tf.ones_like(losses) if sample_weight is None else tf.cast(tf.reshape(sample_weight, (-1,)), tf.float32)
        )
        total, weight = tf.reduce_sum(losses * weights), tf.reduce_sum(weights)
        scaled = isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        self._epoch_loss.add(tf.math.divide_no_nan(total, weight), weight, skip_infinite=scaled)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            weight = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, weight)
        return tf.math.divide_no_nan(total, weight) + tf.add_n([0.0, *self.losses]) / replicas

    def _example_losses(self, labels, logits):
        """Returns the loss of each example, (N,) float32, whatever reduction the compiled loss asks for."""
        function = self.loss.call if isinstance(self.loss, tf.keras.losses.Loss) else self.loss
        labels = tf.cast(labels, tf.float32)
        return tf.reshape(function(labels, tf.cast(logits, tf.float32)), (-1,))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "image_size": self.image_size,
            "pooling": self.pooling,
            "micro_batches": self.micro_batches,
            "dropout": self.dropout_rate,
            "dropout_seed": self.dropout_seed,
            "name": self.name,
        }


class _EpochLoss:
    """The mean loss of an epoch; a model that held the metric itself would count its state among the weights."""

    def __init__(self):
        self.mean = tf.keras.metrics.Mean(name="loss")

    def add(self, loss: tf.Tensor, weight: tf.Tensor, *, skip_infinite: bool) -> None:
        """Adds a batch's mean loss with its weight.

        Where float16 overflows, loss scaling skips the step, and so does this. Anywhere else NaN must show in the mean.
        """
        if skip_infinite:
            finite = tf.math.is_finite(loss)
            loss, weight = tf.where(finite, loss, 0.0), tf.where(finite, weight, 0.0)
        self.mean.update_state(loss, sample_weight=weight)
