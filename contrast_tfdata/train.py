"""Trains a network on records and reports on it: `python -m contrast_tfdata.train --flagfile=flags/demo.flags`."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags
from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.pipeline import mixing
from contrast_tfdata.pipeline.options import CACHES, CLASS_WEIGHTS, Augmentation, PipelineOptions
from contrast_tfdata.storage import single_writer
from contrast_tfdata.training import cluster as clusters
from contrast_tfdata.training import options as training_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from contrast_tfdata.model.contrast_net import ContrastNet
    from contrast_tfdata.model.runtime_plan import RuntimePlan
    from contrast_tfdata.records.manifest import Manifest
    from contrast_tfdata.report.figures import History
    from contrast_tfdata.runs.outcome import Run
    from contrast_tfdata.training.distribution import Distribution
    from contrast_tfdata.training.loop import Job

_RECORDS_DIR = common_flags.records_dir()
_PHANTOM_RECORDS_DIR = flags.DEFINE_string(
    "phantom_records_dir", None, "folder of records of synthetic patients, from which --phantom_fraction is taken"
)
_PHANTOM_FRACTION = flags.DEFINE_float(
    "phantom_fraction",
    None,
    "share of every batch that synthetic slices make up, as in 0.5; an epoch is a pass over --records_dir all the same",
)
_VERIFY = common_flags.verify()
_WORKDIR = common_flags.workdir()
_EPOCHS = flags.DEFINE_integer("epochs", 15, "passes over the training split", lower_bound=1)
_BATCH_SIZE = common_flags.batch_size()
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 5e-4, "of the optimizer; with a schedule or warm-up the largest")
_SCHEDULE = flags.DEFINE_enum(
    "schedule", "constant", list(training_options.SCHEDULES), "of the learning rate; cosine: falls to 0 at the end"
)
_WARMUP_EPOCHS = flags.DEFINE_float("warmup_epochs", 0.0, "epochs over which the learning rate grows, as in 0.5")
_SEED = common_flags.seed()
_REPEATS = flags.DEFINE_integer(
    "repeats",
    1,
    "train so many times, with seeds from --seed on, into repeat-1/, repeat-2/, ... in --workdir, and write how the "
    "figures vary to repeats.json",
    lower_bound=1,
)
_FOLDS = flags.DEFINE_integer(
    "folds",
    0,
    "divide the patients of training and validation split into so many parts and train so many times, into fold-1/, "
    "fold-2/, ... in --workdir, each time validating on another part; how the figures vary goes to folds.json",
    lower_bound=0,
)
_FOLD = flags.DEFINE_integer("fold", 0, "train only this one of --folds, from 1, in --workdir itself", lower_bound=0)
_PRECISION = common_flags.precision()
_JIT_COMPILE = common_flags.jit_compile()
_CACHE = flags.DEFINE_enum("cache", "memory", list(CACHES), "where decoded slices stay after the first epoch")
_AUGMENT = flags.DEFINE_string(
    "augment",
    "",
    "random transforms of training slices, as in rotation=10,shear=5,zoom=0.2,shift=0.1,horizontal_flip,vertical_flip,"
    "fill_mode=constant,fill_value=0; named and meant as in ImageDataGenerator; log_gamma=0.4: grey levels to a power "
    "of exp(-0.4) to exp(0.4); and cutout=0.5: a black square in half of them; none by default, as on the slides",
)
_PAIRS = flags.DEFINE_bool(
    "pairs",
    False,
    "a patient's slices before and after contrast come in one batch, two by two: of volumes those of one place, of "
    "pictures any",
)
_OPTIMIZER = flags.DEFINE_enum("optimizer", "adam", list(training_options.OPTIMIZERS), "adamw, lamb: TensorFlow Addons")
_WEIGHT_DECAY = flags.DEFINE_float("weight_decay", 1e-4, "of adamw and lamb")
_GRADIENT_CENTRALIZATION = flags.DEFINE_bool(
    "gradient_centralization", False, "take from each kernel's gradient its mean over the inputs of a unit"
)
_LOSS = flags.DEFINE_enum("loss", "cross_entropy", list(training_options.LOSSES), "focal: TensorFlow Addons")
_EMA = flags.DEFINE_float("ema", 0.0, "largest decay of the moving average of weights (Addons); 0: none")
_CLASS_WEIGHTS = flags.DEFINE_enum(
    "class_weights",
    "none",
    list(CLASS_WEIGHTS),
    "inversely proportional to a class's share in the training split (balanced) or in each batch (batch), or such that "
    "each patient of a class counts the same too (balanced_patients)",
)
_INITIAL_BIAS = flags.DEFINE_enum(
    "initial_bias",
    "none",
    list(training_options.INITIAL_BIASES),
    "of the output; class_balance: begin with the classes' shares as probabilities; not with --init_weights",
)
_FINAL_WEIGHTS = flags.DEFINE_enum(
    "final_weights", "last", list(training_options.FINAL_WEIGHTS), "best: of the epoch of smallest validation loss"
)
_CRITERION = common_flags.criterion()
_MAX_ERROR = common_flags.max_error()
_VIEWS = flags.DEFINE_string(
    "views",
    ",".join(views.PLAIN),
    f"a slice's logit is the mean over these views of it, of {', '.join(views.VIEWS)}: in all scores, and wherever the "
    "model is used; training itself does not change",
)
_PROFILE_STEPS = flags.DEFINE_string(
    "profile_steps",
    None,
    "first and last step, as in 10,20, that TensorFlow's profiler watches; counted from 1 over all epochs of this "
    "command; written below logs/plugins/profile",
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    list(clusters.STRATEGIES),
    "where training runs: on one device; on all GPUs of this machine (mirrored); on the machines that the environment "
    "variable TF_CONFIG names (multi_worker). auto: the last where it names several, else the first",
)
_WAIT_FOR_WORKERS = flags.DEFINE_float(
    "wait_for_workers", 300.0, "seconds that multi_worker waits at the start until all workers are there", 0.0
)
_RESUME = flags.DEFINE_enum("resume", "auto", ["auto", "never"], "go on from a checkpoint in --workdir, or start over")
_CHECKPOINT_STEPS = flags.DEFINE_integer(
    "checkpoint_steps", 0, "save after so many steps of an epoch, too; 0: at its end only", lower_bound=0
)
_INIT_WEIGHTS = flags.DEFINE_string(
    "init_weights",
    None,
    "start from these weights: shipped (those of this package), the workdir of another run, or an .h5 file of the "
    "slides' network",
)
_DETERMINISTIC = flags.DEFINE_bool("deterministic", False, "the same bits every time, at a price")


def main(argv: list[str]) -> None:
    """Trains, chooses the operating point on validation, scores validation and test, writes the report."""
    cli.refuse_arguments(argv)
    workdir, cluster = _checked_workdir(), _checked_cluster()
    plan, distribution = _start_tensorflow(cluster)
    if _REPEATS.value > 1:
        _repeat(workdir, lambda: _train(plan, distribution))
    elif _FOLDS.value and not _FOLD.value:
        _cross_validate(workdir, lambda: _train(plan, distribution))
    else:
        _train(plan, distribution)


def _repeat(workdir: Path, run: "Callable[[], Mapping]") -> None:
    from contrast_tfdata.runs import several_runs

    repeats = [
        several_runs.Member(f"repeat-{number + 1}", {"seed": _SEED.value + number, "repeats": 1})
        for number in range(_REPEATS.value)
    ]
    rows = several_runs.run_all(workdir, repeats, run, console=cli.console)
    _show_several(workdir / "repeats.json", f"{len(rows)} runs that differ in their seed", rows)


def _cross_validate(workdir: Path, run: "Callable[[], Mapping]") -> None:
    from contrast_tfdata.runs import cross_validation, several_runs

    folds = cross_validation.members(_FOLDS.value)
    rows = several_runs.run_all(workdir, folds, run, console=cli.console)
    cli.console.print(
        f"each slice by the network of the fold that left it out: {cross_validation.write_out_of_fold(workdir, rows)}"
    )
    _show_several(workdir / cross_validation.SUMMARY_FILE, f"{len(rows)} runs that validate on other patients", rows)


def _show_several(path: Path, title: str, rows: "Sequence[Mapping]") -> None:
    """Writes what several runs have in common as JSON and as a page beside it, and prints the one line of it."""
    from contrast_tfdata import report
    from contrast_tfdata.records import manifest as manifests
    from contrast_tfdata.runs import several_runs
    from contrast_tfdata.scoring import lineage

    records_dir = cli.required_path(_RECORDS_DIR)
    doubts = lineage.doubts_about_start(_INIT_WEIGHTS.value, records_dir, manifests.load(records_dir))
    summary = several_runs.write_summary(path, rows)
    page = report.write_runs_report(path.parent, title, rows, summary, doubts)
    cli.console.print(several_runs.headline(summary, len(rows), page))


def _train(plan: "RuntimePlan", distribution: "Distribution") -> dict | None:
    """Does one run, in --workdir with --seed; returns its metrics, or None on a worker that is not the chief."""
    run, job = _prepared(plan, distribution)
    if not distribution.is_chief:
        _fitted(run, job)
        cli.console.print("trained; the first worker scores the network and writes the results")
        return None
    with _alone(run.directory):
        return _concluded(run, *_fitted(run, job))


@contextlib.contextmanager
def _alone(workdir: Path) -> "Iterator[None]":
    """Keeps other trainings out of a workdir, which is not left behind where nothing came of it."""
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        with single_writer.locked(workdir / ".lock", workdir):
            yield
    finally:
        with contextlib.suppress(OSError):  # Something stands in it.
            workdir.rmdir()


def _prepared(plan: "RuntimePlan", distribution: "Distribution") -> "tuple[Run, Job]":
    """Checks the records, and says what is going to be done."""
    from contrast_tfdata.runs import outcome
    from contrast_tfdata.scoring import lineage
    from contrast_tfdata.training import loop

    records_dir, workdir = cli.required_path(_RECORDS_DIR), cli.required_path(_WORKDIR)
    manifest = _checked_records(records_dir)
    doubts = lineage.doubts_about_start(_INIT_WEIGHTS.value, records_dir, manifest)
    run = outcome.Run(workdir, records_dir, manifest, plan, _BATCH_SIZE.value, views.parse(_VIEWS.value), doubts)
    run.announce(cli.console)
    cli.console.print(f"trains on {distribution.describe()}")
    job = loop.Job(
        records_dir,
        manifest,
        workdir,
        _training_options(),
        _pipeline_options(workdir, distribution.rank),
        plan,
        _phantom_part(),
        _CHECKPOINT_STEPS.value,
        training_options.parse_profile_steps(_PROFILE_STEPS.value),
        distribution,
    )
    return run, job


def _fitted(run: "Run", job: "Job") -> "tuple[ContrastNet, History]":
    """Trains a network, or goes on with one, and returns it with what became of it epoch by epoch."""
    from contrast_tfdata.model import starting_point
    from contrast_tfdata.training import loop

    with job.distribution.watching(), job.distribution.scope():
        model = starting_point.build(
            job.manifest.image_size,
            pooling=job.plan.pooling,
            micro_batches=job.plan.micro_batches,
            seed=job.training.seed,
            initial_logit=job.initial_logit,
            init_weights=_INIT_WEIGHTS.value,
            preprocessing=job.manifest.preprocessing,
        )
    history = loop.train(
        model,
        job,
        resume=_RESUME.value == "auto",
        on_start=lambda: run.write_provenance(cli.flags_text(sys.modules[__name__])),
        console=cli.console,
    )
    return model, history


def _concluded(run: "Run", model: "ContrastNet", history: "History") -> dict:
    """Scores a trained network, chooses its operating point, and writes the results; returns its metrics."""
    from contrast_tfdata.model import starting_point
    from contrast_tfdata.runs import outcome

    model = starting_point.float32_twin(model)
    validation, test = run.score(model, "validation"), run.score(model, "test")
    checks = run.check(model, "validation" if test is None else "test")
    metrics = run.summarize(
        validation,
        test,
        operating_point=outcome.inherited_point(_INIT_WEIGHTS.value) if validation is None else None,
        criterion=_CRITERION.value,
        max_error=_MAX_ERROR.value,
        checks=checks,
    )
    given = cli.flag_values(sys.modules[__name__])
    run.save_model(model, metrics, given)
    report = run.write_report(metrics, validation, test, history, given, model, cli.console)
    outcome.say_confounders(metrics, cli.console)
    cli.console.print(outcome.headline(metrics, report), style="bold" if cli.console.is_terminal else None)
    return metrics


def _checked_records(records_dir: Path) -> "Manifest":
    """Returns the manifest of the records, which were held to it; that of --fold where one is trained."""
    from contrast_tfdata.pipeline import folds
    from contrast_tfdata.records import manifest as manifests
    from contrast_tfdata.runs import outcome

    manifest = manifests.load(records_dir)
    outcome.check_records(records_dir, manifest, full=_VERIFY.value == "full")
    if not _FOLDS.value:
        return manifest
    return folds.view(records_dir, manifest, fold=_FOLD.value, folds=_FOLDS.value, seed=_SEED.value)


def _start_tensorflow(cluster: clusters.Cluster | None) -> tuple["RuntimePlan", "Distribution"]:
    """Waits for all workers, and then decides how and on what training runs."""
    strategy = "multi_worker" if cluster else _STRATEGY.value.replace("auto", "one_device")
    if cluster:
        cli.console.print(f"this is {cluster.name(cluster.rank)}, one of {len(cluster.tasks)} workers")
        cluster.gather(_WAIT_FOR_WORKERS.value)
    plan = cli.start_tensorflow(
        _PRECISION.value,
        _JIT_COMPILE.value,
        deterministic=_DETERMINISTIC.value,
        distributed=strategy != "one_device",
    )
    from contrast_tfdata.training import distribution

    return plan, distribution.start(strategy, cluster)


def _checked_cluster() -> clusters.Cluster | None:
    cluster = clusters.Cluster.for_strategy(_STRATEGY.value, os.environ)
    if cluster and (_REPEATS.value > 1 or (_FOLDS.value and not _FOLD.value)):
        raise UsageError(
            "several workers do one run at a time: give each repeat its own --seed and --workdir, a fold its --fold. "
            f"Received: repeats={_REPEATS.value}, folds={_FOLDS.value}"
        )
    return cluster


def _checked_workdir() -> Path:
    """Returns --workdir; raises UsageError for any flag that can be refused before TensorFlow is imported."""
    cli.required_path(_RECORDS_DIR)
    workdir = cli.required_path(_WORKDIR)
    if pretrained.is_shipped(_WORKDIR.value):
        raise UsageError("--workdir=shipped stands for the weights of this package; for a folder write ./shipped")
    _training_options(), _pipeline_options(workdir), views.parse(_VIEWS.value)
    training_options.parse_profile_steps(_PROFILE_STEPS.value)
    _refuse_half_a_mixture()
    _refuse_odd_folds()
    if _SEED.value + _REPEATS.value > 1 << 32:
        raise UsageError(
            f"the last seed would be above {(1 << 32) - 1}. Received: seed={_SEED.value}, repeats={_REPEATS.value}"
        )
    return workdir


def _refuse_odd_folds() -> None:
    """Raises UsageError where --folds, --fold, --repeats and --init_weights do not fit each other."""
    received = f"Received: folds={_FOLDS.value}, fold={_FOLD.value}, repeats={_REPEATS.value}"
    if _FOLDS.value == 1 or _FOLD.value > _FOLDS.value:
        raise UsageError(f"--folds must be at least 2, and --fold one of them. {received}")
    if _FOLDS.value and _REPEATS.value > 1:
        raise UsageError(f"--folds and --repeats each train several times: give one of them. {received}")
    weights = _INIT_WEIGHTS.value
    # Nothing in a run says which patients it saw: the same ones may stand in records made anew, under another hash.
    if _FOLDS.value and weights and not pretrained.is_shipped(weights) and Path(weights).is_dir():
        raise UsageError(
            "--folds needs weights that no patient of these records had a part in, or a network would be scored on "
            "patients that it has seen, and a run does not say whom it was trained on: begin with "
            f"--init_weights=shipped, or with new weights. Received: folds={_FOLDS.value}, init_weights={weights}"
        )


def _refuse_half_a_mixture() -> None:
    """Raises UsageError where only one of the two flags of a mixture was given, or a share of it is empty."""
    if _PHANTOM_FRACTION.value is not None and not _PHANTOM_RECORDS_DIR.value:
        raise UsageError(
            f"--phantom_fraction={_PHANTOM_FRACTION.value} needs --phantom_records_dir=P, records of synthetic "
            "patients: make_records --flagfile=flags/pretrain.flags --output_dir=P"
        )
    if _PHANTOM_RECORDS_DIR.value and _PHANTOM_FRACTION.value is None:
        raise UsageError("--phantom_records_dir needs --phantom_fraction, their share of every batch, as in 0.5")
    if _PHANTOM_RECORDS_DIR.value:
        mixing.shares(_BATCH_SIZE.value, _PHANTOM_FRACTION.value)


def _phantom_part() -> mixing.PhantomPart | None:
    """Returns the synthetic records, checked as the others are, or None where there are none."""
    if not _PHANTOM_RECORDS_DIR.value:
        return None
    from contrast_tfdata.records import manifest as manifests
    from contrast_tfdata.runs import outcome

    phantom_dir = Path(_PHANTOM_RECORDS_DIR.value)
    manifest = manifests.load(phantom_dir)
    outcome.check_records(phantom_dir, manifest, full=_VERIFY.value == "full")
    return mixing.PhantomPart(phantom_dir, manifest, _PHANTOM_FRACTION.value)


def _training_options() -> training_options.TrainingOptions:
    if _INIT_WEIGHTS.value and _INITIAL_BIAS.value != "none":
        raise UsageError(
            "--initial_bias is for new weights, --init_weights brings a bias of its own: leave one out. Received: "
            f"initial_bias={_INITIAL_BIAS.value}, init_weights={_INIT_WEIGHTS.value}"
        )
    return training_options.TrainingOptions(
        epochs=_EPOCHS.value,
        learning_rate=_LEARNING_RATE.value,
        schedule=_SCHEDULE.value,
        warmup_epochs=_WARMUP_EPOCHS.value,
        seed=_SEED.value,
        optimizer=_OPTIMIZER.value,
        weight_decay=_WEIGHT_DECAY.value,
        gradient_centralization=_GRADIENT_CENTRALIZATION.value,
        loss=_LOSS.value,
        ema_decay=_EMA.value,
        class_weights=_CLASS_WEIGHTS.value,
        initial_bias=_INITIAL_BIAS.value,
        final_weights=_FINAL_WEIGHTS.value,
    )


def _pipeline_options(workdir: Path, rank: int = 0) -> PipelineOptions:
    return PipelineOptions(
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        cache=_CACHE.value,
        # Workers share the folder, and each has a cache of its own. It is removed as a whole in the end, hence a name
        # that no folder of a user has.
        cache_dir=workdir / f".contrast_tfdata-cache-{rank}",
        augmentation=Augmentation.parse(_AUGMENT.value),
        pairs=_PAIRS.value,
    )


if __name__ == "__main__":
    cli.run(main)
