"""The part of each batch that a worker gets, where several train together."""

import dataclasses

import tensorflow as tf

from contrast_tfdata.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Share:
    """Rows of each batch for some of the replicas, which have equally many rows each.

    Attributes:
        replicas: of all workers together.
        first: the first one of this worker.
        count: how many it has, one after the other.
    """

    replicas: int = 1
    first: int = 0
    count: int = 1

    def __post_init__(self):
        if not 0 <= self.first < self.first + self.count <= self.replicas:
            raise ValueError(f"A share lies within the replicas. Received: {self}")

    def rows_of_each(self, batch_size: int) -> int:
        """Returns the rows of a replica. Raises UsageError where a batch cannot be divided."""
        rows, left = divmod(batch_size, self.replicas)
        if left or not rows:
            nearest = max(round(batch_size / self.replicas), 1) * self.replicas
            raise UsageError(
                f"--batch_size={batch_size} is that of all replicas together, and {self.replicas} of them cannot have "
                f"equally many of its slices; --batch_size={nearest} can be divided"
            )
        return rows

    def rows(self, batch_size: int) -> slice:
        """Returns which rows of a batch are this worker's."""
        rows = self.rows_of_each(batch_size)
        return slice(self.first * rows, (self.first + self.count) * rows)


def take_share(batches: tf.data.Dataset, batch_size: int, share: Share) -> tf.data.Dataset:
    """Divides batches among replicas: what they have together in a step is the batch that one would have.

    All is read and shuffled by every worker, and rows are taken afterwards: so the order stays that of one worker, and
    which examples stand together does not depend on how many workers there are.

    Args:
        batches: tensors or structures of them, (batch_size, ...) each.
        batch_size: of all replicas together.
        share: which part.

    Returns:
        For each batch, one after the other, the parts of the share's replicas: (batch_size / replicas, ...).
    """
    rows, mine = share.rows_of_each(batch_size), share.rows(batch_size)

    def divide(*batch):
        return tf.nest.map_structure(lambda each: tf.reshape(each[mine], [share.count, rows, *each.shape[1:]]), batch)

    return batches.map(divide).unbatch().prefetch(2 * share.count)
