"""Predicts on files: `python -m contrast_tfdata.predict INPUT... --output=P.csv`."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags
from contrast_tfdata.errors import DataError, Problems, UsageError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.model import pretrained

# The rest is imported where it is used: workers import this module, too, and need nothing of it.
if TYPE_CHECKING:
    from contrast_tfdata.evaluation import Choices, InputGate
    from contrast_tfdata.scoring.inputs import Scores
    from contrast_tfdata.scoring.predictor import Predictor

_WORKDIR = common_flags.workdir()
_WEIGHTS = flags.DEFINE_string("weights", None, "instead of --workdir: an .h5 file with weights of the slides' network")
_OUTPUT = common_flags.output()
_INTERPOLATION = common_flags.interpolation()
_SLICE_RANGE = common_flags.slice_range()
_SLICE_STEP = common_flags.slice_step()
_MAX_BYTES = common_flags.max_bytes()
_GROUP_KEY_FILE = common_flags.group_key_file()
_NUM_WORKERS = common_flags.num_workers()
_BATCH_SIZE = common_flags.batch_size()
_FAIL_ON_CONFLICT = flags.DEFINE_bool(
    "fail_on_conflict", False, "end with exit code 65 where a header says the opposite of the network, listing each"
)


def main(argv: list[str]) -> None:
    """Finds files, scores their slices, shows a verdict per series, writes the rows."""
    if not argv:
        raise UsageError("name at least one file or folder: predict INPUT...")
    _check_network_flags()
    from contrast_tfdata.console import display
    from contrast_tfdata.intake.workers import Workers
    from contrast_tfdata.scoring import inputs, tables

    output = _checked_output(_OUTPUT.value)
    selection = SliceSelection.parse(_SLICE_RANGE.value, _SLICE_STEP.value)
    num_workers, secret = cli.count(_NUM_WORKERS), cli.group_secret(_GROUP_KEY_FILE)
    if output:
        tables.check_writable(output)
    predict, preprocessing, choices, gate = _load_network()
    found = inputs.find_inputs(argv, max_bytes=_MAX_BYTES.value)
    options = inputs.ScoringOptions(preprocessing, selection, _BATCH_SIZE.value, secret, gate)
    with Workers(num_workers) as pool, display.conversion_progress(cli.console) as progress:
        scores = inputs.score_files(found, predict, options, pool, progress)
    for note in found.notes:
        cli.console.print(note)
    if found.ignored:
        cli.console.print(f"{found.ignored} skipped: system files")
    tables.show(cli.console, scores, choices)
    for warning in scores.warnings:
        cli.console.print(f"warning: {warning}")
    if output:
        tables.write(output, scores, choices)
        cli.console.print(f"predictions: {output}")
    problems = _problems(scores, choices)
    if problems:
        raise DataError.listing_kinds(problems)


def _problems(scores: "Scores", choices: "Choices") -> list[Problems]:
    """Returns what ends the command with an error once all outputs are written."""
    rejected = [f"{each.path}: {each.code}: {each.detail}" for each in scores.rejected]
    found = [Problems(f"{len(rejected)} files could not be used; the others are done:", rejected, complete=False)]
    if _FAIL_ON_CONFLICT.value:
        conflicts = [
            f"{each.name}: the header says {each.claim.code}, the network {each.verdict} ({each.probability:.4f})"
            for each in scores.verdicts(choices)
            if each.header == "conflict"
        ]
        headline = f"{len(conflicts)} series contradict their headers (--fail_on_conflict); look at each:"
        found.append(Problems(headline, conflicts))
    return [each for each in found if each.found]


def _check_network_flags() -> None:
    if _WORKDIR.value and _WEIGHTS.value:
        raise UsageError(
            "give either --workdir (a trained run) or --weights (the slides' network), or none (the shipped weights)"
        )
    if _WEIGHTS.value and (pretrained.is_shipped(_WEIGHTS.value) or Path(_WEIGHTS.value).is_dir()):
        # It would be fed as the slides' network is.
        raise UsageError(f"--weights takes an .h5 file; other models go with --workdir. Received: {_WEIGHTS.value}")
    if _INTERPOLATION.value and not _WEIGHTS.value:
        raise UsageError("--interpolation goes with --weights; a run and the shipped weights carry their own")


def _load_network() -> tuple["Predictor", Preprocessing, "Choices", "InputGate"]:
    """Returns what answers, how its slices are made, what was chosen for it, and what it should not be asked."""
    from contrast_tfdata.evaluation import Choices, InputGate, OperatingPoint
    from contrast_tfdata.model import views
    from contrast_tfdata.scoring import carried, networks
    from contrast_tfdata.scoring.predictor import Predictor

    if not _WEIGHTS.value:
        workdir = _WORKDIR.value or pretrained.NAME
        loaded, description = networks.load(workdir)
        for line in networks.announcements(workdir, description):
            cli.console.print(line)
        preprocessing = Preprocessing.from_json(description["preprocessing"])
        predictor = Predictor(loaded, views.stored(description))
        return predictor, preprocessing, carried.choices(description), carried.gate(description)
    from contrast_tfdata.model.h5_weights import read_h5_weights
    from contrast_tfdata.model.weights import NetworkWeights

    # As the slides fed it: grey as stored, stretched to the square.
    preprocessing = Preprocessing(interpolation=_INTERPOLATION.value or "nearest", intensity="stored", aspect="stretch")
    arrays = read_h5_weights(_WEIGHTS.value, preprocessing.image_size)
    point = OperatingPoint.fixed(reason="the slides' network carries no threshold")
    predictor = Predictor([NetworkWeights(preprocessing.image_size, tuple(arrays))])
    return predictor, preprocessing, Choices(point), InputGate()


def _checked_output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UsageError(f"--output must end in .csv or .jsonl. Received: {name}")
    if not path.parent.is_dir():
        raise UsageError(f"--output: there is no folder {path.parent}")
    return path


if __name__ == "__main__":
    cli.run(main, needs_tensorflow=False)
