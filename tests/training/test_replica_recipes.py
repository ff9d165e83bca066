"""Every recipe on two replicas: it runs, and its losses are those of one device."""

import json
from pathlib import Path

import pytest
from running import run_program

pytestmark = pytest.mark.slow
RECIPES = (
    {"optimizer": "lamb", "learning_rate": 1e-2, "loss": "focal", "gradient_centralization": True},
    {"optimizer": "adamw", "class_weights": "batch", "ema_decay": 0.9, "final_weights": "best"},
)
SCRIPT = """
import io, json, sys
from pathlib import Path
import tensorflow as tf
from bright_records import SIZE, write_records
from rich.console import Console
from contrast_tfdata.model import starting_point
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.training import distribution, loop
from contrast_tfdata.training.options import TrainingOptions

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
folder = Path(sys.argv[1])
records = folder / "records", write_records(folder / "records", (("train", 13), ("validation", 6)))
for number, recipe in enumerate(json.loads(sys.argv[2])):
    for strategy in ("one_device", "mirrored"):
        where = distribution.start(strategy, None)
        plan = RuntimePlan("float32", False, True, "native", static_shapes=strategy == "mirrored")
        training = TrainingOptions(epochs=1, seed=3, **recipe)
        workdir, batches = folder / f"{number}-{strategy}", PipelineOptions(8, 3)
        job = loop.Job(*records, workdir, training, batches, plan, distribution=where)
        with where.scope():
            model = starting_point.build(SIZE, pooling="native", seed=3)
        history = loop.train(model, job, resume=True, on_start=lambda: None, console=Console(file=io.StringIO()))
        norm = sum(float((weight ** 2).sum()) for weight in model.get_weights())
        print(json.dumps([where.replicas, norm, history]), flush=True)
"""


def test_two_replicas_have_the_losses_of_one(tmp_path):
    result = run_program(SCRIPT, tmp_path, json.dumps(RECIPES), cwd=Path(__file__).parent)
    assert result.returncode == 0, result.stderr[-3000:]
    runs = [json.loads(line) for line in result.stdout.splitlines()]
    assert [replicas for replicas, *_ in runs] == [1, 2] * len(RECIPES)
    for one, two in zip(runs[::2], runs[1::2], strict=True):
        assert two[1] == pytest.approx(one[1], rel=1e-4)
        for epoch_of_one, epoch_of_two in zip(one[2], two[2], strict=True):
            assert epoch_of_two == pytest.approx(epoch_of_one, rel=1e-4)
