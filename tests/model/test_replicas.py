"""Two replicas take the step of one. In a process of its own: TensorFlow fixes its devices when it starts."""

from pathlib import Path

import numpy as np
import pytest
from running import run_program

SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
from network_cases import contrast_net, noise

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
images, labels = np.concatenate([noise(), 255 - noise()]), np.array([0.0, 1.0, 1.0, 1.0])
weights = np.array([1.0, 1.0, 1.0, 0.0])
moved = {}
for name, strategy in [
    ("one", tf.distribute.OneDeviceStrategy("CPU:0")), ("two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
]:
    with strategy.scope():
        network = contrast_net(dropout_seed=3, micro_batches=4)
        network.compile(tf.keras.optimizers.SGD(1e-2), tf.keras.losses.BinaryCrossentropy(from_logits=True))
    before = network.get_weights()
    data = tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(4)
    loss = network.fit(data, verbose=0).history["loss"][0]
    moved[name] = np.concatenate([(a - b).ravel() for a, b in zip(network.get_weights(), before)] + [[loss]])
np.savez(sys.argv[1], **moved)
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one(tmp_path):
    file = tmp_path / "moved.npz"
    run = run_program(SCRIPT, file, cwd=Path(__file__).parent)
    assert run.returncode == 0, run.stderr[-3000:]
    moved = np.load(file)
    # Both drop the same features, row by row of the global batch.
    # 2 and 2 examples, one of them padding: averaging the replicas' means instead would weigh 3 as 1, 1 and 2.
    assert np.linalg.norm(moved["one"][:-1] - moved["two"][:-1]) < 1e-4 * np.linalg.norm(moved["one"][:-1])
    assert np.isclose(moved["one"][-1], moved["two"][-1], rtol=1e-5)
