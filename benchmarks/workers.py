"""What two workers of one core each are worth beside one of two cores, and what dividing a step costs.

    python -m benchmarks.workers [ROUNDS]

Each way to train is a process, or two, of its own: they take turns, so that a busy machine is busy for all. A worker is
held to its cores, and its steps are timed by itself, without the first ones.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from benchmarks.measuring import Spread, paired_ratios
from contrast_tfdata.model import runtime_plan, starting_point
from contrast_tfdata.model.architecture import IMAGE_SIZE, weight_shapes
from contrast_tfdata.training import distribution
from contrast_tfdata.training.cluster import Cluster
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

BATCH, STEPS, LEFT_OUT = 32, 10, 3
WAYS = {"one worker, 2 cores": ("0,1",), "one worker, 1 core": ("0",), "two workers, 1 core each": ("0", "1")}
"""The cores of each worker."""


def work() -> None:
    """Trains alone or with others; prints the median seconds of a step, and of summing the gradients alone."""
    cores = len(os.sched_getaffinity(0))
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    workers = Cluster.for_strategy("auto", os.environ)
    plan = runtime_plan.plan("float32", "false")
    where = distribution.start("multi_worker" if workers else "one_device", workers)
    with where.scope():
        model = starting_point.build(IMAGE_SIZE, pooling=plan.pooling, micro_batches=plan.micro_batches, seed=1)
        compile_model(model, TrainingOptions(), steps_per_epoch=STEPS, jit_compile=False)
    images = np.random.default_rng(1).integers(0, 256, (BATCH, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    labels = (np.arange(BATCH) % 2).astype(np.float32)[:, np.newaxis]
    batches = tf.data.Dataset.from_tensors((images, labels, np.ones(BATCH, np.float32))).repeat()
    clock = _Clock()
    model.fit(where.distribute(batches), steps_per_epoch=LEFT_OUT + STEPS, verbose=0, callbacks=[clock])
    print(json.dumps([statistics.median(clock.seconds[LEFT_OUT:]), _seconds_of_a_sum(where)]))


class _Clock(tf.keras.callbacks.Callback):
    """Times steps."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.seconds.append(time.perf_counter() - self._began)


def _seconds_of_a_sum(where: distribution.Distribution) -> float:
    """Returns the median seconds of summing as many floats as the network has over the workers; 0 for one."""
    if not where.strategy:
        return 0.0
    floats = sum(int(np.prod(shape)) for shape in weight_shapes().values())

    @tf.function
    def add_up():
        return where.strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.ones([floats]))
        )

    seconds = []
    for _ in range(LEFT_OUT + 30):
        began = time.perf_counter()
        add_up()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[LEFT_OUT:])


def seconds_of(cores: tuple[str, ...]) -> tuple[float, float]:
    """Runs workers on these cores; returns the seconds of a step of the slowest one, and of a sum."""
    listeners = [socket.create_server(("localhost", 0)) for _ in cores]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in listeners]
    for each in listeners:
        each.close()
    children = []
    for index, affinity in enumerate(cores):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        words = ["taskset", "-c", affinity, sys.executable, "-m", "benchmarks.workers", "--worker"]
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps(task),
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        children.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment))
    answers = [json.loads(child.communicate(timeout=600)[0].splitlines()[-1]) for child in children]
    return max(step for step, _ in answers), max(each for _, each in answers)


def main(rounds: int) -> None:
    """Measures and prints."""
    steps, sums = {name: [] for name in WAYS}, []
    for _ in range(rounds):
        for name, cores in WAYS.items():
            step, added = seconds_of(cores)
            steps[name].append(step)
            if len(cores) > 1:
                sums.append(added)
    for name, seconds in steps.items():
        found = Spread.of(seconds)
        print(f"{name}: {found.median:.3f} s a step of {BATCH} slices ({found.least:.3f} to {found.most:.3f})")
    one, _, two = steps.values()
    ratio = Spread.of(paired_ratios(one, two))
    print(
        f"efficiency, one worker's seconds by two workers': {ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f})"
    )
    added = statistics.median(sums)
    print(f"summing the gradients alone: {added * 1000:.1f} ms, {added / statistics.median(two):.1%} of a step")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
