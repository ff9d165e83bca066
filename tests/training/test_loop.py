"""Training: that it learns with every optimizer and loss, what it writes, how it goes on."""

import csv
import dataclasses
import io
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from bright_records import SIZE, write_records
from rich.console import Console
from trainings import FAST, PLAN, interrupt, run

from contrast_tfdata.errors import ContrastError, DataError, UsageError
from contrast_tfdata.model import starting_point
from contrast_tfdata.pipeline.datasets import example_ids_of_step
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.training import checkpoint_files, loop
from contrast_tfdata.training.compiling import compile_model, take_averaged_weights
from contrast_tfdata.training.schedules import make_learning_rate

COSINE = dataclasses.replace(FAST, schedule="cosine", warmup_epochs=0.5)


def without_validation(records):
    directory, manifest = records
    return directory, dataclasses.replace(manifest, splits={"train": manifest.splits["train"]})


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optimizer": "adamw", "loss": "focal", "focal_alpha": 0.5},
        {"optimizer": "lamb", "learning_rate": 1e-2, "class_weights": "balanced"},
        {"ema_decay": 0.9, "gradient_centralization": True},
        {"schedule": "cosine", "warmup_epochs": 0.5, "class_weights": "batch"},
    ],
    ids=lambda change: "-".join(map(str, change.values())) or "slides",
)
def test_each_recipe_learns(records, tmp_path, change):
    training = dataclasses.replace(FAST, epochs=6, **change)
    model, history = run(records, tmp_path / "run", training)
    assert len(history) == 6
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[-1]["val_accuracy"] >= 0.9
    images, labels = bright_and_dark()
    assert ((model(images).numpy()[:, 0] > 0) == labels).mean() >= 0.9


def bright_and_dark():
    images = np.random.default_rng(5).integers(0, 80, (16, SIZE, SIZE)).astype(np.uint8)
    images[8:, 60:100, 70:110] += 150
    return images, np.arange(16) >= 8


def test_writes_what_it_promises(finished):
    names = {path.name for path in finished.workdir.iterdir()}
    assert names == {"checkpoints", "logs", "history.csv"}
    assert [row["epoch"] for row in finished.history] == [1, 2, 3, 4]
    assert set(finished.history[0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}
    lines = finished.said.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/4", "2/4", "3/4", "4/4"]
    assert list((finished.workdir / "logs").rglob("events.out.tfevents.*"))


def read_history(workdir):
    with (workdir / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_same_seed_same_run(records, finished, broken_off, tmp_path):
    other = run(without_validation(records), tmp_path / "other", dataclasses.replace(FAST, epochs=1, seed=4))[1]
    assert finished.history[:2] == read_history(broken_off.workdir)
    assert finished.history[0]["loss"] != other[0]["loss"]


@pytest.mark.slow
def test_last_examples_of_an_epoch_are_trained_on(records, tmp_path):
    """32 examples in batches of 24: the mean loss of the epoch weighs all of them alike, padded or not."""
    training = dataclasses.replace(FAST, epochs=1, learning_rate=1e-9)
    losses = []
    for static_shapes in (False, True):
        plan = dataclasses.replace(PLAN, static_shapes=static_shapes)
        workdir = tmp_path / f"run{static_shapes}"
        _, history = run(without_validation(records), workdir, training, batch_size=24, plan=plan)
        losses.append(history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # dropout draws other masks for another shape


@pytest.mark.slow
@pytest.mark.parametrize("static_shapes", [False, True])
def test_a_batch_far_larger_than_the_records_trains_as_one_that_holds_them(records, tmp_path, static_shapes):
    training = dataclasses.replace(FAST, epochs=2)
    plan = dataclasses.replace(PLAN, static_shapes=static_shapes)
    runs = [run(records, tmp_path / f"{size}", training, batch_size=size, plan=plan) for size in (32, 100_000)]
    (one, history_of_one), (other, history_of_other) = runs
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-5)
    for epoch, same in zip(history_of_one, history_of_other, strict=True):
        assert epoch == pytest.approx(same, rel=1e-4)


def assert_nothing_left_to_do(records, workdir, training, weights):
    before = (workdir / "history.csv").read_bytes()
    again, history = run(records, workdir, training, resume=True)
    assert (workdir / "history.csv").read_bytes() == before
    assert len(history) == training.epochs
    for old, new in zip(weights, again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_finished_run_has_nothing_left_to_do(records, finished, tmp_path):
    assert_nothing_left_to_do(records, finished.copied_to(tmp_path / "run"), FAST, finished.weights)


@pytest.mark.slow
def test_moving_average_is_taken_and_taken_again_from_a_finished_run(records, one_epoch, tmp_path):
    training = dataclasses.replace(FAST, epochs=1, ema_decay=0.99)
    model, _ = run(records, tmp_path / "run", training)
    averaged = model.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(averaged, one_epoch.weights, strict=True)) > 1e-4
    assert_nothing_left_to_do(records, tmp_path / "run", training, averaged)
    compile_model(model, FAST, steps_per_epoch=4, jit_compile=False)
    assert not take_averaged_weights(model)


def test_an_interrupted_run_goes_on_with_weights_optimizer_and_a_lost_history(records, interrupted, monkeypatch):
    workdir, weights = interrupted
    (workdir / "history.csv").unlink()  # It is in the checkpoint, too.
    seen = []
    monkeypatch.setattr(
        loop.ProgressDisplay,
        "on_train_begin",
        lambda self, logs=None: seen.append((self.model.get_weights(), int(self.model.optimizer.iterations))),
    )
    _, history = run(records, workdir, resume=True)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert read_history(workdir) == history
    restored, iterations = seen[0]
    assert iterations == 2 * 4
    for old, new in zip(weights, restored, strict=True):
        np.testing.assert_array_equal(old, new)


# With a moving average, test_surviving compares all weights.
@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"gradient_centralization": True}])
def test_a_resumed_run_goes_on_with_its_schedule(records, tmp_path, monkeypatch, change):
    """Where the cosine ends, weights move less and less; begun anew, the schedule would make them move more."""
    training = dataclasses.replace(COSINE, **change)
    records = without_validation(records)
    seen = [interrupt(records, tmp_path / "cut", training, monkeypatch).weights]
    monkeypatch.setattr(
        loop.ProgressDisplay, "on_epoch_end", lambda self, epoch, logs=None: seen.append(self.model.get_weights())
    )
    run(records, tmp_path / "cut", training, resume=True)
    third, fourth = (distance(*pair) for pair in itertools.pairwise(seen))
    rates = [float(make_learning_rate(training, 4)(update)) for update in range(8, 16)]
    assert fourth / third < 2 * sum(rates[4:]) / sum(rates[:4])


