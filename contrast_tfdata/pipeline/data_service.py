"""Batches made on another machine, by a tf.data service."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf

from contrast_tfdata.errors import InterruptedRunError, UsageError

OUT_OF_ORDER = "the tf.data service hands out batches in another order"
"""In TensorFlow's message where a batch is not the one that was next."""
_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 5.0
_MISSED_LOOKS = 4
"""How often in a row nobody must answer until a service is lost: after 15 seconds, or 40 where packets vanish."""


def check_address(address: str) -> None:
    """Connects to a service, once: TensorFlow itself would try for an hour.

    Raises:
        UsageError: it is no host:port, or nobody takes connections there.
    """
    if not re.fullmatch(r"[^\s/]+:\d{1,5}", address):
        raise UsageError(f"--data_service must be host:port. Received: {address}")
    if not _answers(address):
        raise UsageError(f"no tf.data service answers at {address}; BUILD.md says how to start one")


@contextlib.contextmanager
def watching(address: str | None, on_lost: Callable[[InterruptedRunError], None]) -> Iterator[None]:
    """Looks after a service within the block: without it, TensorFlow waits for the next batch and cannot be stopped.

    Args:
        address: host:port of the service; None for none.
        on_lost: called in a thread of its own, once, when nobody answers any more. It should end the process.
    """
    if not address:
        yield
        return
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(address, on_lost, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(address: str, on_lost: Callable[[InterruptedRunError], None], over: threading.Event) -> None:
    missed = 0
    while missed < _MISSED_LOOKS:
        if over.wait(_LOOK_SECONDS):
            return
        missed = 0 if _answers(address) else missed + 1
    on_lost(
        InterruptedRunError(
            f"lost: the tf.data service at {address}; start it again, and training with the same flags; that goes on "
            "from the last checkpoint"
        )
    )


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False


def made_by_service(batches: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """Lets a service make the batches, in the same order.

    Each consumer has batches of its own, all of them: the service's one worker does for it what this process would do.
    A second worker would do the same again and mix its batches in. TensorFlow does not say how many there are, so every
    batch carries its number, and one out of turn ends the run.

    Args:
        batches: tensors or structures of them; the records must be at the same path where the service's worker runs.
        address: host:port of the dispatcher.
    """
    made = batches.enumerate().apply(
        tf.data.experimental.service.distribute(
            tf.data.experimental.service.ShardingPolicy.OFF, f"grpc://{address}", max_outstanding_requests=1
        )
    )

    def in_turn(expected: tf.Tensor, numbered: tuple):
        number, batch = numbered
        text = f"{OUT_OF_ORDER}: it must have one worker"
        with tf.control_dependencies([tf.debugging.assert_equal(number, expected, text)]):
            return tf.nest.map_structure(tf.identity, batch)

    return made.enumerate().map(lambda expected, numbered: in_turn(expected, numbered))
