"""What the facts tell somebody to do before the network makes what this package makes."""

import numpy as np
import pytest
from PIL import Image

from contrast_tfdata.evaluation import Choices, OperatingPoint
from contrast_tfdata.exporting import facts
from contrast_tfdata.exporting.formats import FORMATS
from contrast_tfdata.exporting.thresholds import Thresholds
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import Slice

DESCRIPTION = {
    "preprocessing": Preprocessing().to_json(),
    "operating_point": {"threshold": 0.5, "criterion": "fixed", "chosen_on": "none"},
    "class_names": ["no_gad", "with_gad"],
    "views": ["plain", "mirrored"],
    "weights_sha256": "0" * 64,
    "flags": {"records_dir": "/home/somebody/records"},
}


def by_the_steps(pixels, size):
    """Follows the sentences for foreground_p99, area and keep; a result pixel covers whole pixels of the source."""
    values = pixels.astype(np.float64)
    t = np.percentile(values[values > 0], 99)
    f = np.percentile(values[values > 0.15 * t], 99)
    values = np.clip(values * (200 / f), 0, 255)
    factor = max(values.shape) // size
    height, width = (side // factor for side in values.shape)
    means = values.reshape(height, factor, width, factor).mean(axis=(1, 3))
    square, (top, left) = np.zeros((size, size), np.uint8), ((size - side) // 2 for side in (height, width))
    square[top : top + height, left : left + width] = np.clip(np.rint(means), 0, 255)
    return square


def test_whoever_follows_the_steps_gets_the_same_bytes():
    texture = np.random.default_rng(3).integers(0, 200, (40, 30), np.uint8)
    pixels = np.asarray(Image.fromarray(texture).resize((300, 400), Image.Resampling.BILINEAR))
    found = by_the_steps(pixels, 200)
    expected = Preprocessing(image_size=200)(Slice(pixels))
    # Halves of a grey may be rounded to either side: sums of float32 and of float64.
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found == expected).mean() > 0.99


@pytest.mark.parametrize("intensity", ["foreground_p99", "stored"])
@pytest.mark.parametrize("interpolation", ["area", "bilinear", "lanczos3", "nearest"])
@pytest.mark.parametrize("aspect", ["keep", "stretch"])
def test_every_preprocessing_can_be_told(intensity, interpolation, aspect):
    told = facts.steps(Preprocessing(200, interpolation, intensity, aspect))
    assert len(told) == 4
    assert "200" in told[1]


def test_facts_hold_what_a_user_needs_and_no_path_of_the_machine():
    thresholds = Thresholds.of(Choices(OperatingPoint.fixed()))
    known = facts.describe(DESCRIPTION, FORMATS["onnx"], thresholds)
    assert known["input"]["shape"] == ["N", 331, 331]
    assert known["outputs"].keys() == {"logit", "probability", "prediction", "decision"}
    assert "mirror image" in known["input"]["done_inside"]
    assert known["weights_sha256"] == "0" * 64
    assert "somebody" not in str(known)
