"""Turns folders, archives, tables or synthetic patients into TFRecords: `python -m contrast_tfdata.make_records`."""

import functools
from collections.abc import Callable
from pathlib import Path

from absl import flags

from contrast_tfdata.console import cli, common_flags, flag_types
from contrast_tfdata.console.help_page import HelpPage
from contrast_tfdata.errors import UsageError

_TRAIN_DIR = flag_types.define_path("train_dir", "folder or .zip with no_gad/ and with_gad/", utf8=False)
_TEST_DIR = flag_types.define_path("test_dir", "the same, for the test split; alone: all is for evaluate", utf8=False)
_TABLE = flag_types.define_path(
    "table", "CSV file with the columns path,label[,group][,split], instead of folders", utf8=False
)
_PHANTOM_PATIENTS = flags.DEFINE_integer(
    "phantom_patients", 0, "use this many synthetic patients instead of images", lower_bound=0
)
_PHANTOM_SLICES = flags.DEFINE_integer(
    "phantom_slices", 4, "slices of each class for a synthetic patient", lower_bound=1
)
_PHANTOM_KIND = flags.DEFINE_enum(
    "phantom_kind",
    "realistic",
    ["realistic", "easy", "sequences"],
    "how varied their images are",
)
_PHANTOM_RATES = flags.DEFINE_list(
    "phantom_rates", [], "how often rare things happen to them, as in stripped=0,matched=0.3 [by kind]"
)
_OUTPUT_DIR = common_flags.output_dir("folder for the records")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 331, "side of the square slices, in pixels", lower_bound=1)
_INTENSITY = flags.DEFINE_enum(
    "intensity",
    "foreground_p99",
    ["foreground_p99", "stored"],
    "how greys are scaled",
)
_ASPECT = flags.DEFINE_enum("aspect", "keep", ["keep", "stretch"], "keep proportions, or stretch to a square")
_INTERPOLATION = common_flags.interpolation("filter for resizing [area]")
_SLICE_RANGE = common_flags.slice_range()
_SLICE_STEP = common_flags.slice_step()
_MAX_BYTES = common_flags.max_bytes()
_REFORMAT = common_flags.reformat()
_ANY_SEQUENCE = flags.DEFINE_bool("any_sequence", False, "also use sequences other than T1")
_SPLIT = common_flags.split(["group", "keras"], "group: whole patients; keras: by file, as in the SIIM notebook")
_GROUP_REGEX = flags.DEFINE_string("group_regex", None, "regular expression on paths; its first group is the patient")
_GROUP_KEY_FILE = common_flags.group_key_file()
_PATHS = flags.DEFINE_enum(
    "paths", "hashed", ["hashed", "clear"], "write known patients in paths as a hash, or as they are"
)
_VALIDATION_FRACTION = flag_types.define_float(
    "validation_fraction", 0.2, "share of the slices outside test for validation"
)
_TEST_FRACTION = flag_types.define_float(
    "test_fraction", None, "share of all slices for test, 1: all, without --test_dir [0.2; with --split=keras 0]"
)
_KEEP_SPLIT_OF = flag_types.define_path("keep_split_of", "folder of older records, whose patients stay in their split")
_NUM_SHARDS = flags.DEFINE_string("num_shards", "auto", "files for each split; auto: about 150 MB each")
_NUM_WORKERS = common_flags.num_workers()
_SEED = common_flags.seed()
_ON_BAD_IMAGE = flags.DEFINE_enum("on_bad_image", "fail", ["fail", "skip"], "damaged images: stop, or leave them out")
_ALLOW_LEAKAGE = flags.DEFINE_bool("allow_leakage", False, "go on when train and test share images or patients")
_OVERWRITE = common_flags.overwrite()
_VERIFY_ONLY = flags.DEFINE_bool("verify_only", False, "only check the records in --output_dir")
_RUNNER = flags.DEFINE_enum("runner", "local", ["local", "beam"], "run here, or as Apache Beam pipelines")
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_options", None, "options of Beam, as in --runner=FlinkRunner,--flink_master=HOST:PORT"
)
HELP = HelpPage(
    command="make_records",
    summary="Turns images, or synthetic patients, into records: TFRecord files with a manifest.",
    usage="--output_dir=RECORDS (--train_dir=DATA | --test_dir=DATA | --table=CSV | --phantom_patients=N)",
    examples=(
        "--train_dir=DATA --output_dir=records",
        "--table=slices.csv --output_dir=records --on_bad_image=skip",
        "--phantom_patients=4 --phantom_slices=1 --output_dir=records",
    ),
    groups={
        "images": "train_dir test_dir table on_bad_image any_sequence max_bytes",
        "synthetic patients": "phantom_patients phantom_slices phantom_kind phantom_rates",
        "slices": "slice_range slice_step reformat image_size intensity aspect interpolation",
        "patients": "group_regex group_key_file paths",
        "splits": "split validation_fraction test_fraction keep_split_of allow_leakage seed",
        "records": "output_dir overwrite num_shards verify_only",
        "how it runs": "num_workers runner beam_options",
    },
)


