"""Where a network is trained: on one device, on all of one machine, or on several machines."""

import contextlib
import dataclasses
import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from contrast_tfdata.errors import InterruptedRunError, UsageError
from contrast_tfdata.model.private_interfaces import watch_workers
from contrast_tfdata.pipeline.sharing import Share, take_share
from contrast_tfdata.training.cluster import Cluster
from contrast_tfdata.training.stopping import Stop

HEARTBEAT_SECONDS = 15
"""A worker that is not heard for so long is lost. One whose process ended is missed sooner, by its connections."""
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)
"""What TensorFlow raises where another worker, or the connection to it, is gone."""
_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Distribution:
    """What training runs on.

    Attributes:
        strategy: None for one device: nothing of TensorFlow's distribution is then in the way.
        cluster: the workers, or None on one machine.
    """

    strategy: tf.distribute.Strategy | None = None
    cluster: Cluster | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the results."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def rank(self) -> int:
        """Position of this process among the workers."""
        return self.cluster.rank if self.cluster else 0

    @property
    def replicas(self) -> int:
        """Copies of the network, over all workers."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def share(self) -> Share:
        """The replicas of this process."""
        local = self.replicas // (len(self.cluster.tasks) if self.cluster else 1)
        return Share(self.replicas, self.rank * local, local)

    def describe(self) -> str:
        """Says it in a line."""
        if self.cluster:
            workers = ", ".join(map(self.cluster.name, range(len(self.cluster.tasks))))
            return f"{self.replicas} replicas on {workers}"
        return f"{self.replicas} replicas on this machine" if self.strategy else "one device"

    def scope(self) -> contextlib.AbstractContextManager:
        """Where variables are made, so that all replicas have them."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def distribute(self, batches: tf.data.Dataset) -> Any:
        """Returns what `fit` takes in place of the batches: every replica's part of each.

        Args:
            batches: (B, ...), the same on all workers; with several replicas all batches, the last too, of one size.
        """
        if not self.strategy:
            return batches
        # All workers have equally many batches of one shape. Otherwise they would ask each other, in every step,
        # whether somebody has one left.
        self.strategy.extended.experimental_enable_get_next_as_optional = False
        size = tf.nest.flatten(batches.element_spec)[0].shape[0]
        return self.strategy.distribute_datasets_from_function(lambda _: take_share(batches, size, self.share))

    def chief_first(self, action: Callable[[], _Result]) -> _Result:
        """Does something on all workers, on the others once the chief is done with it, and returns what it returns."""
        if not self.is_chief:
            self._meet()
        result = action()
        if self.is_chief:
            self._meet()
        return result

    def agree(self, state: Mapping[str, Any]) -> None:
        """Compares what all workers must have in common.

        Raises:
            UsageError: some have another state than the chief's; they are named.
        """
        if not self.cluster:
            return
        digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).digest()[:7]
        digests = self._gather(int.from_bytes(digest, "big"))[:: self.share.count]
        others = [self.cluster.name(rank) for rank, each in enumerate(digests) if each != digests[0]]
        if others:
            raise UsageError(
                f"started with other flags, records or checkpoints than {self.cluster.name(0)}: {', '.join(others)}; "
                "all workers need the same flags, and --records_dir and --workdir on a file system that they share"
            )

    def _meet(self) -> None:
        if self.cluster:
            self._gather(0)

    def _gather(self, number: int) -> list[int]:
        """Returns the number of each replica, over all workers; numbers below 2**56."""
        mine = self.strategy.run(lambda: tf.constant([number], tf.int64))
        return self.strategy.gather(mine, axis=0).numpy().tolist()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Explains the errors with which a lost worker ends the others.

        Raises:
            InterruptedRunError: another worker is gone; it is named.
        """
        try:
            yield
        except tf.errors.OpError as error:
            if not self.cluster:
                raise
            # Only those to whom no connection can be made are gone for sure; a frozen one still takes connections.
            lost = self.cluster.silent() or self.cluster.named_in(str(error))
            if not lost and not isinstance(error, _LOST):
                raise
            names = ", ".join(map(self.cluster.name, lost)) or "the connection to another worker"
            raise InterruptedRunError(
                f"lost: {names}; this worker stopped too. Start all workers again with the same flags: they go on from "
                "the last checkpoint"
            ) from error


class StopTogether(tf.keras.callbacks.Callback):
    """Lets workers stop after the same step where one of them was asked to: alone it would wait for the others.

    It must come before what looks at it. Each step has an exchange of one number for it.

    Args:
        asked: what this worker was asked.
        strategy: of several workers.
    """

    def __init__(self, asked: Stop, strategy: tf.distribute.Strategy):
        super().__init__()
        self._asked = asked
        self._strategy = strategy
        self._sum = tf.function(self._sum_over_replicas)

    name: str | None = None
    """What asked to stop, as all workers know it; None where nothing did."""

    def on_train_batch_end(self, batch, logs=None):
        """Asks the others."""
        asked = self._asked.name
        sums = self._strategy.experimental_local_results(self._sum(tf.constant(float(asked is not None))))
        if sums[0] > 0:
            self.name = asked or "another worker"

    def _sum_over_replicas(self, number: tf.Tensor) -> tf.Tensor:
        def add_up() -> tf.Tensor:
            mine = tf.identity(number)  # which is on the replica's device, as what is summed must be
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, mine)

        return self._strategy.run(add_up)


def start(name: str, cluster: Cluster | None) -> Distribution:
    """Makes the strategy. To be called before TensorFlow has done anything else, and once all workers are there.

    Args:
        name: `one_device`, `mirrored` or `multi_worker`.
        cluster: the workers, for `multi_worker`: those of TF_CONFIG in the environment, which TensorFlow reads too.
    """
    if name == "multi_worker":
        return Distribution(_multi_worker(cluster), cluster)
    if name == "one_device":
        return Distribution()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return Distribution(tf.distribute.MirroredStrategy([device.name for device in devices]))


def _multi_worker(cluster: Cluster) -> tf.distribute.Strategy:
    watch_workers([kind for kind, *_ in cluster.tasks], HEARTBEAT_SECONDS)
    handler = signal.getsignal(signal.SIGTERM)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    # TensorFlow has taken the signal for itself, and with it nothing would happen.
    signal.signal(signal.SIGTERM, handler)
    return strategy
