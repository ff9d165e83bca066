"""One training from records to report, in a folder of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from contrast_tfdata.model import starting_point
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline import folds
from contrast_tfdata.pipeline.mixing import PhantomPart
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records import verification
from contrast_tfdata.records.manifest import Manifest
from contrast_tfdata.report.figures import History
from contrast_tfdata.runs import outcome, results_folder
from contrast_tfdata.runs.request import TrainingRequest
from contrast_tfdata.scoring import lineage
from contrast_tfdata.scoring.splits import are_synthetic
from contrast_tfdata.storage import single_writer
from contrast_tfdata.training import loop
from contrast_tfdata.training.distribution import Distribution


def train(request: TrainingRequest, plan: RuntimePlan, distribution: Distribution, console: Console) -> dict | None:
    """Trains, chooses the operating point on validation, scores validation and test, writes the report.

    Returns:
        The metrics, or None on a worker that is not the chief.

    Raises:
        ContrastError: as `loop.train`; or records and weights do not fit each other.
    """
    if distribution.is_chief:
        results_folder.refuse_others(request.workdir, results_folder.OF_TRAINING)
    run, job = _prepare(request, plan, distribution, console)
    if not distribution.is_chief:
        _fit(request, run, job, console)
        console.print("trained; the first worker scores the network and writes the results")
        return None
    with _alone(request.workdir):
        model, history = _fit(request, run, job, console)
        return _conclude(request, run, model, history, console)


@contextlib.contextmanager
def _alone(workdir: Path) -> Iterator[None]:
    """Keeps other trainings out of a workdir, which is not left behind where nothing came of it."""
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        with single_writer.locked(workdir / ".lock", workdir):
            yield
    finally:
        with contextlib.suppress(OSError):  # Something stands in it.
            workdir.rmdir()


def _prepare(
    request: TrainingRequest, plan: RuntimePlan, distribution: Distribution, console: Console
) -> tuple[outcome.Run, loop.Job]:
    """Checks the records, and says what is going to be done."""
    manifest = _checked_manifest(request.records_dir, request)
    if request.folds:
        manifest = folds.view(
            request.records_dir, manifest, fold=request.fold, folds=request.folds, seed=request.training.seed
        )
    leakage = lineage.leakage_from_start(request.init_weights, request.records_dir, manifest)
    run = outcome.Run(
        request.workdir,
        request.records_dir,
        manifest,
        plan,
        request.pipeline.batch_size,
        request.command,
        request.views,
        leakage,
        _learned_from(request, manifest),
        manifest.warnings,
    )
    run.announce(console)
    console.print(f"trains on {distribution.describe()}")
    job = loop.Job(
        request.records_dir,
        manifest,
        request.workdir,
        request.training,
        request.pipeline,
        plan,
        _phantom_part(request),
        request.checkpoint_steps,
        request.profile_steps,
        distribution,
    )
    return run, job


def _learned_from(request: TrainingRequest, manifest: Manifest) -> lineage.LearnedFrom:
    """Returns what the network is going to learn from; with a mixture, the slices are those beside synthetic ones."""
    train = manifests.require_split(request.records_dir, manifest, "train")
    return lineage.LearnedFrom(
        1.0 if are_synthetic(request.records_dir, manifest) else request.phantom_fraction or 0.0,
        train.records,
        train.groups if manifest.patients_known else None,
        request.init_weights,
    )


def _checked_manifest(records_dir: Path, request: TrainingRequest) -> Manifest:
    """Returns the manifest of records that were held to it."""
    manifest = manifests.load(records_dir)
    verification.check_before_use(records_dir, manifest, full=request.verify_all)
    return manifest


def _phantom_part(request: TrainingRequest) -> PhantomPart | None:
    """Returns the synthetic records, checked as the others are, or None where there are none."""
    folder = request.phantom_records_dir
    return PhantomPart(folder, _checked_manifest(folder, request), request.phantom_fraction) if folder else None


def _fit(request: TrainingRequest, run: outcome.Run, job: loop.Job, console: Console) -> tuple[ContrastNet, History]:
    """Trains a network, or goes on with one, and returns it with what became of it epoch by epoch."""
    with job.distribution.watching(), job.distribution.scope():
        model = starting_point.build(
            job.manifest.image_size,
            pooling=job.plan.pooling,
            micro_batches=job.plan.micro_batches,
            seed=job.training.seed,
            initial_logit=job.initial_logit,
            init_weights=request.init_weights,
            preprocessing=job.manifest.preprocessing,
        )
    history = loop.train(
        model,
        job,
        resume=request.resume,
        on_start=lambda: run.write_provenance(request.flags_text),
        console=console,
    )
    return model, history


def _conclude(
    request: TrainingRequest, run: outcome.Run, model: ContrastNet, history: History, console: Console
) -> dict:
    """Scores a trained network, chooses its operating point, and writes the results; returns its metrics."""
    weights = starting_point.weights_of(model)
    scorer = run.scorer([weights])
    test = scorer.score("test", check=True)
    validation = scorer.score("validation", check=test is None)
    metrics = run.summarize(
        validation,
        test,
        choices=outcome.inherited_choices(request.init_weights) if validation is None else None,
        criterion=request.criterion,
        max_error=request.max_error,
    )
    run.save_model(weights, metrics, request.flags)
    report = run.write_report(metrics, validation, test, history, request.flags, [weights], console)
    outcome.say_findings(metrics, run.manifest, console)
    console.print(outcome.headline(metrics, report), style="bold" if console.is_terminal else None)
    return metrics