def distance(before, after):
    return np.sqrt(sum(np.square(new - old).sum() for old, new in zip(before, after, strict=True)))


def test_a_run_goes_on_in_folders_whose_names_are_patterns(records, broken_off, finished, tmp_path):
    """Records, checkpoints, a cache on disk and logs: the weights are those of any other folder."""
    odd = tmp_path / "a [1] *?,=é\\b"
    directory = Path(shutil.copytree(records[0], odd / "records[2]"))
    workdir = broken_off.copied_to(odd / "-run[1]")
    pipeline = PipelineOptions(batch_size=8, seed=3, cache="disk", cache_dir=workdir / "cache")
    model, history = run((directory, records[1]), workdir, resume=True, pipeline=pipeline)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert list((workdir / "logs").rglob("*tfevents*"))
    for found, wanted in zip(model.get_weights(), finished.weights, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_corrupt_checkpoint_falls_back_to_the_one_before(records, interrupted):
    workdir, _ = interrupted
    latest = checkpoint_files.saved(workdir / "checkpoints")[0]
    data = latest / "state.data-00000-of-00001"
    flipped = bytearray(data.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    data.write_bytes(flipped)
    console = Console(file=io.StringIO(), soft_wrap=True)
    _, history = run(records, workdir, resume=True, console=console)
    assert f"{latest.name} cannot be read (damaged: {data.name}); trying an older one" in console.file.getvalue()
    assert "epochs 2 to 4" in console.file.getvalue()
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_no_checkpoint_left(records, interrupted):
    workdir, _ = interrupted
    for path in checkpoint_files.saved(workdir / "checkpoints"):
        (path / "complete.json").unlink()
    with pytest.raises(DataError, match="--resume=never"):
        run(records, workdir, resume=True)


def test_other_initial_weights_are_refused(records, one_epoch, tmp_path, monkeypatch):
    workdir = one_epoch.copied_to(tmp_path / "run")
    original = starting_point.build
    monkeypatch.setattr(starting_point, "build", lambda *args, **options: original(*args, **{**options, "seed": 99}))
    with pytest.raises(UsageError, match="initial_weights: was"):
        run(records, workdir, dataclasses.replace(FAST, epochs=1), resume=True)


def test_disk_cache_is_removed_when_done(records, tmp_path):
    pipeline = PipelineOptions(batch_size=8, seed=3, cache="disk", cache_dir=tmp_path / "run" / "cache")
    run(records, tmp_path / "run", dataclasses.replace(FAST, epochs=1), pipeline=pipeline)
    assert not (tmp_path / "run" / "cache").exists()


def test_other_flags_are_refused_with_the_difference(records, one_epoch, tmp_path):
    workdir = one_epoch.copied_to(tmp_path / "run")
    with pytest.raises(UsageError, match=r"learning_rate: was 0\.002, now 0\.01"):
        run(records, workdir, dataclasses.replace(FAST, epochs=1, learning_rate=0.01), resume=True)


@pytest.mark.slow
def test_best_weights_are_those_of_the_smallest_validation_loss(records, tmp_path):
    training = dataclasses.replace(FAST, learning_rate=5e-3, epochs=5, final_weights="best")
    model, history = run(records, tmp_path / "run", training)
    validation = loop.create_eval_dataset(
        records_dir=records[0], manifest=records[1], split="validation", options=PipelineOptions(batch_size=8)
    )
    loss = model.evaluate(validation, return_dict=True, verbose=0)["loss"]
    assert loss == pytest.approx(min(row["val_loss"] for row in history), rel=1e-3)


def test_begins_with_the_share_of_the_classes(tmp_path):
    directory = tmp_path / "records"
    manifest = write_records(directory)
    train = dataclasses.replace(manifest.splits["train"], classes={"no_gad": 28, "with_gad": 4})
    manifest = dataclasses.replace(manifest, splits={**manifest.splits, "train": train})
    training = dataclasses.replace(FAST, epochs=1, learning_rate=1e-9, initial_bias="class_balance")
    model, _ = run((directory, manifest), tmp_path / "run", training)
    probabilities = tf.sigmoid(model(bright_and_dark()[0])).numpy()
    np.testing.assert_allclose(probabilities.mean(), 4 / 32, atol=0.02)


def test_loss_that_is_no_number_ends_the_run(records, tmp_path):
    with pytest.raises(ContrastError, match=r"the loss became \w+ in epoch 1, step [23]; there is no") as error:
        run(without_validation(records), tmp_path / "run", dataclasses.replace(FAST, learning_rate=1e20, epochs=6))
    assert error.value.exit_code == 70
    assert not (tmp_path / "run" / "history.csv").exists()


def break_weights(monkeypatch, hook, when):
    """Makes the weights NaN in a hook of the display, where `when` holds for the hook's number."""
    original = getattr(loop.ProgressDisplay, hook)

    def spoil(self, number, logs=None):
        original(self, number, logs)
        if when(self, number):
            self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])

    monkeypatch.setattr(loop.ProgressDisplay, hook, spoil)


