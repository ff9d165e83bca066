import numpy as np
import pytest
import tensorflow as tf

from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.score_counts import BINS, LARGEST_LOGIT, ScoreCounts


def counted(labels, logits, weights=None):
    counts = ScoreCounts()
    counts.update_state(np.array(labels), np.array(logits, np.float32)[:, None], weights)
    return counts.result().numpy()


def test_logits_fall_into_bins_of_equal_width():
    edges = np.linspace(-LARGEST_LOGIT, LARGEST_LOGIT, BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    found = counted(np.ones(BINS), middles)
    np.testing.assert_array_equal(found, [np.zeros(BINS), np.ones(BINS)])


def test_zero_is_no_prediction_of_class_1():
    middle = BINS // 2
    found = counted([0, 1, 1], [0.0, 0.0, 1e-6])
    assert (found[0, middle - 1], found[1, middle - 1], found[1, middle]) == (1, 1, 1)


@pytest.mark.parametrize(("logit", "bin_"), [(1e30, -1), (-1e30, 0), (np.inf, -1), (-np.inf, 0), (LARGEST_LOGIT, -1)])
def test_outer_bins_hold_all_beyond(logit, bin_):
    assert counted([1], [logit])[1, bin_] == 1


def test_counting_begins_anew():
    counts = ScoreCounts()
    counts.update_state(np.ones(3), np.ones((3, 1)))
    counts.reset_state()
    assert not counts.result().numpy().any()


def test_examples_count_as_their_weights():
    found = counted([0, 1, 1], [1.0, 1.0, 1.0], np.array([2.0, 0.0, 1.0]))
    assert found.sum(axis=1).tolist() == [2.0, 1.0]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_evaluating_counts_every_example_once_and_padding_never(jit_compile):
    model = ContrastNet(190, pooling="patches" if jit_compile else "native")
    model.compile(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=jit_compile)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (6, 190, 190), np.uint8), np.array([0, 1, 1, 1, 0, 0])
    weights = np.array([1, 1, 1, 1, 1, 0], np.float32)
    before = model.get_weights()
    model.evaluate(images, labels, sample_weight=weights, batch_size=3, verbose=0)
    counts = model.score_counts.result().numpy()
    assert counts.sum(axis=1).tolist() == [2.0, 3.0]
    logits = model(images).numpy()[:5, 0]
    np.testing.assert_array_equal(counts, counted(labels[:5], logits))
    assert len(model.get_weights()) == len(before) == 16
