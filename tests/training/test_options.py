"""The recipe refuses what makes no sense."""

import pytest

from contrast_tfdata.errors import UsageError
from contrast_tfdata.training.options import TrainingOptions


def test_defaults_are_the_slides():
    options = TrainingOptions()
    assert (options.epochs, options.learning_rate, options.optimizer, options.loss) == (
        15,
        5e-4,
        "adam",
        "cross_entropy",
    )
    assert (options.seed, options.ema_decay, options.class_weights, options.final_weights) == (
        1020,
        0.0,
        "none",
        "last",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"optimizer": "sgd"},
        {"loss": "hinge"},
        {"ema_decay": 1.0},
        {"class_weights": "heavy"},
        {"final_weights": "middle"},
        {"weight_decay": -1.0},
        {"focal_alpha": 1.0},
    ],
)
def test_bad_values_are_named(change):
    name, value = next(iter(change.items()))
    with pytest.raises(UsageError, match=f"{value}"):
        TrainingOptions(**change)
    assert name in TrainingOptions.__dataclass_fields__


def test_balanced_weights_are_those_of_scikit_learn():
    import numpy as np
    from sklearn.utils.class_weight import compute_class_weight

    labels = [0] * 556 + [1] * 166
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    weights = TrainingOptions(class_weights="balanced").weight_of_classes({"no_gad": 556, "with_gad": 166})
    np.testing.assert_allclose(weights, expected)
    assert TrainingOptions().weight_of_classes({"no_gad": 556, "with_gad": 166}) == (1.0, 1.0)
