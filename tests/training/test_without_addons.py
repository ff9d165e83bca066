"""Where there is no Addons, optimizers and loss are those of Addons: the same weights step by step."""

import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.training import addons, without_addons

pytestmark = pytest.mark.skipif(not addons.HAS_ADDONS, reason="TensorFlow Addons is not installed to compare with")
STEPS = 12
SCHEDULE = tf.keras.optimizers.schedules.CosineDecay(0.1, STEPS)


def weights_by_step(optimizer, jit_compile=False):
    """Returns the weights after each of some steps down a valley, one variable of zeros among them."""
    rng = np.random.default_rng(1)
    variables = [tf.Variable(rng.normal(size=shape).astype(np.float32)) for shape in ((3, 4), (4,))]
    variables.append(tf.Variable(np.zeros(5, np.float32)))
    slopes = [tf.constant(rng.uniform(0.1, 3, variable.shape).astype(np.float32)) for variable in variables]
    optimizer._create_all_weights(variables)

    @tf.function(jit_compile=jit_compile)
    def step():
        gradients = [slope * variable + 0.1 for slope, variable in zip(slopes, variables, strict=True)]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    found = []
    for _ in range(STEPS):
        step()
        found.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
    return np.array(found), variables


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("learning_rate", [0.05, SCHEDULE], ids=["constant", "cosine"])
@pytest.mark.parametrize(("make", "own"), [(addons.adamw, without_addons.AdamW), (addons.lamb, without_addons.LAMB)])
def test_steps_are_those_of_addons(make, own, learning_rate, jit_compile):
    theirs, _ = weights_by_step(make(learning_rate, 0.01), jit_compile)
    ours, _ = weights_by_step(own(learning_rate, 0.01), jit_compile)
    assert np.abs(theirs[-1] - theirs[0]).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decay", [0.05, 0.9])
def test_averages_are_those_of_addons(decay):
    averages = []
    for kind in (addons.MovingAverage, without_addons.MovingAverage):
        optimizer = kind(tf.keras.optimizers.legacy.Adam(0.1), average_decay=decay, dynamic_decay=True)
        path, variables = weights_by_step(optimizer)
        optimizer.assign_average_vars(variables)
        averages.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
        assert np.abs(path[-1] - averages[-1]).max() > (0.01 if decay > 0.5 else 1e-4)
    np.testing.assert_allclose(*averages, rtol=1e-5, atol=1e-6)


MAKERS = {
    "adamw": (lambda: addons.adamw(0.05, 0.01), lambda: without_addons.AdamW(0.05, 0.01)),
    "lamb": (lambda: addons.lamb(0.05, 0.01), lambda: without_addons.LAMB(0.05, 0.01)),
    "ema": tuple(
        lambda kind=kind: kind(tf.keras.optimizers.legacy.Adam(0.1), average_decay=0.9, dynamic_decay=True)
        for kind in (addons.MovingAverage, without_addons.MovingAverage)
    ),
}


@pytest.mark.parametrize("turn", [1, -1], ids=["to_ours", "to_theirs"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_run_goes_on_with_the_other_set(tmp_path, name, turn):
    paths = []
    makers = MAKERS[name][::turn]
    for make in (*makers, makers[0]):
        variables, optimizer = [tf.Variable([1.0, 2.0]), tf.Variable([[3.0]])], make()
        optimizer._create_all_weights(variables)
        state = tf.train.Checkpoint(optimizer=optimizer, variables=variables)
        if paths:
            state.read(str(tmp_path / "state")).assert_existing_objects_matched()
        for _ in range(3):
            optimizer.apply_gradients([(0.5 * each, each) for each in variables])
        if not paths:
            state.write(str(tmp_path / "state"))
        paths.append(np.concatenate([each.numpy().ravel() for each in variables]))
    np.testing.assert_allclose(paths[1], paths[2], rtol=1e-6)
    assert np.abs(paths[1] - paths[0]).max() > 0.01


def test_focal_losses_are_those_of_addons(monkeypatch):
    labels, logits = tf.constant([[0.0], [1.0], [1.0], [0.0]]), tf.constant([[-2.0], [3.0], [-1.0], [0.5]])
    theirs = addons.focal_loss(2.0, 0.25)(labels, logits)
    monkeypatch.setattr(addons, "HAS_ADDONS", False)
    np.testing.assert_allclose(addons.focal_loss(2.0, 0.25)(labels, logits), theirs, rtol=1e-5)
