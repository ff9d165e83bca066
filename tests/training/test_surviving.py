"""A training that is stopped, killed or starved at any moment gives the very same network in the end."""

import dataclasses
import io
import math
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from bright_records import write_records
from disks import small_disk
from rich.console import Console
from running import start
from trainings import FAST, PLAN, run

from contrast_tfdata.errors import DataError, InterruptedRunError, StorageError, UsageError
from contrast_tfdata.model import starting_point
from contrast_tfdata.pipeline.mixing import PhantomPart
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions
from contrast_tfdata.training import checkpoint_files, loop
from contrast_tfdata.training.checkpoints import Checkpoints
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.stopping import StopRequest

KILLS = int(os.environ.get("CONTRAST_KILLS", "3"))
"""How often a training is killed."""

TRAINING = "import pathlib, sys, trainings; trainings.main(*map(pathlib.Path, sys.argv[1:]))"

COSINE = dataclasses.replace(FAST, epochs=2, schedule="cosine", warmup_epochs=0.5)
MOVING_AVERAGE = dataclasses.replace(COSINE, ema_decay=0.9, gradient_centralization=True)


def stop_at(monkeypatch, signals):
    """Sends this process signals, each in the middle of a step, counted from 1 over all epochs."""
    original, done = loop.ProgressDisplay.on_train_batch_end, []

    def count(self, batch, logs=None):
        original(self, batch, logs)
        done.append(batch)
        if len(done) in signals:
            os.kill(os.getpid(), signals[len(done)])

    monkeypatch.setattr(loop.ProgressDisplay, "on_train_batch_end", count)


def run_to_the_end(*args, **options):
    """Runs a training again each time it was stopped; returns the model and how often it was."""
    for stops in range(100):
        try:
            return run(*args, resume=True, **options)[0], stops
        except InterruptedRunError:
            continue
    raise AssertionError("no end")


def assert_same(model, other):
    for one, another in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


@pytest.mark.slow
@pytest.mark.parametrize(
    "training",
    [
        dataclasses.replace(FAST, epochs=2, final_weights="best"),
        dataclasses.replace(MOVING_AVERAGE, optimizer="adamw"),
        dataclasses.replace(COSINE, optimizer="lamb", loss="focal", class_weights="batch"),
    ],
    ids=["adam-best", "adamw-ema-centralized", "lamb-focal-batch"],
)
def test_stopped_in_the_middle_of_epochs(records, tmp_path, monkeypatch, training):
    whole, _ = run(records, tmp_path / "whole", training)
    stop_at(monkeypatch, dict.fromkeys((2, 3, 5, 8), signal.SIGTERM))  # 4 steps an epoch
    resumed, stops = run_to_the_end(records, tmp_path / "cut", training)
    assert stops == 4
    assert_same(resumed, whole)
    assert (tmp_path / "cut" / "history.csv").read_bytes() == (tmp_path / "whole" / "history.csv").read_bytes()


@pytest.mark.slow
def test_stopped_with_synthetic_slices_pairs_and_augmentation(records, tmp_path, monkeypatch):
    phantom_dir = tmp_path / "phantom"
    phantom = PhantomPart(phantom_dir, write_records(phantom_dir, (("train", 12),), seed=1), 0.25)
    pipeline = PipelineOptions(batch_size=8, seed=3, pairs=True, augmentation=Augmentation(rotation=5, zoom=0.1))
    options = {"training": COSINE, "pipeline": pipeline, "phantom": phantom}
    whole, _ = run(records, tmp_path / "whole", **options)
    stop_at(monkeypatch, dict.fromkeys((3, 7), signal.SIGTERM))  # 6 steps an epoch
    resumed, stops = run_to_the_end(records, tmp_path / "cut", **options)
    assert stops == 2
    assert_same(resumed, whole)


