"""16 bits train as well as float32, and float16's dynamic loss scale does what it is for."""

import math

import numpy as np
import pytest
import tensorflow as tf
from bright_records import SIZE, write_records

from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.runtime_plan import PRECISIONS, detect_device
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.scoring.predictor import Predictor
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

RECIPE = TrainingOptions(learning_rate=1e-3)
LEARNING = [each for each in PRECISIONS if each != "mixed_bfloat16" or detect_device().bfloat16]
"""Where bfloat16 is emulated, only its gradients are tested (tests/model/test_conformance.py)."""
FIRST_EXPONENT = 30
"""Of the loss scale, where float16 must find its own: with 2**30 the gradients of the first steps overflow."""
FIRST_STEP_MOMENT = 0.1
"""Adam's first moment after one step, in gradients: 1 - beta_1."""


def compiled(precision: str, jit_compile: bool, **kwargs) -> ContrastNet:
    tf.keras.utils.set_random_seed(4)
    model = ContrastNet(SIZE, pooling="patches" if jit_compile else "native", dtype=precision, **kwargs)
    compile_model(model, RECIPE, steps_per_epoch=1, jit_compile=jit_compile)
    return model


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """Where records of bright squares to learn from are, and the held-out images with their labels."""
    directory = tmp_path_factory.mktemp("precision") / "records"
    manifest = write_records(directory, (("train", 64), ("validation", 64)))
    source = {"records_dir": directory, "manifest": manifest, "options": PipelineOptions(4, static_shapes=True)}
    held_out = list(create_eval_dataset(**source, split="validation").as_numpy_iterator())
    images, labels = (np.concatenate([batch[part] for batch in held_out]) for part in (0, 1))
    return source, images, labels[:, 0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("precision", LEARNING)
def test_every_precision_learns_from_nothing(precision, bright):
    """48 steps of 4, compiled with XLA; those of float16 in which gradients overflow are left out."""
    source, images, labels = bright
    model = compiled(precision, jit_compile=True)
    if precision == "mixed_float16":
        set_scale(model, 2.0**FIRST_EXPONENT)
    model.fit(create_train_dataset(**source, first_epoch=0, epochs=3), epochs=3, steps_per_epoch=16, verbose=0)
    logits = Predictor([weights_of(model)])(images)
    # Seen: 64 of 64 in each; chance gives 32, with a standard deviation of 4.
    assert np.mean((logits > 0) == labels) >= 60 / 64
    if precision == "mixed_float16":
        assert 0 < FIRST_EXPONENT - math.log2(float(model.optimizer.loss_scale)) < 16


@pytest.fixture(scope="module")
def scaled() -> ContrastNet:
    """A network in float16 that one step has been taken with, so that the optimizer's moments are not 0."""
    model = compiled("mixed_float16", jit_compile=False)
    train_on(model)
    return model


@pytest.mark.slow
class TestLossScale:
    def test_step_that_overflows_is_left_out_and_halves_the_scale(self, scaled):
        # The scaled loss is a finite float32, but no float16 holds its gradients.
        set_scale(scaled, 2.0**100, good_steps=7)
        before, step = state(scaled), int(scaled.optimizer.iterations)
        train_on(scaled)
        assert float(scaled.optimizer.loss_scale) == 2.0**99
        assert int(scaled.optimizer.dynamic_counter) == 0
        assert int(scaled.optimizer.iterations) == step + 1
        assert all(np.array_equal(now, then) for now, then in zip(state(scaled), before, strict=True))

    def test_scale_comes_down_until_steps_are_taken_again(self, scaled):
        set_scale(scaled, 2.0**24)
        before, left_out = weights(scaled), -1
        while int(scaled.optimizer.dynamic_counter) == 0 and left_out < 24:
            train_on(scaled)
            left_out += 1
        assert left_out > 0
        assert float(scaled.optimizer.loss_scale) == 2.0 ** (24 - left_out)
        assert not any(np.array_equal(now, then) for now, then in zip(weights(scaled), before, strict=True))

    def test_scale_doubles_after_enough_good_steps(self, scaled):
        set_scale(scaled, 2.0**10, good_steps=scaled.optimizer.dynamic_growth_steps - 2)
        train_on(scaled)
        assert float(scaled.optimizer.loss_scale) == 2.0**10
        train_on(scaled)
        assert float(scaled.optimizer.loss_scale) == 2.0**11
        assert int(scaled.optimizer.dynamic_counter) == 0

    def test_gradients_too_small_for_float16_survive(self):
        exact = first_gradient(compiled("float32", jit_compile=False, dropout=0.0))
        model = compiled("mixed_float16", jit_compile=False, dropout=0.0)
        assert float(model.optimizer.loss_scale) == 2.0**15
        # As near as with any scale, and as where the loss is large: 0.22 of noise images, by rounding.
        assert distance(first_gradient(model), exact) < 0.3
        unscaled = compiled("mixed_float16", jit_compile=False, dropout=0.0)
        set_scale(unscaled, 1.0)
        assert distance(first_gradient(unscaled), exact) > 0.9  # nothing is left


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_others_need_no_loss_scale(precision):
    model = compiled(precision, jit_compile=False)
    assert not isinstance(model.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    assert all(weight.dtype == tf.float32 for weight in model.weights)


def noise(count: int = 2):
    images = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE), np.uint8)
    return images, np.arange(count)[:, np.newaxis] % 2, np.ones(count)


def train_on(model: ContrastNet) -> None:
    model.train_on_batch(*noise())


def set_scale(model: ContrastNet, scale: float, good_steps: int = 0) -> None:
    model.optimizer._loss_scale.current_loss_scale.assign(scale)  # Keras has no public door to set it.
    model.optimizer.dynamic_counter.assign(good_steps)


def weights(model: ContrastNet) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def state(model: ContrastNet) -> list[np.ndarray]:
    """Returns the weights, and the optimizer's moments of them."""
    return weights(model) + [one.numpy() for one in model.optimizer.variables if one.shape.rank]


def first_gradient(model: ContrastNet) -> np.ndarray:
    """Returns the first kernel's gradient, from Adam's first moment, where the loss is 6e-6: right, and sure of it."""
    *others, bias = model.get_weights()
    model.set_weights([*others, np.full_like(bias, 12.0)])
    images, labels, weight = noise()
    model.train_on_batch(images, np.ones_like(labels), weight)
    moment = next(one for one in model.optimizer.variables if one.name.startswith("m/"))
    return moment.numpy() / FIRST_STEP_MOMENT


def distance(found: np.ndarray, exact: np.ndarray) -> float:
    """Returns the relative L2 distance."""
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)
