"""The only module that uses what TensorFlow and Keras do not promise to keep.

Each was seen in TensorFlow 2.15.1 with Keras 2.15.0, and in TensorFlow 2.21.0 with tf_keras 2.21.0:

* `onednn_enabled`: `tensorflow.python.util._pywrap_util_port.IsMklEnabled`; nothing public tells it.
* `watch_workers`: `tensorflow.python.eager.context`, its `context().configure_coordination_service`, and the protocol
  buffers that it imports; the public strategy fixes the time without a sign of life.
* `beginning_at_step`: `Model._training_state`, which `fit` asks where to begin; only `initial_epoch` is public.
* `build_optimizer`: `_create_all_weights` of `tf.keras.optimizers.legacy`; optimizers of the newer interface have
  `build`.

TensorFlow is imported where it is used: the runtime plan is made before.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def onednn_enabled() -> bool:
    """Returns whether this process's TensorFlow runs oneDNN operations."""
    from tensorflow.python.util import _pywrap_util_port

    return bool(_pywrap_util_port.IsMklEnabled())


def watch_workers(kinds: Sequence[str], heartbeat_seconds: int) -> None:
    """Has the first of several workers notice which of the others is gone.

    To be called before their strategy is made.

    Args:
        kinds: of the tasks in their order, as in TF_CONFIG.
        heartbeat_seconds: without a sign of life for so long, a worker is gone.
    """
    from tensorflow.python.eager import context

    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{kinds[0]}/replica:0/task:0",
        heartbeat_timeout_in_ms=heartbeat_seconds * 1000,
        coordinated_jobs=[
            context.coordination_config_pb2.CoordinatedJob(name=kind, num_tasks=kinds.count(kind))
            for kind in dict.fromkeys(kinds)
        ],
    )


def build_optimizer(optimizer: "tf.keras.optimizers.Optimizer", variables: Sequence["tf.Variable"]) -> None:
    """Makes the state of an optimizer, of the newer or the older interface, for these variables."""
    build = getattr(optimizer, "build", None) or optimizer._create_all_weights
    build(variables)


@contextlib.contextmanager
def beginning_at_step(model: "tf.keras.Model", epoch: int, step: int) -> Iterator[None]:
    """Lets `fit` begin, within the block, after `step` steps of an epoch (both counted from 0).

    `fit` itself begins with an epoch only; it asks this attribute, which Keras's own BackupAndRestore sets.
    """
    model._training_state = _Beginning(epoch, step)
    try:
        yield
    finally:
        model._training_state = None


@dataclasses.dataclass(frozen=True)
class _Beginning:
    epoch: int
    step: int

    def maybe_load_initial_counters_from_ckpt(self, steps_per_epoch, initial_epoch, mode):
        """Returns where to begin, whatever `fit` was told."""
        del steps_per_epoch, initial_epoch, mode
        return self.epoch, self.step
