"""`--jit_compile=true` makes one XLA program of the train step: network, loss, gradients, optimizer and metrics."""

import collections
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from bright_records import SIZE, write_records

from contrast_tfdata.model import runtime_plan, starting_point
from contrast_tfdata.model.architecture import FILTERS
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.dropout import CountedDropout
from contrast_tfdata.model.runtime_plan import Device
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

BATCH = 4
DEVICES = {"CPU": Device("CPU", "any"), "GPU": Device("GPU", "any", compute_capability=(8, 0))}
PRECISIONS = runtime_plan.PRECISIONS
RECIPES = [
    {"optimizer": "adamw", "loss": "focal", "ema_decay": 0.9},
    {"optimizer": "lamb", "schedule": "cosine", "warmup_epochs": 1.0},
]

BLOCKS, DENSE = len(FILTERS), 2
FORWARD = BLOCKS + DENSE
# Backward, every layer has a product for its kernel's gradient, and all but the first one for their input's.
FORWARD_AND_BACKWARD = FORWARD + FORWARD + FORWARD - 1

SCATTERS = {"scatter", "select-and-scatter"}
HANDED_ON = {"Placeholder", "Identity", "NoOp"}
"""Operations that compute nothing: a graph's inputs and outputs."""


@pytest.fixture(autouse=True)
def float32_policy():
    yield
    tf.keras.mixed_precision.set_global_policy("float32")
    tf.keras.backend.clear_session()


def compiled(precision="float32", device="CPU", jit_compile=True, **recipe) -> ContrastNet:
    """Builds and compiles the network as the command does it for a device."""
    plan = runtime_plan.plan(precision, jit_compile, device=DEVICES[device])
    runtime_plan.apply(plan)
    model = starting_point.build(SIZE, pooling=plan.pooling, micro_batches=plan.micro_batches, seed=1)
    compile_model(model, TrainingOptions(**recipe), steps_per_epoch=3, jit_compile=plan.jit_compile)
    return model


def zeros():
    return tf.zeros((BATCH, SIZE, SIZE), tf.uint8), tf.zeros((BATCH, 1)), tf.ones(BATCH)


@pytest.fixture(scope="module", params=PRECISIONS)
def on_a_gpu(request) -> ContrastNet:
    """The network as it is trained on a GPU; what TensorFlow hands to XLA depends on no device."""
    return compiled(request.param, "GPU")


@pytest.fixture(scope="module")
def program(on_a_gpu):
    return Program(on_a_gpu)


@pytest.mark.slow
def test_only_the_next_batch_is_taken_outside_the_program(on_a_gpu):
    assert outside_xla(on_a_gpu) == ["IteratorGetNext"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: "-".join(map(str, recipe.values())))
def test_nor_is_anything_else_of_other_recipes(recipe):
    assert outside_xla(compiled("mixed_float16", **recipe)) == ["IteratorGetNext"]


def test_without_xla_everything_stands_outside():
    assert {"Conv2D", "MatMul", "AssignAddVariableOp"} <= set(outside_xla(compiled(jit_compile=False)))


def outside_xla(model: ContrastNet) -> list[str]:
    """Returns the types of the operations that XLA does not compile in what `fit` calls for every batch."""
    batches = iter(tf.data.Dataset.from_tensors(zeros()))
    operations = model.make_train_function().get_concrete_function(batches).graph.get_operations()
    return [one.type for one in operations if one.type not in HANDED_ON and not must_be_compiled(one)]


def must_be_compiled(operation: tf.Operation) -> bool:
    """Whether TensorFlow compiles all of the function that is called, and what that calls, or else raises."""
    return operation.type == "StatefulPartitionedCall" and operation.node_def.attr["_XlaMustCompile"].b


class Program:
    """The train step as TensorFlow hands it to XLA.

    Attributes:
        instructions: how often each HLO instruction occurs.
        origins: how many convolutions came of each TensorFlow operation.
        updated: names of the variables that the program writes.
    """

    def __init__(self, model: ContrastNet):
        step = tf.function(lambda *batch: model.train_step(batch), jit_compile=True)
        captured = step.get_concrete_function(*zeros()).captured_inputs
        text = step.experimental_get_compiler_ir(*zeros())(stage="hlo")
        self.instructions = instructions(text)
        self.origins = collections.Counter(re.findall(r' convolution\(.*op_type="(\w+)"', text))
        # An updated variable's output takes the place of its input; inputs are the batch, then what is captured.
        places = re.findall(r"\{\d+\}: \((\d+), \{\}, may-alias\)", text.splitlines()[0])
        names = {id(variable.handle): variable.name for variable in all_variables(model)}
        self.updated = [names[id(captured[int(place) - len(zeros())])] for place in places]

    @property
    def scatters(self) -> bool:
        return bool(SCATTERS & self.instructions.keys())


