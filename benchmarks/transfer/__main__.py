"""Measures networks on real images that none of them was trained on.

    python -m benchmarks.transfer --real=FOLDER [--output=FILE.json] [--without=PATIENT,...] NETWORK [NETWORK ...]

FOLDER holds jpeg/ and nifti/, each with no_gad/ and with_gad/. A NETWORK is a run's workdir, `shipped`, or an .h5 file
of the slides' network; several workdirs separated by commas are seeds of one recipe: mean and spread are shown; joined
by plus signs they answer as one, as in `predict --workdir=A,B`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.transfer import commands, figures, sources
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model import runtime_plan

_COLUMNS = (
    ("AUC", "auc"),
    ("AUC matched", "auc_matched"),
    ("series AUC", "series_auc"),
    ("slice bal. acc.", "slice_balanced_accuracy"),
    ("series bal. acc.", "series_balanced_accuracy"),
    ("at the other source's threshold", "series_balanced_accuracy_travelled"),
    ("pairs in order", "pairs_in_order"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the images, scores them with every network, prints a table and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--without", default="", help="patients that are left out, commas between them")
    parser.add_argument(
        "networks", nargs="+", help="workdirs (commas: seeds, plus signs: one ensemble), `shipped` or .h5"
    )
    options = commands.parse(parser, arguments)
    runtime_plan.configure_environment()
    without = [name for name in options.without.split(",") if name]
    results = {name: measure(name.split(","), options.real, without=without) for name in options.networks}
    print("\n".join(table(results)))
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")


def measure(
    seeds: Sequence[str], real: Path, views: Sequence[str] | None = None, without: Sequence[str] = ()
) -> dict[str, list[dict]]:
    """Returns, by source, the figures of each seed.

    Args:
        seeds: workdirs (plus signs between those that answer as one), `shipped`, or .h5 files.
        real: folder with one folder for each source.
        views: of an image whose logits are averaged; each network's own by default.
        without: patients that are left out.
    """
    found: dict[str, list[dict]] = {name: [] for name in sources.PATIENT}
    read: dict[tuple[str, Preprocessing], sources.Source] = {}
    for seed in seeds:
        predict, preprocessing, threshold = network(seed, views)
        for name in sources.PATIENT:
            key = name, preprocessing
            if key not in read:
                read[key] = sources.read(real / name, preprocessing)
        chosen = {name: read[name, preprocessing] for name in sources.PATIENT}
        _refuse_unknown(without, chosen)
        scored = {name: each.scored(predict).without(without) for name, each in chosen.items()}
        for name, row in figures.summarize_sources(scored, threshold).items():
            found[name].append(row)
    return found


def _refuse_unknown(patients: Sequence[str], chosen: Mapping[str, sources.Source | figures.Scored]) -> None:
    """Ends this process where a patient is in no source: the table would be taken for one without him."""
    unknown = set(patients).difference(*(each.patients for each in chosen.values()))
    if unknown:
        sys.exit(f"--without: no source has {', '.join(sorted(unknown))}")


def network(name: str, chosen_views: Sequence[str] | None = None):
    """Returns a network as a function from images to logits, its preprocessing, and its threshold as a logit.

    Args:
        name: of a workdir, of several joined by plus signs, `shipped`, or of an .h5 file of the slides' network.
        chosen_views: of an image whose logits are averaged; those that the network was saved with by default.
    """
    import numpy as np

    from contrast_tfdata.model import views
    from contrast_tfdata.model.h5_weights import read_h5_weights
    from contrast_tfdata.model.weights import NetworkWeights
    from contrast_tfdata.scoring import networks
    from contrast_tfdata.scoring.predictor import Predictor

    if name.endswith(".h5"):
        preprocessing = Preprocessing(interpolation="nearest", intensity="stored", aspect="stretch")
        weights = NetworkWeights(preprocessing.image_size, tuple(read_h5_weights(name)))
        return Predictor([weights]), preprocessing, 0.0
    members, description = networks.load(name.replace("+", ","))
    threshold = description["operating_point"]["threshold"]
    predictor = Predictor(members, chosen_views or views.stored(description))
    return predictor, Preprocessing.from_json(description["preprocessing"]), float(np.log(threshold / (1 - threshold)))


def table(results: dict[str, dict[str, list[dict]]]) -> Iterator[str]:
    """Yields the lines of a Markdown table: a row for each network and source."""
    yield "| network | source | slices | seeds | " + " | ".join(title for title, _ in _COLUMNS) + " |"
    yield "|---|---|---:|---:|" + "---:|" * len(_COLUMNS)
    for network, by_source in results.items():
        for source, rows in by_source.items():
            spread = figures.mean_and_spread(rows)
            cells = [_cell(*spread[name], many=len(rows) > 1) for _, name in _COLUMNS]
            yield f"| {network} | {source} | {rows[0]['slices']} | {len(rows)} | " + " | ".join(cells) + " |"


def _cell(mean: float, deviation: float, *, many: bool) -> str:
    return f"{mean:.3f} ± {deviation:.3f}" if many else f"{mean:.3f}"


if __name__ == "__main__":
    main()
