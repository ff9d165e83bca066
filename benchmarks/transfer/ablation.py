"""Measures what each part of the recipe of the shipped weights does for real images, by leaving it out.

    python -m benchmarks.transfer.ablation --real=FOLDER --workdir=W [--seeds 1020 1021] [--parts ...]

For each part and seed, `make_records` and `train --flagfile=flags/pretrain.flags` are run as a user runs them, but for
the flags that leave it out; the networks are then scored on real images as `python -m benchmarks.transfer` does.
Everything stays in W: run again with the same words, it goes on where it stopped. A training takes minutes on 2 cores.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.transfer import __main__ as transfer
from benchmarks.transfer import commands, figures
from contrast_tfdata.model import runtime_plan

_FLAGFILE = Path(__file__).parents[2] / "flags" / "pretrain.flags"


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the recipe that can be left out.

    Attributes:
        records: flags of make_records that leave it out of the synthetic patients.
        training: flags of train that leave it out of the training.
        views: what is averaged in scoring, where that is what leaves it out; the run's own by default.
    """

    records: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    views: tuple[str, ...] | None = None


PARTS: Mapping[str, Part] = {
    "nothing": Part(),
    "both classes of a place in one batch": Part(training=("--nopairs",)),
    "moving average of weights": Part(training=("--ema=0",)),
    "mean with the mirrored image": Part(views=("plain",)),
    "augmentation": Part(training=("--augment=",)),
    "varied grey levels": Part(training=("--augment=rotation=20,zoom=0.2,shift=0.08,horizontal_flip,cutout=0.5",)),
    "turns, sizes and shifts": Part(training=("--augment=horizontal_flip,log_gamma=0.5,cutout=0.5",)),
    "cutout": Part(training=("--augment=rotation=20,zoom=0.2,shift=0.08,horizontal_flip,log_gamma=0.5",)),
    "skull-stripped patients": Part(records=("--phantom_rates=stripped=0",)),
    "matched histograms": Part(records=("--phantom_rates=matched=0",)),
    "other acquisitions after contrast": Part(records=("--phantom_rates=mismatch=0",)),
    "lesions and bright distractors": Part(records=("--phantom_rates=lesion=0,distractor=0",)),
    "all that is rare or hard": Part(records=("--phantom_kind=easy",)),
}
"""What the rows of the table leave out."""

_COLUMNS = (("AUC", "auc"), ("AUC matched", "auc_matched"), ("series AUC", "series_auc"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains and scores what is wanted, writes the figures, and prints the table."""
    options = _parse(arguments)
    runtime_plan.configure_environment()
    runs = {name: [_trained(options.workdir, PARTS[name], seed) for seed in options.seeds] for name in options.parts}
    found = {name: transfer.measure(seeds, options.real, PARTS[name].views) for name, seeds in runs.items()}
    text = "\n".join(table(found)) + "\n"
    (options.workdir / "ablation.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.workdir / "ablation.md").write_text(text)
    print(text, end="")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer.ablation", description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True, help="folder for all records, runs and figures")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1020, 1021], help="of training; records have 1020")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to leave out, one by one")
    return commands.parse(parser, arguments)


def _trained(workdir: Path, part: Part, seed: int) -> str:
    """Returns the workdir of a run that is without this part; what is there already is not made again."""
    records = workdir / "-".join(["records", *_words(part.records)])
    if not records.exists():
        commands.run("make_records", f"--flagfile={_FLAGFILE}", *part.records, f"--output_dir={records}")
    run = workdir / "-".join(["run", *_words(part.records + part.training), str(seed)])
    flags = (f"--flagfile={_FLAGFILE}", *part.training, f"--seed={seed}")
    commands.run("train", *flags, f"--records_dir={records}", f"--workdir={run}")
    return str(run)


def _words(flags: Sequence[str]) -> list[str]:
    """Returns what names a folder: the words of flags, without any other sign."""
    return "".join(sign if sign.isalnum() else " " for sign in " ".join(flags)).split()


def table(found: Mapping[str, Mapping[str, Sequence[Mapping]]]) -> Iterator[str]:
    """Yields the lines of a Markdown table: a row for each part, mean and standard deviation over seeds.

    Args:
        found: by part and source, the figures of each seed as `figures.summarize` gives them.
    """
    sources = list(next(iter(found.values())))
    titles = [f"{source}: {title}" for source in sources for title, _ in _COLUMNS]
    yield f"| left out | seeds | {' | '.join(titles)} |"
    yield "|---|---:|" + "---:|" * len(titles)
    for part, by_source in found.items():
        spread = {source: figures.mean_and_spread(rows) for source, rows in by_source.items()}
        cells = ["{:.3f} ± {:.3f}".format(*spread[source][name]) for source in sources for _, name in _COLUMNS]
        yield f"| {part} | {len(by_source[sources[0]])} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
