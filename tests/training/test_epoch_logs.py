"""What TensorBoard is given, read back as TensorBoard reads it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from bright_records import SIZE, write_records
from rich.console import Console
from sklearn.metrics import roc_auc_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from contrast_tfdata import epoch_logs
from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import starting_point
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.model.score_counts import BINS
from contrast_tfdata.pipeline.datasets import create_eval_dataset
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.report.epoch_figures import auc_of_counts, epoch_figures, roc_of_counts
from contrast_tfdata.report.style import rgba
from contrast_tfdata.training import loop
from contrast_tfdata.training.options import TrainingOptions, parse_profile_steps

EPOCHS = 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run, its network, and validation as (labels, logits)."""
    folder = tmp_path_factory.mktemp("logs")
    manifest = write_records(folder / "records")
    plan = RuntimePlan("float32", jit_compile=False, onednn=True, pooling="native", static_shapes=False)
    training, pipeline = TrainingOptions(epochs=EPOCHS, seed=3), PipelineOptions(batch_size=6, seed=3)
    job = loop.Job(folder / "records", manifest, folder / "run", training, pipeline, plan, profile_steps=(2, 3))
    model = starting_point.build(SIZE, pooling="native", seed=3)
    more = epoch_logs.callbacks(folder / "run" / loop.LOGS, job.recipe(model))
    console = Console(file=io.StringIO())
    loop.train(model, job, resume=False, on_start=lambda: None, console=console, logs=more)
    batches = create_eval_dataset(
        records_dir=folder / "records", manifest=manifest, split="validation", options=pipeline
    )
    labels, logits = (
        np.concatenate([each[kept.numpy() > 0] for each, kept in pairs])
        for pairs in zip(*(((y.numpy(), w), (model(x).numpy(), w)) for x, y, w in batches), strict=True)
    )
    return folder / "run" / "logs", labels[:, 0], logits[:, 0]


def read(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


@pytest.mark.slow
def test_every_epoch_has_its_figures_and_auc(trained):
    logs, labels, logits = trained
    found = read(logs / "validation")
    assert {"epoch_loss", "epoch_accuracy", "epoch_auc", "roc", "confusion_at_0.5"} <= set(found.Tags()["tensors"])
    for name in ("roc", "confusion_at_0.5"):
        events = found.Tensors(name)
        assert [event.step for event in events] == list(range(EPOCHS))
        width, height, picture = (
            value.decode("latin-1") for value in tensor_util.make_ndarray(events[0].tensor_proto)[:3]
        )
        assert min(int(width), int(height)) > 200
        assert picture.startswith("\x89PNG")
    auc = float(tensor_util.make_ndarray(found.Tensors("epoch_auc")[-1].tensor_proto))
    assert auc == pytest.approx(roc_auc_score(labels, logits), abs=0.02)  # In bins, some of 16 slices tie.


@pytest.mark.slow
def test_runs_can_be_compared_by_their_recipe(trained):
    logs, *_ = trained
    metadata = read(logs).SummaryMetadata("_hparams_/session_start_info")
    start = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info
    assert start.hparams["batch_size"].number_value == 6
    assert start.hparams["optimizer"].string_value == "adam"
    assert start.hparams["deterministic"].bool_value is False
    assert "initial_weights" not in start.hparams


@pytest.mark.slow
def test_steps_are_profiled_where_asked(trained):
    logs, *_ = trained
    (trace,) = logs.rglob("*.xplane.pb")
    assert b"train_function" in trace.read_bytes()


@pytest.mark.parametrize("text", ["10", "0,5", "5,4", "a,b", "1,2,3"])
def test_steps_to_profile_are_two_rising_numbers(text):
    with pytest.raises(UsageError, match="as in 10,20. Received: "):
        parse_profile_steps(text)


def test_no_steps_are_profiled_by_default():
    assert parse_profile_steps(None) is parse_profile_steps("") is None
    assert parse_profile_steps("3,7") == (3, 7)


def counts_of(labels, bins):
    counts = np.zeros((2, BINS))
    np.add.at(counts, (labels, bins), 1)
    return counts


def test_auc_and_curve_of_counts_are_those_of_the_scores():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    bins = np.clip(rng.normal(90 + 20 * labels, 30).astype(int), 0, BINS - 1)
    counts = counts_of(labels, bins)
    assert auc_of_counts(counts) == pytest.approx(roc_auc_score(labels, bins), abs=1e-12)
    false_positive, true_positive = roc_of_counts(counts)
    assert (false_positive[0], true_positive[0], false_positive[-1], true_positive[-1]) == (0, 0, 1, 1)
    above = bins >= 120
    assert true_positive[BINS - 120] == pytest.approx(above[labels == 1].mean())


def test_one_class_has_a_confusion_matrix_and_no_curve():
    counts = counts_of(np.ones(5, int), np.array([0, 99, 100, 150, 199]))
    assert auc_of_counts(counts) is None
    (name,) = drawn = epoch_figures(counts)
    assert name == "confusion_at_0.5"
    texts = [text.get_text() for text in drawn[name].axes[0].texts]
    assert texts[::2] == ["0", "0", "2", "3"]


def test_pixels_of_a_figure_are_all_there():
    pixels = rgba(epoch_figures(counts_of(np.array([0, 1]), np.array([20, 180])))["roc"])
    assert pixels.shape == (320, 320, 4)
    assert pixels[..., :3].min() < 60
    assert (pixels[0, 0] == 255).all()


def test_nothing_is_written_without_validation(tmp_path):
    callback = epoch_logs.EpochFigures(tmp_path)
    model = starting_point.build(SIZE, pooling="native", seed=3)
    callback.set_model(model)
    callback.on_epoch_end(0)
    callback.on_train_end()
    assert not any(tmp_path.iterdir())
    assert tf.reduce_sum(model.score_counts.result()) == 0