def main(argv: list[str]) -> None:
    """Checks the flags, finds the sources, converts them, and shows what became of them."""
    cli.refuse_arguments(argv)
    output_dir = cli.required_path(_OUTPUT_DIR)
    if _VERIFY_ONLY.value:
        _verify(output_dir)
        return
    options, convert = _conversion_options(), _converter()

    from contrast_tfdata.storage import staging

    staging.refuse_existing(output_dir, overwrite=_OVERWRITE.value)
    sources = _find_sources()
    cli.quiet_tensorflow()

    from contrast_tfdata.console import display, progress_bar

    with (
        staging.staged_directory(output_dir, overwrite=_OVERWRITE.value) as directory,
        progress_bar.conversion_progress(cli.console) as progress,
    ):
        manifest = convert(sources, directory, options, progress)
    display.show_manifest(cli.console, manifest, synthetic=bool(_PHANTOM_PATIENTS.value))
    for line in sources.passed_over:
        cli.console.print(f"warning: {line}")
    for line in [*sources.patients_found, *display.lists_of_names(output_dir)]:
        cli.console.print(line, markup=False)
    cli.console.print(f"records: {output_dir}")


def _converter() -> Callable:
    """Returns the function that converts, called with (sources, directory, options, progress)."""
    num_workers = cli.count(_NUM_WORKERS)
    if _RUNNER.value == "local":
        if _BEAM_OPTIONS.value:
            raise UsageError("--beam_options goes with --runner=beam")
        return functools.partial(_convert_here, num_workers)
    if num_workers:
        raise UsageError("--num_workers goes with --runner=local; a Beam runner has its own: --beam_options")

    from contrast_tfdata.records import beam_workers

    return functools.partial(_convert_with_beam, beam_workers.parse_options(_BEAM_OPTIONS.value or ""))


def _convert_here(num_workers: int | None, sources, directory: Path, options, progress):
    from contrast_tfdata.intake import workers
    from contrast_tfdata.records import conversion

    with workers.Workers(num_workers) as pool:
        return conversion.convert(sources, directory, options, pool, progress)


def _convert_with_beam(beam_options, sources, directory: Path, options, progress):
    from contrast_tfdata.records import beam_conversion

    return beam_conversion.convert(sources, directory, options, beam_options, progress)


def _find_sources():
    from contrast_tfdata.intake import sources, units

    _refuse_mixed_sources()
    if _PHANTOM_PATIENTS.value:
        return sources.from_phantom(_PHANTOM_PATIENTS.value, seed=_SEED.value, options=_phantom_options())
    common = {"group_regex": _GROUP_REGEX.value, "max_bytes": _MAX_BYTES.value}
    if _TABLE.value:
        return sources.from_table(_source_path(_TABLE.value), **common)
    found = sources.Sources()
    if _TRAIN_DIR.value:
        pool = units.DEVELOPMENT if _TEST_DIR.value else None
        found.extend(sources.from_class_folders(_source_path(_TRAIN_DIR.value), split=pool, **common))
    if _TEST_DIR.value:
        found.extend(sources.from_class_folders(_source_path(_TEST_DIR.value), split="test", **common))
    return found


def _source_path(text: str) -> Path:
    """Returns a source's path; Beam's workers may run in another folder than this process does."""
    return Path(text).absolute() if _RUNNER.value == "beam" else Path(text)


