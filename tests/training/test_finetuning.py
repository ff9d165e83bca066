"""Going on from given weights with real and synthetic slices in each batch: job, resuming, and the whole command."""

import dataclasses
import io
import json
import math

import pytest
from bright_records import SIZE, write_records
from rich.console import Console
from running import run, succeed

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.model import starting_point
from contrast_tfdata.model.reference import reference_network
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.model.weights import save_model
from contrast_tfdata.pipeline.mixing import PhantomPart
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.training import loop
from contrast_tfdata.training.options import TrainingOptions

PLAN = RuntimePlan("float32", jit_compile=False, onednn=True, pooling="native", static_shapes=False)
ONE_EPOCH = TrainingOptions(epochs=1, learning_rate=1e-4, class_weights="balanced_patients")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real and synthetic records, each with its manifest, and other synthetic ones."""
    root = tmp_path_factory.mktemp("finetuning")
    counts = {"real": (("train", 10), ("validation", 4)), "phantom": (("train", 6),), "other": (("train", 6),)}
    return {
        name: (root / name, write_records(root / name, splits, seed))
        for seed, (name, splits) in enumerate(counts.items())
    }


def make_job(folders, workdir, training=ONE_EPOCH, phantom="phantom", fraction=0.5):
    workdir.mkdir(exist_ok=True)
    part = PhantomPart(*folders[phantom], fraction)
    return loop.Job(*folders["real"], workdir, training, PipelineOptions(batch_size=8), PLAN, part)


def train(job, *, resume=False, console=None):
    model = starting_point.build(SIZE, pooling="native", seed=3)
    return loop.train(model, job, resume=resume, on_start=lambda: None, console=console or Console(file=io.StringIO()))


@pytest.mark.slow
def test_a_run_with_other_synthetic_records_or_another_share_is_refused(folders, tmp_path):
    console = Console(file=io.StringIO())
    history = train(make_job(folders, tmp_path / "run"), console=console)
    assert math.isfinite(history[0]["loss"])
    assert "training: 10 slices, 3 steps an epoch" in console.file.getvalue()
    assert "a batch: 4 of these slices and 4 of synthetic patients" in console.file.getvalue()
    with pytest.raises(UsageError, match="phantom_records: was"):
        train(make_job(folders, tmp_path / "run", phantom="other"), resume=True)
    with pytest.raises(UsageError, match=r"phantom_fraction: was 0\.5, now 0\.25"):
        train(make_job(folders, tmp_path / "run", fraction=0.25), resume=True)
    without = dataclasses.replace(make_job(folders, tmp_path / "run"), phantom=None)
    with pytest.raises(UsageError, match=r"phantom_fraction: was 0\.5, now None"):
        train(without, resume=True)
    assert train(make_job(folders, tmp_path / "run"), resume=True) == history


@pytest.mark.parametrize(("fraction", "steps"), [(0.25, 2), (0.5, 3), (0.75, 5)])
def test_an_epoch_is_a_pass_over_the_real_slices(folders, tmp_path, fraction, steps):
    assert make_job(folders, tmp_path, fraction=fraction).steps_per_epoch == steps


def test_recipes_tell_all_rules_for_weights_apart(folders, tmp_path):
    model = starting_point.build(SIZE, pooling="native", seed=3)
    names = ("none", "balanced", "balanced_patients", "batch")
    jobs = [make_job(folders, tmp_path, dataclasses.replace(ONE_EPOCH, class_weights=name)) for name in names]
    assert [job.recipe(model)["class_weights"] for job in jobs] == list(names)
    assert [job.batches.class_weights for job in jobs] == list(names)


def test_the_first_bias_is_that_of_the_mixture(folders, tmp_path):
    """10 real slices, made out to hold 9 before contrast, and in 3 steps 12 synthetic ones, half of them after it.

    The 10 have the weight of 12.
    """
    directory, manifest = folders["real"]
    train_split = dataclasses.replace(manifest.splits["train"], classes={"no_gad": 9, "with_gad": 1})
    uneven = dataclasses.replace(manifest, splits={**manifest.splits, "train": train_split})
    training = TrainingOptions(epochs=1, initial_bias="class_balance")
    job = make_job({**folders, "real": (directory, uneven)}, tmp_path, training)
    assert job.initial_logit == pytest.approx(math.log(7.2 / 16.8))


def test_synthetic_records_without_a_training_split_are_refused(folders, tmp_path):
    empty = tmp_path / "empty", write_records(tmp_path / "empty", (("test", 2),))
    with pytest.raises(DataError, match="empty: no train split"):
        make_job({**folders, "empty": empty}, tmp_path, phantom="empty")


def save_weights(folder, manifest, threshold):
    """Saves random weights as those of a run on such records, with a threshold."""
    point = {"threshold": threshold, "criterion": "accuracy", "chosen_on": "validation"}
    description = {
        "preprocessing": manifest.preprocessing, "operating_point": point, "class_names": ["no_gad", "with_gad"],
        "records": manifest.fingerprint, "patients_known": True, "flags": {},
    }  # fmt: skip
    weights = starting_point.weights_of(starting_point.build(SIZE, pooling="native", seed=3))
    save_model(folder / "model", weights, description)


@pytest.mark.slow
def test_the_command_goes_on_from_given_weights(folders, tmp_path):
    save_weights(tmp_path / "before", folders["real"][1], 0.5)
    done = run(
        "train",
        f"--records_dir={folders['real'][0]}",
        f"--phantom_records_dir={folders['phantom'][0]}",
        "--phantom_fraction=0.5",
        "--class_weights=balanced_patients",
        f"--init_weights={tmp_path}/before",
        f"--workdir={tmp_path}/run",
        "--epochs=1",
        "--batch_size=8",
        "--ema=0.9",
        "--pairs",
        "--augment=horizontal_flip",
    )
    assert done.returncode == 0, done.stderr
    assert "a batch: 4 of these slices and 4 of synthetic patients" in done.stdout
    (progress, *_) = sorted((tmp_path / "run" / "checkpoints").glob("*/progress.json"))
    recipe = json.loads(progress.read_text())["recipe"]
    assert "were trained on" not in done.stdout  # on these very records
    assert recipe["phantom_records"] == folders["phantom"][1].fingerprint
    assert f"--phantom_records_dir={folders['phantom'][0]}" in (tmp_path / "run" / "flags.txt").read_text()


@pytest.mark.slow
def test_without_a_validation_split_the_threshold_of_the_given_weights_is_kept(tmp_path):
    manifest = write_records(tmp_path / "records", (("train", 8), ("test", 8)))
    save_weights(tmp_path / "before", manifest, 0.7)
    flags = [f"--records_dir={tmp_path}/records", "--epochs=1", "--batch_size=8", "--learning_rate=1e-6"]
    said = succeed("train", *flags, f"--init_weights={tmp_path}/before", f"--workdir={tmp_path}/after")
    assert "at the threshold 0.700 (validation)" in said
    for name in ("metrics.json", "model/model.json"):
        point = json.loads((tmp_path / "after" / name).read_text())["operating_point"]
        assert point["threshold"] == 0.7
        assert point["reason"] == "there is no validation split, so that of the weights this run began with is kept"
    assert f"{point['reason']}. It is 0.7." in (tmp_path / "after" / "report.html").read_text()
    succeed("train", *flags, f"--workdir={tmp_path}/random")
    point = json.loads((tmp_path / "random" / "metrics.json").read_text())["operating_point"]
    assert (point["threshold"], point["criterion"]) == (0.5, "fixed")


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("--phantom_fraction=0.5", "make_records --flagfile=flags/pretrain.flags --output_dir=P"),
        ("--phantom_records_dir=P", "--phantom_records_dir needs --phantom_fraction"),
    ],
)
def test_half_a_mixture_is_refused_with_what_to_do(tmp_path, given, advice):
    result = run("train", "--records_dir=R", f"--workdir={tmp_path}/run", given)
    assert result.returncode == 1
    assert advice in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("given", ["run", "file"])
def test_weights_that_may_have_seen_these_patients_are_warned_of(tmp_path, given):
    """By the training that begins with them, and by an evaluation of what came out of it."""
    manifest = write_records(tmp_path / "records", (("train", 8), ("validation", 8), ("test", 8)))
    save_weights(tmp_path / "before", dataclasses.replace(manifest, warnings=("made otherwise",)), 0.5)
    before, origin = tmp_path / "before", "Trained on other records than these"
    if given == "file":
        before, origin = tmp_path / "before.h5", "Does not tell what it was trained on"
        reference_network(SIZE).save_weights(before)
    flags = [f"--records_dir={tmp_path}/records", f"--workdir={tmp_path}/after", "--batch_size=8"]
    said = succeed("train", *flags, "--epochs=1", f"--init_weights={before}")
    doubt = "Whether patients of the {} split were trained on is not known; if so, the figures are too good. {}."
    trained = doubt.format("validation and test", f"{origin}: {before}, with whose weights this run began")
    assert f"warning: {trained}" in said
    said = succeed("evaluate", *flags)
    evaluated = doubt.format("test", f"Began with weights of {before}: {tmp_path}/after")
    assert f"warning: {evaluated}" in said
    for folder, words in (("after", trained), ("after/evaluation-test", evaluated)):
        for name in ("report.html", "MODEL_CARD.md"):
            assert words.split(" good. ")[0] in (tmp_path / folder / name).read_text()
