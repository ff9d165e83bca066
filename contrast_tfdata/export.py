"""Writes a network for other runtimes: `python -m contrast_tfdata.export --workdir=W --format=onnx --output=M.onnx`."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from contrast_tfdata.console import cli, common_flags
from contrast_tfdata.console.help_page import HelpPage
from contrast_tfdata.errors import UsageError
from contrast_tfdata.exporting import formats

if TYPE_CHECKING:
    from contrast_tfdata.exporting.samples import Sample

_WORKDIR = common_flags.workdir("folder of a run, or several as in A,B,C; shipped: the weights in this package")
_FORMAT = flags.DEFINE_enum("format", None, list(formats.FORMATS), "savedmodel is a folder, the others are files")
_OUTPUT = common_flags.output("file or folder to write")
_QUANTIZE = flags.DEFINE_enum(
    "quantize", "none", list(formats.QUANTIZATIONS), "int8: 8-bit weights and features, for tflite"
)
_RECORDS_DIR = common_flags.records_dir()
_SPLIT = common_flags.split(["test", "validation"], "split to compare on")
_VERIFY = common_flags.verify()
_OVERWRITE = common_flags.overwrite()
HELP = HelpPage(
    command="export",
    summary="Writes a network for other programs: as SavedModel, ONNX or TensorFlow Lite.",
    usage="--workdir=RUN --format=FORMAT --output=FILE",
    examples=(
        "--workdir=run --format=onnx --output=contrast.onnx",
        "--workdir=run --format=savedmodel --output=models/contrast/1 --records_dir=records",
        "--workdir=run --format=tflite --quantize=int8 --output=small.tflite",
    ),
    groups={
        "network": "workdir",
        "output": "format output quantize overwrite",
        "slices to compare on": "records_dir split verify",
    },
)


def main(argv: list[str]) -> None:
    """Converts the network, compares what came out with it, and puts it in its place if the two agree."""
    cli.refuse_arguments(argv)
    cli.required_path(_WORKDIR)
    output = cli.required_path(_OUTPUT)
    if not _FORMAT.value:
        raise UsageError(f"--format is needed, one of {', '.join(formats.FORMATS)}")
    form = formats.chosen(_FORMAT.value, _QUANTIZE.value, output)
    cli.start_tensorflow("float32", "false")

    from contrast_tfdata.exporting import job
    from contrast_tfdata.scoring import networks

    job.refuse_existing(output, form, overwrite=_OVERWRITE.value)
    loaded, description = networks.load(_WORKDIR.value)
    for line in networks.announcements(_WORKDIR.value, description):
        cli.console.print(line)
    compared, representative = _samples(description, _SPLIT.value, form)
    export = job.Export(loaded, description, form, compared, representative)
    found = export.write(output, overwrite=_OVERWRITE.value)
    for line in found.lines():
        cli.console.print(line)
    cli.console.print(f"{form.name}: {output}")


def _samples(description: dict, split: str, form: formats.Format) -> tuple["Sample", "Sample | None"]:
    """Returns the slices to compare on and, where they are needed, those from which 8-bit ranges are taken."""
    from contrast_tfdata.exporting import samples
    from contrast_tfdata.images.preprocessing import Preprocessing

    is_quantized = form.quantize != "none"
    if not _RECORDS_DIR.value:
        preprocessing = Preprocessing.from_json(description["preprocessing"])
        compared = samples.of_phantom(preprocessing, samples.COMPARED_SEED)
        return compared, samples.of_phantom(preprocessing, samples.REPRESENTATIVE_SEED) if is_quantized else None

    from contrast_tfdata.model.weights import refuse_other_preprocessing
    from contrast_tfdata.records import manifest as manifests
    from contrast_tfdata.records import verification

    records_dir = Path(_RECORDS_DIR.value)
    manifest = manifests.load(records_dir)
    verification.check_before_use(records_dir, manifest, full=_VERIFY.value == "full")
    refuse_other_preprocessing(manifest.preprocessing, description, _WORKDIR.value)
    compared = samples.of_records(records_dir, manifest, split, samples.MAX_COMPARED)
    if not is_quantized:
        return compared, None
    return compared, samples.of_records(records_dir, manifest, "train", samples.MAX_REPRESENTATIVE)


if __name__ == "__main__":
    cli.run(main, HELP)
