"""Trains a network on records and reports on it: `python -m contrast_tfdata.train --flagfile=flags/demo.flags`."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags, flag_types
from contrast_tfdata.console.help_page import HelpPage
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
    "phantom_records_dir", "records of synthetic patients, mixed into batches"
)
_PHANTOM_FRACTION = flag_types.define_float("phantom_fraction", None, "share of synthetic slices in a batch, as in 0.5")
_VERIFY = common_flags.verify()
_WORKDIR = common_flags.workdir("folder of the run, for all that it writes")
flags.DEFINE_integer("epochs", 15, "passes over the training split", lower_bound=1)
_BATCH_SIZE = common_flags.batch_size()
flag_types.define_float("learning_rate", 5e-4, "learning rate; with a schedule or warm-up the largest")
flags.DEFINE_enum("schedule", "constant", list(training_options.SCHEDULES), "cosine: the learning rate falls to 0")
flag_types.define_float("warmup_epochs", 0.0, "epochs in which the learning rate rises, as in 0.5")
_SEED = common_flags.seed()
_REPEATS = flags.DEFINE_integer(
    "repeats",
    1,
    "train this many times, with seeds from --seed on, into repeat-1/, repeat-2/, ...",
    lower_bound=1,
)
_FOLDS = flags.DEFINE_integer(
    "folds",
    0,
    "cross-validate by patient with this many parts, into fold-1/, fold-2/, ...",
    lower_bound=0,
)
_FOLD = flags.DEFINE_integer("fold", 0, "train only this one of --folds, counted from 1; 0: all", lower_bound=0)
_PRECISION = common_flags.precision()
_JIT_COMPILE = common_flags.jit_compile()
_CACHE = flags.DEFINE_enum("cache", "memory", list(CACHES), "where decoded slices are kept after the first epoch")
_AUGMENT = flags.DEFINE_string(
    "augment",
    "",
    "random changes of training slices, as in rotation=10,zoom=0.1,horizontal_flip",
)
_PAIRS = flags.DEFINE_bool("pairs", False, "put slices of a patient before and after contrast into one batch, in pairs")
flags.DEFINE_enum("optimizer", "adam", list(training_options.OPTIMIZERS), "how weights are updated")
flag_types.define_float("weight_decay", 1e-4, "weight decay of adamw and lamb")
flags.DEFINE_bool("gradient_centralization", False, "subtract from each gradient its mean")
flags.DEFINE_enum("loss", "cross_entropy", list(training_options.LOSSES), "loss function")
_EMA = flag_types.define_float("ema", 0.0, "largest decay of the moving average of weights; 0: no average")
flags.DEFINE_enum(
    "class_weights",
    "none",
    list(CLASS_WEIGHTS),
    "how much a slice counts in the loss",
)
flags.DEFINE_enum(
    "initial_bias",
    "none",
    list(training_options.INITIAL_BIASES),
    "class_balance: from the classes' shares",
)
flags.DEFINE_enum(
    "final_weights", "last", list(training_options.FINAL_WEIGHTS), "weights of the last epoch, or of the best"
)
_CRITERION = common_flags.criterion()
_MAX_ERROR = common_flags.max_error()
_VIEWS = flags.DEFINE_string(
    "views",
    ",".join(views.PLAIN),
    f"average the score of a slice over views, some of {','.join(views.VIEWS)}",
)
_PROFILE_STEPS = flags.DEFINE_string(
    "profile_steps",
    None,
    "first and last step that TensorFlow's profiler watches, as in 10,20",
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    list(STRATEGIES),
    "mirrored: all GPUs; multi_worker: TF_CONFIG",
)
_WAIT_FOR_WORKERS = flag_types.define_float(
    "wait_for_workers", 300.0, "seconds that multi_worker waits for all workers to start", 0.0
)
_RESUME = flags.DEFINE_enum("resume", "auto", ["auto", "never"], "go on from a checkpoint in --workdir, or start over")
_CHECKPOINT_STEPS = flags.DEFINE_integer(
    "checkpoint_steps", 0, "also save after this many steps of an epoch; 0: only at its end", lower_bound=0
)
_INIT_WEIGHTS = flag_types.define_path(
    "init_weights",
    "weights to start from: shipped, the folder of a run, or the SIIM notebook's .h5 file",
)
_DETERMINISTIC = flags.DEFINE_bool("deterministic", False, "get the same bits every time; may be slower")
HELP = HelpPage(
    command="train",
    summary="Trains a network on records, chooses its threshold on validation, and writes a report.",
    usage="--records_dir=RECORDS --workdir=RUN",
    examples=(
        "--records_dir=records --workdir=run",
        "--records_dir=records --workdir=tuned --init_weights=shipped --class_weights=balanced_patients",
        "--records_dir=records --workdir=folds --folds=5",
    ),
    groups={
        "data": "records_dir phantom_records_dir phantom_fraction augment pairs verify cache",
        "recipe": "epochs batch_size init_weights seed loss class_weights optimizer learning_rate schedule "
        "warmup_epochs weight_decay gradient_centralization ema initial_bias final_weights",
        "results": "workdir criterion max_error views",
        "several trainings": "repeats folds fold",
        "stop and go on": "resume checkpoint_steps",
        "how it runs": "precision jit_compile deterministic strategy wait_for_workers profile_steps",
    },
)


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
    cli.run(main, HELP)
