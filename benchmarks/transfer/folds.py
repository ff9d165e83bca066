"""Who is trained on and who is left out, and what came of it as a table. NumPy only."""

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.transfer.figures import Scored, mean_and_spread

FIGURES = (
    ("AUC", "auc"),
    ("AUC matched", "auc_matched"),
    ("series bal. acc.", "series_balanced_accuracy"),
)
"""Title of a column, and the figure of `figures.summarize` in it."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one trained network did on patients that it was not trained on.

    Attributes:
        trained_on: source of its real patients.
        patients: how many these were.
        tested_on: source of the patients left out.
        figures: of the trained network, as `figures.summarize` gives them.
        before: of the weights that it began with, on the same patients.
    """

    trained_on: str
    patients: int
    tested_on: str
    figures: Mapping
    before: Mapping


def units(classes: Mapping[str, set[int]], seed: int) -> list[tuple[str, ...]]:
    """Returns what counts as one patient to train on, in an order that the seed draws.

    A patient with series of both classes is one. Of patients with one class only, one of each class are taken together,
    since a network learns nothing from one class; those that are left over are never trained on.

    Args:
        classes: by patient, the classes of its series.
        seed: of the order.
    """
    draw = random.Random(seed)
    both = [(name,) for name in sorted(classes) if len(classes[name]) == 2]
    single = [[name for name in sorted(classes) if classes[name] == {label}] for label in (0, 1)]
    for names in single:
        draw.shuffle(names)
    found = both + list(zip(*single, strict=False))
    draw.shuffle(found)
    return found


def training_sets(found: Sequence[tuple[str, ...]], patients: int, most: int) -> list[frozenset[str]]:
    """Returns the names that each fold is trained on: `patients` units in a row, the last one followed by the first.

    The rows begin at up to `most` evenly spaced places, so that units are trained on about equally often, and where
    there are enough units no two folds share one.

    Args:
        found: as `units` returns them.
        patients: units in a fold; with 0 there is one fold, of nobody, with more than there are none.
        most: folds at the most.
    """
    count = len(found)
    if patients > count:
        return []
    starts = dict.fromkeys(fold * count // most for fold in range(most)) if 0 < patients < count else [0]
    return [frozenset(name for step in range(patients) for name in found[(start + step) % count]) for start in starts]


def left_out(scored: Scored, trained_on: frozenset[str]) -> Scored | None:
    """Returns the answers on all other patients; None where those lack a class."""
    rest = scored.without(trained_on)
    return rest if set(rest.labels.tolist()) == {0, 1} else None


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yields the lines of a Markdown table: mean and standard deviation over folds, and how much was gained.

    A gain is the mean over folds of the difference to the weights before, on the same patients.
    """
    titles = " | ".join(f"{title} | gain" for title, _ in FIGURES)
    yield f"| trained on | patients | tested on others of | folds | {titles} |"
    yield "|---|---:|---|---:|" + "---:|---:|" * len(FIGURES)
    rows: dict[tuple, list[Outcome]] = {}
    for each in outcomes:
        rows.setdefault((each.trained_on, each.patients, each.tested_on), []).append(each)
    names = [name for _, name in FIGURES]
    for (trained_on, patients, tested_on), outcomes_of_row in rows.items():
        after = mean_and_spread([{name: each.figures[name] for name in names} for each in outcomes_of_row])
        gain = mean_and_spread(
            [{name: each.figures[name] - each.before[name] for name in names} for each in outcomes_of_row]
        )
        folds = len(outcomes_of_row)
        cells = (cell for name in names for cell in _cells(after[name], gain[name], patients, folds))
        yield f"| {trained_on} | {patients} | {tested_on} | {folds} | " + " | ".join(cells) + " |"


def _cells(after: tuple[float, float], gain: tuple[float, float], patients: int, folds: int) -> tuple[str, str]:
    spread = " ± {:.3f}" if folds > 1 else ""
    return (
        f"{after[0]:.3f}" + spread.format(after[1]),
        f"{gain[0]:+.3f}" + spread.format(gain[1]) if patients else "",
    )
