"""Scores a trained network on records: `python -m contrast_tfdata.evaluate --workdir=W --records_dir=R`."""

import os
import sys
from pathlib import Path

from absl import flags

from contrast_tfdata.console import cli, common_flags
from contrast_tfdata.console.help_page import HelpPage
from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import pretrained

_WORKDIR = common_flags.workdir("folder of a run, or several as in A,B,C; shipped: the weights in this package")
_RECORDS_DIR = common_flags.records_dir()
_VERIFY = common_flags.verify()
_SPLIT = common_flags.split(["test", "validation"], "split to score")
_OUTPUT_DIR = common_flags.output_dir("folder for the results [evaluation-SPLIT/ in --workdir]")
_BATCH_SIZE = common_flags.batch_size()
_ROBUSTNESS = flags.DEFINE_bool(
    "robustness",
    False,
    "score changed slices too: noise, blur and others",
)
HELP = HelpPage(
    command="evaluate",
    summary="Scores a trained network on records, and writes tables and a report.",
    usage="--workdir=RUN --records_dir=RECORDS",
    examples=(
        "--workdir=run --records_dir=records",
        "--workdir=shipped --records_dir=records --output_dir=shipped-on-mine",
        "--workdir=run --records_dir=records --split=validation --robustness",
    ),
    groups={
        "network": "workdir",
        "data": "records_dir split batch_size verify",
        "results": "output_dir robustness",
    },
)
_SIGNS_OF_A_RUN = ("model/model.json", "checkpoints/step-*", "folds.json", "repeats.json")
"""What a training leaves in its folder, or in that of several runs, and an evaluation does not."""


def main(argv: list[str]) -> None:
    """Scores one split at the operating point that the run carries, and writes tables and report."""
    cli.refuse_arguments(argv)
    workdir, records_dir = cli.required_path(_WORKDIR), cli.required_path(_RECORDS_DIR)
    split = _SPLIT.value
    output_dir = _output_dir(workdir, split)
    cli.quiet_tensorflow()

    from contrast_tfdata.model import views
    from contrast_tfdata.model.weights import refuse_other_preprocessing
    from contrast_tfdata.records import manifest as manifests
    from contrast_tfdata.records import verification
    from contrast_tfdata.runs import outcome
    from contrast_tfdata.scoring import carried, lineage, networks

    loaded, description = networks.load(_WORKDIR.value)
    for line in networks.announcements(_WORKDIR.value, description):
        cli.console.print(line)
    manifest = manifests.load(records_dir)
    verification.check_before_use(records_dir, manifest, full=_VERIFY.value == "full")
    manifests.require_split(records_dir, manifest, split)
    refuse_other_preprocessing(manifest.preprocessing, description, workdir)
    described = networks.descriptions(_WORKDIR.value, description)
    run = outcome.Run(
        output_dir,
        records_dir,
        manifest,
        None,
        _BATCH_SIZE.value,
        cli.command_words(sys.modules[__name__]),
        views.stored(description),
        lineage.leakage(described, records_dir, manifest, [split]),
        lineage.learned_from(described),
        lineage.warnings_that_matter(described, records_dir, manifest, [split]),
    )
    run.announce(cli.console)
    run.write_provenance(cli.flags_text(sys.modules[__name__]))
    scorer, choices = run.scorer(loaded), carried.choices(description)
    scores = scorer.score(split, check=True)
    if _ROBUSTNESS.value:
        scores = scorer.score_perturbed(split, scores)
    validation, test = (scores if split == name else None for name in ("validation", "test"))
    metrics = run.summarize(validation, test, choices=choices)
    given = cli.flag_values(sys.modules[__name__])
    report = run.write_report(metrics, validation, test, [], given, loaded, cli.console)
    outcome.say_findings(metrics, manifest, cli.console)
    cli.console.print(outcome.headline(metrics, report), style="bold" if cli.console.is_terminal else None)


def _output_dir(workdir: Path, split: str) -> Path:
    if pretrained.is_shipped(_WORKDIR.value):
        if not _OUTPUT_DIR.value:
            raise UsageError("--output_dir is needed with --workdir=shipped: nothing is written into the package")
        return _no_run(Path(_OUTPUT_DIR.value))
    if not _OUTPUT_DIR.value and "," in _WORKDIR.value and not os.path.exists(workdir):
        raise UsageError("--output_dir is needed with several runs in --workdir")
    output_dir = Path(_OUTPUT_DIR.value or workdir / f"evaluation-{split}")
    if output_dir.resolve() == workdir.resolve():
        raise UsageError(
            f"--output_dir={output_dir} is the run's own folder, whose results would be lost; name another"
        )
    return _no_run(output_dir)


def _no_run(output_dir: Path) -> Path:
    """Returns the folder; raises UsageError where it is that of a run, named in --workdir or not, or of others."""
    from contrast_tfdata.runs import results_folder

    if any(found for sign in _SIGNS_OF_A_RUN for found in output_dir.resolve().glob(sign)):
        raise UsageError(f"--output_dir={output_dir} is the folder of a run, whose results would be lost; name another")
    results_folder.refuse_others(output_dir, results_folder.OF_EVALUATION)
    return output_dir


if __name__ == "__main__":
    cli.run(main, HELP)
