"""What the names on the command line of the table of real images stand for."""

import numpy as np
import pytest

from benchmarks.transfer.__main__ import network
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.model.weights import save_model

SIZE = 190


def test_runs_between_plus_signs_answer_as_one(tmp_path):
    for name, threshold in (("a", 0.3), ("b", 0.8)):
        description = {
            "preprocessing": Preprocessing(image_size=SIZE).to_json(),
            "operating_point": {"threshold": threshold, "criterion": "accuracy", "chosen_on": "validation"},
            "class_names": ["no_gad", "with_gad"],
        }
        save_model(tmp_path / name / "model", weights_of(ContrastNet(SIZE)), description)
    images = np.random.default_rng(4).integers(0, 256, (3, SIZE, SIZE), np.uint8)
    (one, _, one_threshold), (other, _, other_threshold) = (network(f"{tmp_path}/{name}") for name in "ab")
    together, preprocessing, threshold = network(f"{tmp_path}/a+{tmp_path}/b")
    assert np.abs(one(images) - other(images)).max() > 1e-3
    np.testing.assert_allclose(together(images), (one(images) + other(images)) / 2, rtol=1e-5, atol=1e-6)
    assert threshold == pytest.approx((one_threshold + other_threshold) / 2)
    assert preprocessing.image_size == SIZE
