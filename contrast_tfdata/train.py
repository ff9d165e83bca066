"""Trains a network on records and reports on it: `python -m contrast_tfdata.train --flagfile=flags/demo.flags`."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags, flag_types
from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.pipeline.options import CACHES, CLASS_WEIGHTS, Augmentation, PipelineOptions
from contrast_tfdata.runs.request import TrainingRequest
from contrast_tfdata.training import options as training_options
from contrast_tfdata.training.cluster import STRATEGIES, Cluster

if TYPE_CHECKING:
    from contrast_tfdata.model.runtime_plan import RuntimePlan
    from contrast_tfdata.training.distribution import Distribution

_RECORDS_DIR = common_flags.records_dir()
_PHANTOM_RECORDS_DIR = flag_types.define_path(
    "phantom_records_dir", "folder of records of synthetic patients, from which --phantom_fraction is taken"
)
_PHANTOM_FRACTION = flag_types.define_float(
    "phantom_fraction",
    None,
    "share of every batch that synthetic slices make up, as in 0.5; an epoch is a pass over --records_dir all the same",
)
_VERIFY = common_flags.verify()
_WORKDIR = common_flags.workdir()
flags.DEFINE_integer("epochs", 15, "passes over the training split", lower_bound=1)
_BATCH_SIZE = common_flags.batch_size()
flag_types.define_float("learning_rate", 5e-4, "of the optimizer; with a schedule or warm-up the largest")
flags.DEFINE_enum(
    "schedule", "constant", list(training_options.SCHEDULES), "of the learning rate; cosine: falls to 0 at the end"
)
flag_types.define_float("warmup_epochs", 0.0, "epochs over which the learning rate grows, as in 0.5")
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
flags.DEFINE_enum("optimizer", "adam", list(training_options.OPTIMIZERS), "adamw, lamb: TensorFlow Addons")
flag_types.define_float("weight_decay", 1e-4, "of adamw and lamb")
flags.DEFINE_bool(
    "gradient_centralization", False, "take from each kernel's gradient its mean over the inputs of a unit"
)
flags.DEFINE_enum("loss", "cross_entropy", list(training_options.LOSSES), "focal: TensorFlow Addons")
_EMA = flag_types.define_float("ema", 0.0, "largest decay of the moving average of weights (Addons); 0: none")
flags.DEFINE_enum(
    "class_weights",
    "none",
    list(CLASS_WEIGHTS),
    "inversely proportional to a class's share in the training split (balanced) or in each batch (batch), or such that "
    "each patient of a class counts the same too (balanced_patients)",
)
flags.DEFINE_enum(
    "initial_bias",
    "none",
    list(training_options.INITIAL_BIASES),
    "of the output; class_balance: begin with the classes' shares as probabilities; not with --init_weights",
)
flags.DEFINE_enum(
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
    list(STRATEGIES),
    "where training runs: on one device; on all GPUs of this machine (mirrored); on the machines that the environment "
    "variable TF_CONFIG names (multi_worker). auto: the last where it names several, else the first",
)
_WAIT_FOR_WORKERS = flag_types.define_float(
    "wait_for_workers", 300.0, "seconds that multi_worker waits at the start until all workers are there", 0.0
)
_RESUME = flags.DEFINE_enum("resume", "auto", ["auto", "never"], "go on from a checkpoint in --workdir, or start over")
_CHECKPOINT_STEPS = flags.DEFINE_integer(
    "checkpoint_steps", 0, "save after so many steps of an epoch, too; 0: at its end only", lower_bound=0
)
_INIT_WEIGHTS = flag_types.define_path(
    "init_weights",
    "start from these weights: shipped (those of this package), the workdir of another run, or an .h5 file of the "
    "slides' network",
)
_DETERMINISTIC = flags.DEFINE_bool("deterministic", False, "the same bits every time, at a price")


def main(argv: list[str]) -> None:
    """Trains once, or once for each seed or fold; chooses the operating point on validation, writes the report."""
    cli.refuse_arguments(argv)
    request, cluster = _request(), Cluster.for_strategy(_STRATEGY.value, os.environ)
    if cluster:
        request.refuse_several()
    plan, distribution = _start_tensorflow(cluster)
    from contrast_tfdata.runs import several_trainings, single

    def run_once() -> dict | None:
        """Trains as the flags are now: several trainings differ in them."""
        return single.train(_request(distribution.rank), plan, distribution, cli.console)

    if request.is_several:
        several_trainings.train(request, run_once, cli.console)
    else:
        run_once()


def _start_tensorflow(cluster: Cluster | None) -> tuple["RuntimePlan", "Distribution"]:
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


def _request(rank: int = 0) -> TrainingRequest:
    """Returns what the flags ask for; raises UsageError for what can be refused before TensorFlow is imported."""
    records_dir, workdir = cli.required_path(_RECORDS_DIR), cli.required_path(_WORKDIR)
    if pretrained.is_shipped(_WORKDIR.value):
        raise UsageError("--workdir=shipped stands for the weights of this package; for a folder write ./shipped")
    return TrainingRequest(
        records_dir=records_dir,
        workdir=workdir,
        training=_training_options(),
        pipeline=_pipeline_options(workdir, rank),
        views=views.parse(_VIEWS.value),
        init_weights=_INIT_WEIGHTS.value,
        phantom_records_dir=Path(_PHANTOM_RECORDS_DIR.value) if _PHANTOM_RECORDS_DIR.value else None,
        phantom_fraction=_PHANTOM_FRACTION.value,
        repeats=_REPEATS.value,
        folds=_FOLDS.value,
        fold=_FOLD.value,
        verify_all=_VERIFY.value == "full",
        resume=_RESUME.value == "auto",
        checkpoint_steps=_CHECKPOINT_STEPS.value,
        profile_steps=training_options.parse_profile_steps(_PROFILE_STEPS.value),
        criterion=_CRITERION.value,
        max_error=_MAX_ERROR.value,
        flags=cli.flag_values(sys.modules[__name__]),
        flags_text=cli.flags_text(sys.modules[__name__]),
        command=cli.command_words(sys.modules[__name__]),
    )


def _training_options() -> training_options.TrainingOptions:
    """Returns the recipe, whose fields are called like their flags."""
    given = cli.flag_values(sys.modules[__name__])
    fields = {field.name for field in dataclasses.fields(training_options.TrainingOptions)}
    recipe = {name: value for name, value in given.items() if name in fields}
    return training_options.TrainingOptions(**recipe, ema_decay=_EMA.value)


def _pipeline_options(workdir: Path, rank: int) -> PipelineOptions:
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
