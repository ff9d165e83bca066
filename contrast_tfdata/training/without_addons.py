"""AdamW, LAMB and the moving average of weights as TensorFlow Addons 0.23 has them, for where there is no Addons.

All are of the older interface of Keras 2 optimizers, as those of Addons are; tests hold each to the one of Addons. What
they keep in a checkpoint has the names that Addons gives it: a run goes on with either set of packages.
"""

import tensorflow as tf

Optimizer = tf.keras.optimizers.legacy.Optimizer


class AdamW(tf.keras.optimizers.legacy.Adam):
    """Adam that takes from each weight, before its update, its part `weight_decay` (arXiv:1711.05101, algorithm 2).

    The decay does not follow the learning rate.

    Args:
        learning_rate: a number or a schedule.
        weight_decay: part of a weight that a step takes, 0 or more.
    """

    def __init__(self, learning_rate: float, weight_decay: float):
        super().__init__(learning_rate, name="AdamW")
        self._set_hyper("weight_decay", weight_decay)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        decayed = var.assign_sub(self._get_hyper("weight_decay", var.dtype) * var, self._use_locking)
        with tf.control_dependencies([decayed]):
            return super()._resource_apply_dense(grad, var, apply_state)


class LAMB(Optimizer):
    """Adam's update with weight decay, scaled for each variable by the norm of its weights over that of the update.

    You et al. 2020, arXiv:1904.00962, algorithm 2, with the identity for phi; the ratio is 1 where a norm is 0.

    Args:
        learning_rate: a number or a schedule.
        weight_decay: of the update, 0 or more.
    """

    _BETAS = (0.9, 0.999)
    _EPSILON = 1e-6

    def __init__(self, learning_rate: float, weight_decay: float):
        super().__init__("LAMB")
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("weight_decay", weight_decay)
        self._set_hyper("decay", self._initial_decay)
        for name, beta in zip(("beta_1", "beta_2"), self._BETAS, strict=True):
            self._set_hyper(name, beta)

    def _create_slots(self, var_list):
        for name in ("m", "v"):
            for var in var_list:
                self.add_slot(var, name)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        step = tf.cast(self.iterations + 1, var.dtype)
        means = []
        for name, beta, value in zip(("m", "v"), self._BETAS, (grad, tf.square(grad)), strict=True):
            slot = self.get_slot(var, name)
            mean = slot.assign(slot * beta + value * (1 - beta), self._use_locking)
            means.append(mean / (1 - tf.pow(tf.constant(beta, var.dtype), step)))
        update = means[0] / (tf.sqrt(means[1]) + self._EPSILON) + self._get_hyper("weight_decay", var.dtype) * var
        norms = tf.norm(var), tf.norm(update)
        ratio = tf.where((norms[0] > 0) & (norms[1] > 0), tf.math.divide_no_nan(*norms), 1.0)
        return var.assign_sub(ratio * self._decayed_lr(var.dtype) * update, self._use_locking)


class MovingAverage(Optimizer):
    """An optimizer that keeps an exponential moving average of the weights beside them.

    After step t, counted from 0, the average moves by 1 - min(average_decay, (1 + t) / (10 + t)) towards the weights.

    Args:
        optimizer: what changes the weights; of the older interface.
        average_decay: the largest decay, in [0, 1).
        dynamic_decay: must be true; Addons has a constant one too.
    """

    def __init__(self, optimizer: Optimizer, average_decay: float, *, dynamic_decay: bool):
        if not dynamic_decay:
            raise ValueError(f"`dynamic_decay` must be true. Received: dynamic_decay={dynamic_decay}")
        super().__init__("MovingAverage")
        self._optimizer = optimizer
        self._average_decay = average_decay
        self._track_trackable(optimizer, "awg_optimizer")

    def _create_slots(self, var_list):
        self._optimizer._create_slots(var_list)
        for var in var_list:
            self.add_slot(var, "average", var.read_value())

    def _create_hypers(self):
        self._optimizer._create_hypers()

    def _prepare_local(self, var_device, var_dtype, apply_state):
        self._optimizer._prepare_local(var_device, var_dtype, apply_state)

    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        """Changes the weights; both count the same steps."""
        self._optimizer._iterations = self.iterations
        return super().apply_gradients(grads_and_vars, name, **kwargs)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        updated = self._optimizer._resource_apply_dense(grad, var, apply_state)
        step = tf.cast(self.iterations, var.dtype)
        rest = 1 - tf.minimum(tf.constant(self._average_decay, var.dtype), (1 + step) / (10 + step))
        average = self.get_slot(var, "average")
        with tf.control_dependencies([updated]):
            return average.assign_sub((average - var.read_value()) * rest, self._use_locking)

    def assign_average_vars(self, var_list):
        """Replaces weights by their averages."""
        return tf.group([var.assign(self.get_slot(var, "average"), self._use_locking) for var in var_list])
