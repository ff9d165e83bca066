"""Predicts on files: `python -m contrast_tfdata.predict INPUT... --output=P.csv`."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags, flag_types
from contrast_tfdata.console.help_page import HelpPage
from contrast_tfdata.errors import DataError, Problems, UsageError
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.model import pretrained
from contrast_tfdata.wording import plural

# The rest is imported where it is used: workers import this module, too, and need nothing of it.
if TYPE_CHECKING:
    from contrast_tfdata.evaluation import Choices
    from contrast_tfdata.scoring.answerer import Answerer
    from contrast_tfdata.scoring.file_scores import Scores, ScoringOptions
    from contrast_tfdata.scoring.inputs import Inputs
    from contrast_tfdata.scoring.tables import Tables
    from contrast_tfdata.storage.ownership import Outputs

_WORKDIR = common_flags.workdir(
    "folder of a run, or several as in A,B,C; shipped: the weights in this package [shipped]"
)
_WEIGHTS = flag_types.define_path("weights", ".h5 file of the SIIM notebook's network, instead of --workdir")
_OUTPUT = common_flags.output("table of the results, P.csv or P.jsonl")
_REPORT = flag_types.define_path("report", "page with a card for each series, P.html", utf8=False)
_INTERPOLATION = common_flags.interpolation("filter for resizing, with --weights [nearest]")
_SLICE_RANGE = common_flags.slice_range()
_SLICE_STEP = common_flags.slice_step()
_MAX_BYTES = common_flags.max_bytes()
_GROUP_KEY_FILE = common_flags.group_key_file()
_NUM_WORKERS = common_flags.num_workers()
_BATCH_SIZE = common_flags.batch_size()
_OVERWRITE = common_flags.overwrite()
_REFORMAT = common_flags.reformat()
_IDS = flags.DEFINE_enum(
    "ids", "hashed", ["hashed", "clear"], "write numbers of series and studies as hashes, or as they are"
)
_FAIL_ON_CONFLICT = flags.DEFINE_bool("fail_on_conflict", False, "exit with 65 if a header contradicts the network")
HELP = HelpPage(
    command="predict",
    summary="Says for each MRI series in the files and folders INPUT whether it was taken after contrast agent.",
    usage="INPUT...",
    examples=(
        "SCANS --output=predictions.csv --report=predictions.html",
        "--workdir=run SCANS --output=predictions.csv",
        "SCANS --fail_on_conflict --ids=clear",
    ),
    groups={
        "input": "slice_range slice_step reformat max_bytes num_workers",
        "network": "workdir weights interpolation batch_size",
        "results": "output report overwrite ids group_key_file fail_on_conflict",
    },
)


def main(argv: list[str]) -> None:
    """Finds files, scores their slices, writes the tables and the page, and shows what became of all files."""
    if not argv:
        raise UsageError("name at least one file or folder: predict INPUT...; --help has examples")
    _check_network_flags()
    from contrast_tfdata.scoring import file_scores, inputs, screen, tables
    from contrast_tfdata.storage import ownership

    output, report = _checked_output(_OUTPUT.value), _checked_report(_REPORT.value)
    options = {
        "selection": SliceSelection.parse(_SLICE_RANGE.value, _SLICE_STEP.value),
        "batch_size": _BATCH_SIZE.value,
        "secret": cli.group_secret(_GROUP_KEY_FILE),
        "always_reformat": _REFORMAT.value == "always",
        "keep_pictures": report is not None,
    }
    num_workers = cli.count(_NUM_WORKERS)
    outputs = _outputs(output, report)
    answerer = _answerer()
    for line in answerer.said:
        cli.console.print(line)
    found = inputs.find_inputs(argv, max_bytes=_MAX_BYTES.value)
    ownership.refuse_inputs(outputs, found.real_paths)
    asked = file_scores.ScoringOptions(answerer.preprocessing, gate=answerer.gate, **options)
    scores = _score(found, answerer, asked, num_workers)
    rows = tables.Tables.of(scores, answerer.choices, clear_ids=_IDS.value == "clear")
    counts = screen.counts(scores, rows, answerer.choices, found.num_files)
    # Files first: what is shown may be read by nobody.
    written = []
    if output:
        tables.write(output, scores.predictions, rows, answerer.choices.operating_point.threshold)
        written.append(f"predictions: {', '.join(map(str, tables.places(output, rows).values()))}")
    if report:
        _write_page(report, scores, rows, answerer, counts)
        written.append(f"page: {report}")
    ignored = [f"{found.ignored} skipped: system files"] if found.ignored else []
    for line in (*found.notes, *ignored):
        cli.console.print(line)
    screen.show(cli.console, scores, rows, counts)
    for line in (*(f"warning: {each}" for each in scores.warnings), *written):
        cli.console.print(line)
    if problems := _problems(scores, answerer.choices):
        raise DataError.listing_kinds(problems)


def _score(found: "Inputs", answerer: "Answerer", options: "ScoringOptions", num_workers: int | None) -> "Scores":
    from contrast_tfdata.console import progress_bar
    from contrast_tfdata.intake.workers import Workers
    from contrast_tfdata.scoring import file_scores
    from contrast_tfdata.scoring.detector import SequenceDetector

    detector = SequenceDetector.for_slices(answerer.preprocessing.to_json())
    with Workers(num_workers) as pool, progress_bar.conversion_progress(cli.console) as progress:
        return file_scores.score_files(found, answerer.predictor(), options, pool, progress, detector)


def _problems(scores: "Scores", choices: "Choices") -> list[Problems]:
    """Returns what ends the command with an error once all outputs are written."""
    if not scores.verdicts(choices) and not scores.rejected:
        return [Problems("there is no image among these files; what they are is counted above")]
    found = [
        Problems(f"{plural(len(each), 'damaged file')} ({code}); all others are done:", each, complete=False)
        for code, each in scores.damaged()
    ]
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


def _answerer() -> "Answerer":
    from contrast_tfdata.scoring.answerer import Answerer

    if _WEIGHTS.value:
        return Answerer.of_slides(_WEIGHTS.value, _INTERPOLATION.value or "nearest")
    return Answerer.of_runs(_WORKDIR.value or pretrained.NAME)


def _outputs(output: Path | None, report: Path | None) -> "Outputs":
    """Returns the files that will be written, once it is sure that they can be, and replace nothing of others."""
    from contrast_tfdata.report import prediction_page
    from contrast_tfdata.scoring import tables
    from contrast_tfdata.storage import ownership

    outputs = {**(tables.outputs(output) if output else {}), **({report: prediction_page.is_own} if report else {})}
    ownership.refuse_others_files(outputs, overwrite=_OVERWRITE.value)
    if output:
        tables.check_writable(output)
    return outputs


def _write_page(path: Path, scores: "Scores", rows: "Tables", answerer: "Answerer", counts: list[str]) -> None:
    """Writes the page of --report: a card a series, with its middle slice and the map of its evidence."""
    from contrast_tfdata.report import prediction_page
    from contrast_tfdata.storage.atomic_file import replacing

    page = prediction_page.render(
        rows.series,
        rows.skipped,
        prediction_page.drawn(scores.pictures_by_verdict(answerer.choices), answerer.evidence),
        network=" ".join(answerer.said),
        counts=counts,
        show_names=_IDS.value == "clear",
    )
    with replacing(path) as file:
        file.write(page)


def _checked_report(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix.lower() != ".html" or not path.parent.is_dir():
        raise UsageError(f"--report must be a path in an existing folder that ends in .html. Received: {name}")
    return path


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
    cli.run(main, HELP, needs_tensorflow=False)