def instructions(hlo: str) -> collections.Counter:
    return collections.Counter(re.findall(r"^\s+(?:ROOT )?\S+ = .*? ([a-z][a-z\d-]*)\(", hlo, re.MULTILINE))


def all_variables(model: ContrastNet) -> list[tf.Variable]:
    scale = getattr(model.optimizer, "_loss_scale", None)
    scaling = [scale.current_loss_scale, scale.counter] if scale else []
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    counts = [layer.calls for layer in model.layers if isinstance(layer, CountedDropout)]
    return [*model.variables, *model.optimizer.variables, *metrics, *scaling, *counts]


def test_every_variable_is_updated_in_the_program(on_a_gpu, program):
    scaled = on_a_gpu.dtype_policy.name == "mixed_float16"
    expected = [variable.name for variable in all_variables(on_a_gpu) if variable.name != "learning_rate:0"]
    assert sorted(program.updated) == sorted(expected)
    # The weights, two moments of each, and the step; mean loss and accuracy; the count of dropout; the loss scale and
    # its counter.
    assert len(expected) == 3 * 16 + 1 + 2 * 2 + 1 + 2 * scaled
    assert bool(program.instructions["conditional"]) == scaled  # whether the update is left out


def test_forward_and_backward_pass_are_in_the_program(program):
    assert program.origins["Conv2D"] == program.origins["Conv2DBackpropFilter"] == BLOCKS
    assert program.origins["Conv2DBackpropInput"] >= BLOCKS - 1
    assert program.instructions["dot"] == 3 * DENSE
    assert not program.scatters


def test_native_pooling_would_scatter():
    model = starting_point.build(SIZE, pooling="native", seed=1)
    compile_model(model, TrainingOptions(), steps_per_epoch=3, jit_compile=True)
    assert Program(model).scatters


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("compiled") / "records"
    write_records(directory, (("train", 6), ("validation", 6), ("test", 4)))
    return directory


@pytest.mark.slow
def test_the_command_compiles_one_program_to_train_and_one_to_validate(records, tmp_path):
    """In mixed_float16, which has a loss scale besides what the others have."""
    flags = [f"--records_dir={records}", f"--workdir={tmp_path}/run", "--epochs=2", "--batch_size=4"]
    words = [sys.executable, "-m", "contrast_tfdata.train", *flags, "--precision=mixed_float16", "--jit_compile=true"]
    dump = tmp_path / "dump"
    # Whatever XLA compiles of TensorFlow's functions is written there.
    xla_flags = f"--xla_dump_to={dump} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*inference.*"
    run = subprocess.run(
        words, env={**os.environ, "XLA_FLAGS": xla_flags}, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    programs = collections.defaultdict(list)
    for path in sorted(dump.glob("*.before_optimizations.txt")):
        function = re.search(r"a_inference_(.+?)_\d+__", path.name).group(1)
        found = instructions(path.read_text())
        assert not SCATTERS & found.keys()
        programs[function].append(found["dot"])
    # For two epochs, each of a full and a padded batch.
    assert programs.pop("run_step") == [FORWARD_AND_BACKWARD, FORWARD]
    assert not programs  # No part of the step is a program of its own.


@pytest.mark.slow
def test_it_trains_like_the_plain_step():
    losses, weights = {}, {}
    for pooling, jit_compile in (("native", False), ("patches", True)):
        tf.keras.utils.set_random_seed(1)
        model = ContrastNet(SIZE, pooling=pooling, dropout=0.0)
        compile_model(model, TrainingOptions(), steps_per_epoch=3, jit_compile=jit_compile)
        losses[pooling] = [model.train_on_batch(*batch(seed), return_dict=True) for seed in range(3)]
        weights[pooling] = model.get_weights()
    for own, plain in zip(losses["patches"], losses["native"], strict=True):
        assert own == pytest.approx(plain, rel=1e-3)
    moved = np.concatenate([(a - b).ravel() for a, b in zip(*weights.values(), strict=True)])
    # Adam moves a weight by about the learning rate each step, also where its gradient is only rounding: a few differ.
    assert np.sqrt(np.mean(moved**2)) < 0.1 * 3 * TrainingOptions().learning_rate


@pytest.mark.slow
def test_dropout_draws_anew_at_every_step():
    model = compiled(learning_rate=1e-12)
    losses = {model.train_on_batch(*batch(0), return_dict=True)["loss"] for _ in range(3)}
    assert len(losses) == 3


def batch(seed: int):
    """Returns noise, the last image only padding."""
    images = np.random.default_rng(seed).integers(0, 256, (BATCH, SIZE, SIZE), np.uint8)
    return images, np.array([[0.0], [1.0], [1.0], [0.0]]), np.array([1.0, 1.0, 1.0, 0.0])
