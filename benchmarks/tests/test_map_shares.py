import numpy as np
import pytest
import tensorflow as tf

from benchmarks.explanation import MAPS, draw_scenes, enhancing_pixels, mean_and_error, shares, table
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import Slice
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.phantom import SliceTruth
from contrast_tfdata.phantom.tissue import Tissue

SIZE = 190
"""The smallest that the network takes."""


def test_a_share_is_that_of_the_positive_part():
    maps = np.array([[[1.0, 3.0], [-5.0, 0.0]], [[-1.0, 0.0], [0.0, 0.0]]])
    where = np.array([[[False, True], [True, False]]] * 2)
    np.testing.assert_array_equal(shares(maps, where), [0.75, np.nan])


def test_patients_count_the_same_however_many_slices_they_have():
    values, patients = np.array([0.2, 0.4, 0.9, np.nan]), np.array([0, 0, 1, 2])
    mean, error = mean_and_error(values, patients)
    assert mean == pytest.approx((0.3 + 0.9) / 2)
    assert error == pytest.approx(0.3)


def test_truth_goes_the_way_of_the_picture():
    pixels = np.zeros((256, 256), np.uint8)
    pixels[64:128, 32:96] = 255
    concentration = np.where(pixels > 0, 1.0, 0.0).astype(np.float32)
    truth = SliceTruth(np.full(pixels.shape, Tissue.VEIN, np.uint8), concentration)
    tissue = enhancing_pixels(Slice(pixels), truth, Preprocessing())
    picture = Preprocessing(intensity="stored")(Slice(pixels)) > 127
    np.testing.assert_array_equal(tissue, picture)
    assert np.count_nonzero(tissue) / 331**2 == pytest.approx(64 * 64 / 256**2, rel=0.05)


@pytest.mark.slow
def test_the_table_has_a_line_for_every_map():
    scenes = draw_scenes(Preprocessing(image_size=SIZE), patients=1)
    tf.keras.utils.set_random_seed(0)
    network = ContrastNet(SIZE)
    lines = table(scenes, network, network)
    assert [line.split("|")[1].strip() for line in lines[4:]] == list(MAPS)
    assert scenes.enhancing.any((1, 2)).all()
    assert (scenes.enhancing & scenes.head).sum() > 0.5 * scenes.enhancing.sum()
