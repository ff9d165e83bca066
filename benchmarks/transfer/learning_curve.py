"""Measures what real patients add to given weights, by the number of them and on patients left out.

    python -m benchmarks.transfer.learning_curve --real=FOLDER --weights=shipped --phantom_records_dir=P --workdir=W

FOLDER holds jpeg/ and nifti/, each with no_gad/ and with_gad/. For each of the two, each number of patients and each
fold, `make_records` and `train --flagfile=flags/finetune.flags` are run as a user runs them; the network is then scored
on all patients that it was not trained on, of the same source and of the other one. P are the records that the weights
were learned from. Everything stays in W: run again with the same words, it goes on where it stopped.
"""

import argparse
import csv
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.transfer import __main__ as transfer
from benchmarks.transfer import commands, figures, folds, sources
from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake.files import list_files
from contrast_tfdata.model import runtime_plan
from contrast_tfdata.pipeline import mixing
from contrast_tfdata.records import manifest as manifests

_FLAGFILE = Path(__file__).parents[2] / "flags" / "finetune.flags"
_FRACTION = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains and scores all folds, writes the figures as they come, and prints the table."""
    options = _parse(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    runtime_plan.configure_environment()
    curve = _Curve(options)
    outcomes = []
    for outcome in curve.outcomes():
        outcomes.append(outcome)
        found = [dataclasses.asdict(each) for each in outcomes]
        (options.workdir / "learning_curve.json").write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join(folds.table(outcomes)) + "\n"
    (options.workdir / "learning_curve.md").write_text(text)
    print(text, end="")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.transfer.learning_curve", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--weights", default="shipped", help="a run's workdir, or `shipped`")
    parser.add_argument("--phantom_records_dir", type=Path, required=True, help="records the weights were learned from")
    parser.add_argument("--workdir", type=Path, required=True, help="folder for all runs and the figures")
    parser.add_argument("--sources", nargs="+", choices=sorted(sources.PATIENT), default=["nifti", "jpeg"])
    parser.add_argument("--patients", nargs="+", type=int, default=[0, 1, 2, 4], help="numbers of real patients")
    parser.add_argument("--folds", type=int, default=4, help="runs for each number, at the most")
    parser.add_argument("--updates", type=int, default=160, help="optimizer updates of a run, about")
    parser.add_argument("--batch_size", type=int, default=64, help="slices an update, half of them synthetic")
    parser.add_argument("--seed", type=int, default=1020, help="of who is in which fold, and of training")
    return commands.parse(parser, arguments)


class _Curve:
    """The runs behind the table."""

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._phantom = manifests.load(options.phantom_records_dir)
        preprocessing = Preprocessing.from_json(self._phantom.preprocessing)
        self._images = {name: sources.read(options.real / name, preprocessing) for name in options.sources}
        self._before = self._scores(options.weights)

    def outcomes(self) -> Iterator[folds.Outcome]:
        """Trains one network after the other and yields what each did, source by source."""
        for source in self._options.sources:
            found = folds.units(_classes(self._images[source]), self._options.seed)
            for patients in self._options.patients:
                sets = folds.training_sets(found, patients, self._options.folds)
                for fold, names in enumerate(sets):
                    scores = self._trained(source, patients, fold, names) if patients else self._before
                    yield from self._compare(source, patients, names, scores)

    def _compare(
        self, source: str, patients: int, names: frozenset[str], scores: Mapping[str, tuple[figures.Scored, float]]
    ) -> Iterator[folds.Outcome]:
        for tested_on, (scored, threshold) in scores.items():
            if not patients and tested_on != source:
                continue  # Nobody was trained on: it is a row of the other source.
            others = names if tested_on == source else frozenset()
            after, before = (folds.left_out(each, others) for each in (scored, self._before[tested_on][0]))
            if after and before:
                found = figures.summarize(after, threshold), figures.summarize(before, self._before[tested_on][1])
                yield folds.Outcome(source, patients, tested_on, *found)

    def _scores(self, network: str) -> dict[str, tuple[figures.Scored, float]]:
        """Returns a network's answers on all images of each source, and its threshold as a logit."""
        predict, preprocessing, threshold = transfer.network(network)
        if preprocessing.to_json() != self._phantom.preprocessing:
            sys.exit(f"{network}: its slices were made in another way than {self._options.phantom_records_dir}")
        return {name: (images.scored(predict), threshold) for name, images in self._images.items()}

    def _trained(self, source: str, patients: int, fold: int, names: frozenset[str]):
        folder = self._options.workdir / f"{source}-{patients}-{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "records").exists():
            rows = _rows(self._options.real / source, source, names)
            commands.run("make_records", *self._record_flags(folder, rows))
        commands.run("train", f"--flagfile={_FLAGFILE}", *self._training_flags(folder))
        return self._scores(str(folder / "run"))

    def _record_flags(self, folder: Path, rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
        table, key = folder / "table.csv", folder / "group.key"
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "group", "split"), *rows])
        key.write_text("no secret: the folds of a benchmark\n")
        yield from (f"--table={table}", f"--group_key_file={key}", f"--output_dir={folder / 'records'}")
        for name, value in self._phantom.preprocessing.items():
            if name != "version":
                yield f"--{name}={value}"

    def _training_flags(self, folder: Path) -> Iterator[str]:
        options = self._options
        slices = manifests.load(folder / "records").splits["train"].records
        yield from (f"--records_dir={folder / 'records'}", f"--phantom_records_dir={options.phantom_records_dir}")
        yield from (f"--phantom_fraction={_FRACTION}", f"--batch_size={options.batch_size}", f"--seed={options.seed}")
        yield from (f"--epochs={epochs_for(options.updates, slices, options.batch_size)}",)
        yield from (f"--init_weights={options.weights}", f"--workdir={folder / 'run'}")


def epochs_for(updates: int, slices: int, batch_size: int) -> int:
    """Returns the epochs that come nearest to so many updates: few patients get as many as more of them."""
    steps = -(-slices // mixing.shares(batch_size, _FRACTION)[0])
    return max(1, round(updates / steps))


def _classes(images: sources.Source) -> dict[str, set[int]]:
    classes: dict[str, set[int]] = {}
    for patient, label in zip(images.patients.tolist(), images.labels.tolist(), strict=True):
        classes.setdefault(patient, set()).add(label)
    return classes


def _rows(folder: Path, source: str, names: frozenset[str]) -> list[tuple[str, str, str, str]]:
    """Returns path, class, patient and split of every file of these patients."""

    def patient(path: str) -> str:
        return sources.PATIENT[source].search(path).group(1)

    return [
        (str((folder / name / file.path).resolve()), name, patient(file.path), "train")
        for name in CLASS_NAMES
        for file in list_files(folder / name).files
        if patient(file.path) in names
    ]


if __name__ == "__main__":
    main()