def _phantom_options():
    import dataclasses

    from contrast_tfdata.phantom import EASY_OPTIONS, PhantomOptions

    kind = EASY_OPTIONS if _PHANTOM_KIND.value == "easy" else PhantomOptions()
    try:
        rates = kind.with_rates(_PHANTOM_RATES.value)
        rates = dataclasses.replace(rates, other_sequences=_PHANTOM_KIND.value == "sequences")
    except ValueError as error:
        raise UsageError(f"--phantom_rates: {error}") from error
    return dataclasses.replace(rates, slices_per_class=_PHANTOM_SLICES.value)


def _refuse_mixed_sources() -> None:
    given = [name for name, value in _sources_given().items() if value]
    if len(given) != 1:
        raise UsageError(f"give one of {', '.join(_sources_given())}. Received: {', '.join(given) or 'none'}")
    if _SPLIT.value == "keras" and not (_TRAIN_DIR.value or _TEST_DIR.value):
        raise UsageError("--split=keras divides class folders; it goes with --train_dir or --test_dir")


def _sources_given() -> dict[str, object]:
    folders = {"--train_dir": _TRAIN_DIR.value, "--test_dir": _TEST_DIR.value if not _TRAIN_DIR.value else None}
    return {**folders, "--table": _TABLE.value, "--phantom_patients": _PHANTOM_PATIENTS.value}


def _conversion_options():
    from contrast_tfdata.images.preprocessing import Preprocessing
    from contrast_tfdata.intake.selection import SliceSelection
    from contrast_tfdata.patients.options import PlanOptions
    from contrast_tfdata.records.options import ConversionOptions

    return ConversionOptions(
        plan=PlanOptions(
            split=_split_options(),
            selection=SliceSelection.parse(_SLICE_RANGE.value, _SLICE_STEP.value),
            secret=_group_secret(),
            allow_leakage=_ALLOW_LEAKAGE.value,
            previous=_previous_split(),
            hash_paths=_PATHS.value == "hashed",
            any_sequence=_ANY_SEQUENCE.value,
            always_reformat=_REFORMAT.value == "always",
        ),
        preprocessing=Preprocessing(
            image_size=_IMAGE_SIZE.value,
            interpolation=_INTERPOLATION.value or "area",
            intensity=_INTENSITY.value,
            aspect=_ASPECT.value,
        ),
        num_shards=cli.count(_NUM_SHARDS),
        skip_bad_images=_ON_BAD_IMAGE.value == "skip",
    )


def _group_secret() -> bytes:
    """Synthetic patients need no secret, and their records are the same on every machine."""
    return b"" if _PHANTOM_PATIENTS.value and not _GROUP_KEY_FILE.value else cli.group_secret(_GROUP_KEY_FILE)


def _previous_split():
    if _KEEP_SPLIT_OF.value is None:
        return None
    if _SPLIT.value == "keras":
        raise UsageError("--keep_split_of goes with --split=group")
    cli.quiet_tensorflow()

    from contrast_tfdata.records import previous

    return previous.read(Path(_KEEP_SPLIT_OF.value))


def _split_options():
    from contrast_tfdata.patients.splits import KERAS_VALIDATION_FRACTION, SplitOptions

    if _TEST_FRACTION.value is not None and (_TEST_DIR.value or _SPLIT.value == "keras"):
        raise UsageError("--test_fraction is for a group split without --test_dir")
    by_position = _SPLIT.value == "keras"
    if by_position and _VALIDATION_FRACTION.value != KERAS_VALIDATION_FRACTION:
        raise UsageError(f"--split=keras takes {KERAS_VALIDATION_FRACTION} for validation, as on the slides")
    default = 0.0 if by_position else 0.2
    test_fraction = default if _TEST_FRACTION.value is None else _TEST_FRACTION.value
    return SplitOptions(_SPLIT.value, _VALIDATION_FRACTION.value, test_fraction, _SEED.value)


def _verify(output_dir: Path) -> None:
    cli.quiet_tensorflow()
    from contrast_tfdata.records import manifest, verification

    expected = manifest.load(output_dir)
    verification.verify(output_dir, expected)
    records = sum(split.records for split in expected.splits.values())
    shards = sum(len(split.shards) for split in expected.splits.values())
    cli.console.print(f"verified: {records} records in {shards} shards match the manifest: {output_dir}")


if __name__ == "__main__":
    cli.run(main, HELP)