@pytest.mark.slow
def test_a_stop_is_saved_and_says_how_to_go_on(records, tmp_path, monkeypatch):
    stop_at(monkeypatch, {2: signal.SIGTERM, 4: signal.SIGINT})
    workdir, handlers = tmp_path / "run", [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    stops = [(signal.SIGTERM, "step 2 of 4 of epoch 1", 2), (signal.SIGINT, "epoch 1", 4)]
    for sent, found, number in stops:
        with pytest.raises(InterruptedRunError) as error:
            run(records, workdir, dataclasses.replace(FAST, epochs=2), resume=True)
        saved = workdir / "checkpoints" / f"step-{number:09d}"
        assert str(error.value) == (
            f"stopped by {sent.name}; {found} is saved in {saved}\nthe same command goes on from there"
        )
        assert checkpoint_files.damage(saved) is None
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_a_stop_after_the_last_checkpoint_is_not_lost(records, one_epoch, tmp_path, monkeypatch):
    training = dataclasses.replace(FAST, epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr(
            loop.ProgressDisplay, "on_train_end", lambda self, logs=None: os.kill(os.getpid(), signal.SIGTERM)
        )
        with pytest.raises(InterruptedRunError, match="stopped by SIGTERM; training is complete"):
            run(records, tmp_path / "run", training)
    model, history = run(records, tmp_path / "run", training, resume=True)
    assert history == one_epoch.history
    for one, other in zip(model.get_weights(), one_epoch.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_stopped_while_compiled_with_xla(records, tmp_path, monkeypatch):
    plan = dataclasses.replace(PLAN, jit_compile=True, pooling="patches", static_shapes=True)
    training = dataclasses.replace(FAST, epochs=2)
    whole, _ = run(records, tmp_path / "whole", training, plan=plan, batch_size=12)
    stop_at(monkeypatch, dict.fromkeys((4,), signal.SIGTERM))  # 3 steps an epoch, the last one padded
    resumed, stops = run_to_the_end(records, tmp_path / "cut", training, plan=plan, batch_size=12)
    assert stops == 1
    assert_same(resumed, whole)


def test_a_second_stop_does_not_wait():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.name == "SIGTERM"
        with pytest.raises(InterruptedRunError, match="stopped by SIGINT before the step was saved"):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_killed_at_random_moments(records, tmp_path):
    """Half of the kills hit the first checkpoint that is written after a random moment, the others that moment."""
    whole, work = tmp_path / "whole", tmp_path / "killed"
    lasts = train_in_a_process(records[0], whole)
    randomness, kills, writing, complete = random.Random(5), 0, 0, 0
    while kills < KILLS:
        saving, moment = randomness.random() < 0.5, randomness.uniform(0, lasts)
        ended = train_in_a_process(records[0], work, kill_after=moment, saving=saving)
        if ended is not None:
            complete, lasts = complete + 1, ended  # other work on the machine comes and goes
            assert_same_files(work, whole)
            shutil.rmtree(work)
            continue
        kills += 1
        found = checkpoint_files.saved(work / "checkpoints")
        assert [path.name for path in found if checkpoint_files.damage(path)] == []
        assert len(found) <= checkpoint_files.KEPT + 1  # killed before the oldest was removed
        writing += bool(list(work.glob("checkpoints/.*")))
    train_in_a_process(records[0], work)
    assert_same_files(work, whole)
    assert len(checkpoint_files.saved(work / "checkpoints")) == checkpoint_files.KEPT
    print(f"{kills} killed, {writing} of them while a checkpoint was written; {complete + 1} trainings ended alike")


def train_in_a_process(records_dir, workdir, kill_after=math.inf, saving=False):
    """Trains, or goes on, in a process of its own.

    Args:
        records_dir: the records.
        workdir: of the training.
        kill_after: seconds after its start.
        saving: be killed only while a checkpoint is being written.

    Returns:
        Seconds from its start to its end; None if it was killed.
    """
    with start("", records_dir, workdir, program=TRAINING, folder=str(Path(__file__).parent)) as process:
        began = time.monotonic()
        while process.poll() is None:
            due = time.monotonic() > began + kill_after
            if due and (not saving or list(workdir.glob("checkpoints/.incomplete-*"))):
                process.kill()
            time.sleep(0.001)
        assert process.returncode in (0, -signal.SIGKILL), process.said("stderr")
        return time.monotonic() - began if process.returncode == 0 else None


def assert_same_files(workdir, other):
    for name in ("weights.npz", "history.csv"):
        assert (workdir / name).read_bytes() == (other / name).read_bytes(), name


def test_full_disk_in_a_checkpoint_keeps_the_old(records, tmp_path):
    with small_disk(tmp_path / "disk", 3 << 19) as disk:  # room for one checkpoint of 0.9 MB
        workdir = disk / "run"
        with pytest.raises(StorageError, match=r"No space left on device; kept: step-000000004\nmake room") as error:
            run(records, workdir, dataclasses.replace(FAST, epochs=2))
        assert error.value.exit_code == 74
        (found,) = checkpoint_files.saved(workdir / "checkpoints")
        assert checkpoint_files.damage(found) is None
        assert not list((workdir / "checkpoints").glob(".*"))


def test_full_disk_for_logs_and_history_is_warned_of(records, tmp_path):
    console = Console(file=io.StringIO(), soft_wrap=True)
    workdir = tmp_path / "run"
    workdir.mkdir()
    with small_disk(workdir / "logs", 4096):
        (workdir / "history.csv").mkdir()  # no file can take its place
        _, history = run(records, workdir, dataclasses.replace(FAST, epochs=2), resume=True, console=console)
    assert [row["epoch"] for row in history] == [1, 2]
    said = console.file.getvalue()
    assert said.count(f"warning: {workdir}/logs: logs cannot be written") == 1
    assert (
        f"warning: {workdir}/history.csv cannot be written (a folder, which no file replaces); training goes on" in said
    )


def test_other_data_are_refused_with_the_difference(one_epoch, tmp_path):
    training, workdir = dataclasses.replace(FAST, epochs=1), one_epoch.copied_to(tmp_path / "run")
    other = tmp_path / "other"
    with pytest.raises(UsageError, match=r"records: was '[0-9a-f]{64}', now '[0-9a-f]{64}'"):
        run((other, write_records(other, seed=1)), workdir, training, resume=True)


def test_a_checkpoint_of_other_shapes_is_refused(tmp_path):
    """Taken for one of the same recipe, as after a change of the network's code."""
    console = Console(file=io.StringIO(), soft_wrap=True)
    for image_size in (331, 190):
        model = starting_point.build(image_size, pooling="native", seed=1)
        compile_model(model, FAST, steps_per_epoch=4, jit_compile=False)
        checkpoints = Checkpoints(tmp_path, model, {"seed": 1}, steps_per_epoch=4)
        checkpoints.set_model(model)
        if image_size == 331:
            checkpoints.on_epoch_end(0, {})
    with pytest.raises(DataError, match="no checkpoint can be read"):
        checkpoints.begin(resume=True, console=console)
    assert "step-000000004 cannot be read (ValueError: " in console.file.getvalue()


def test_loss_scale_dropout_and_metrics_are_saved(tmp_path):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        found = []
        for _ in range(2):
            model = starting_point.build(190, pooling="native", seed=1)
            compile_model(model, COSINE, steps_per_epoch=4, jit_compile=False)
            found.append((model, Checkpoints(tmp_path, model, {}, steps_per_epoch=4, every_steps=2)))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    (model, first), (resumed, second) = found
    for callback, owner in ((first, model), (second, resumed)):
        callback.set_model(owner)
    for number, variable in enumerate(state_of(model), start=3):
        variable.assign(number)
    first.on_train_batch_end(1)
    second.begin(resume=True, console=Console(file=io.StringIO()))
    second.on_epoch_begin(0)
    assert [float(variable.numpy()) for variable in state_of(resumed)] == list(range(3, 3 + len(state_of(model))))
    assert second.progress.step == 2


def state_of(model):
    """Variables that are no weights."""
    scale = model.optimizer._loss_scale
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    return [scale.current_loss_scale, scale.counter, model.optimizer.iterations, model._dropout.calls, *metrics]
