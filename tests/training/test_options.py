"""The recipe refuses what makes no sense."""

import math

import pytest

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.training.options import TrainingOptions


def test_defaults_are_the_slides():
    options = TrainingOptions()
    assert (options.epochs, options.learning_rate, options.optimizer, options.loss) == (
        15,
        5e-4,
        "adam",
        "cross_entropy",
    )
    assert (options.schedule, options.warmup_epochs, options.initial_bias) == ("constant", 0.0, "none")
    assert not options.gradient_centralization
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
        {"schedule": "step"},
        {"warmup_epochs": -0.5},
        {"warmup_epochs": 15.0},
        {"warmup_epochs": float("nan")},
        {"initial_bias": "prior"},
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


SHARES = {"no_gad": 556, "with_gad": 166}


@pytest.mark.parametrize(("class_weights", "share"), [("none", 166 / 722), ("balanced", 0.5), ("batch", 0.5)])
def test_initial_logit_is_that_of_the_classes_as_the_loss_weighs_them(class_weights, share):
    logit = TrainingOptions(initial_bias="class_balance", class_weights=class_weights).initial_logit(SHARES)
    assert 1 / (1 + math.exp(-logit)) == pytest.approx(share)


def test_initial_logit_of_the_slides_is_0():
    assert TrainingOptions().initial_logit(SHARES) == 0.0
    assert TrainingOptions().initial_logit({"no_gad": 4, "with_gad": 0}) == 0.0


@pytest.mark.parametrize("counts", [(0, 5), (5, 0)])
def test_a_share_of_one_class_is_no_prior(counts):
    with pytest.raises(DataError, match="slices of both classes"):
        TrainingOptions(initial_bias="class_balance").initial_logit(dict(zip(SHARES, counts, strict=True)))
