"""Puts a run's weights into the package, with a threshold chosen on real series, what was measured, and the model card.

python -m benchmarks.transfer.ship --run=pretrain/run --real=FOLDER --name=NAME
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.transfer import commands, figures, sources
from benchmarks.transfer.__main__ import network
from contrast_tfdata import report
from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.model import pretrained, runtime_plan

TITLES = {
    "jpeg": "Public JPEG slices of whole heads (figshare 1512427 and a Kaggle collection); chose the recipe",
    "nifti": "Public NIfTI volumes (Lesjak et al. 2017, stripped, and TCGA-LGG); chose the recipe",
}
"""What a reader of the model card is told of a source: both were looked at while the phantom was made."""
CHOSEN_ON = "series of the two real sources that chose the recipe, each counting the same"
NOTE = (
    "The phantom, the recipe and the threshold were chosen while looking at the sources below, so expect less on "
    "others: the figures are those of development, not of a test."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Scores the real series, chooses the threshold, and replaces what stands in the package."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer.ship", description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="workdir of the run whose weights are to be shipped")
    parser.add_argument("--name", required=True, help="name of the weights, for people")
    options = commands.parse(parser, arguments)
    runtime_plan.configure_environment()
    predict, preprocessing, _ = network(options.run)
    scored = {name: sources.read(options.real / name, preprocessing).scored(predict) for name in sources.PATIENT}
    threshold = figures.choose_threshold(list(scored.values()))
    folder = pretrained.directory()
    description = _replace(folder, options.run, options.name, threshold)
    found = {name: figures.summarize(each, threshold) for name, each in scored.items()}
    text = json.dumps(measurements(found, description), indent=1)
    (folder / "measurements.json").write_text(text + "\n")
    print(f"shipped: {options.name}, threshold {float(sigmoid(threshold)):.3f}: {report.write_shipped_card(folder)}")


def _replace(folder: Path, run: str, name: str, threshold: float) -> dict:
    """Saves the run's network as the package's; returns the description as it is stored."""
    from contrast_tfdata.model.weights import load_model, save_model

    weights, description = load_model(pretrained.model_folder(run))
    point = OperatingPoint(float(sigmoid(threshold)), "youden", CHOSEN_ON)
    # The run's band lies around another threshold.
    chosen = {"operating_point": point.to_dict(), "indeterminate_band": None}
    save_model(folder, weights, {**description, "name": name, "note": NOTE, **chosen})
    return load_model(folder)[1]


def measurements(by_source: dict[str, dict], description: dict) -> dict:
    """Returns what the model card of the shipped weights is made of (see `report.shipped_card`)."""
    rows = [
        {
            "source": TITLES[source],
            "slices": found["slices"],
            "patients": found["patients"],
            "auc": found["auc"],
            "auc_ci95": found["auc_ci95"],
            "matched_auc": found["auc_matched"],
            "series_balanced_accuracy": found["series_balanced_accuracy"],
        }
        for source, found in by_source.items()
    ]
    threshold = description["operating_point"]["threshold"]
    return {"weights_sha256": description["weights_sha256"], "threshold": threshold, "rows": rows}


if __name__ == "__main__":
    main()