@pytest.mark.slow
def test_step_examples_and_last_good_checkpoint_are_named(records, tmp_path, monkeypatch):
    break_weights(monkeypatch, "on_epoch_begin", lambda _, epoch: epoch == 1)
    with pytest.raises(ContrastError) as error:
        run(records, tmp_path / "run")
    (kept,) = checkpoint_files.saved(tmp_path / "run" / "checkpoints")
    first, second = str(error.value).splitlines()
    assert first.startswith(f"the loss became nan in epoch 2, step 1; the checkpoint before is kept in {kept}; try")
    source = {"records_dir": records[0], "manifest": records[1], "options": PipelineOptions(batch_size=8, seed=3)}
    examples = example_ids_of_step(**source, epoch=1, step=0)
    assert second == f"the step's examples: {', '.join(examples)}"
    assert len(set(examples)) == 8


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint_steps", [0, 2])
def test_broken_weights_are_never_saved(records, tmp_path, monkeypatch, checkpoint_steps):
    """They break in the step after which they would be saved, whose loss is still a number."""
    step = 1 if checkpoint_steps else 3
    break_weights(monkeypatch, "on_train_batch_end", lambda display, batch: display._epoch == 1 and batch == step)
    with pytest.raises(ContrastError, match=f"became NaN or infinite by step {step + 1} of epoch 2; the checkpoint"):
        run(records, tmp_path / "run", checkpoint_steps=checkpoint_steps)
    assert checkpoint_files.saved(tmp_path / "run" / "checkpoints")[0].name == "step-000000004"


@pytest.mark.slow
def test_float16_that_overflows_without_end_is_stopped(tmp_path, monkeypatch):
    """Each step is skipped with half of the loss scale, from 32768 on: after 15 of them it is 1."""
    records = tmp_path / "records", write_records(tmp_path / "records", (("train", 16),))
    break_weights(monkeypatch, "on_epoch_begin", lambda *_: True)
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        with pytest.raises(ContrastError, match="overflow even without loss scaling in epoch 1, step 15; there is no"):
            run(records, tmp_path / "run", batch_size=1)
        with pytest.raises(ContrastError, match="every step of epoch 1 overflowed; there is no checkpoint yet"):
            run(records, tmp_path / "short", batch_size=8)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_no_validation_split(tmp_path):
    records = tmp_path / "records", write_records(tmp_path / "records", (("train", 5),))
    _, history = run(records, tmp_path / "run", dataclasses.replace(FAST, epochs=1), batch_size=64)
    assert set(history[0]) == {"epoch", "loss", "accuracy"}
    assert np.isfinite(history[0]["loss"])


def test_no_training_split(tmp_path):
    records = tmp_path / "records", write_records(tmp_path / "records", (("test", 4),))
    with pytest.raises(DataError, match="no train split"):
        run(records, tmp_path / "run")
