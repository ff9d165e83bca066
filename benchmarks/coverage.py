"""How often 95 % intervals hold the truth where slices share patients: `python -m benchmarks.coverage`.

Studies are drawn whose truth is known. A slice's score is that of its patient plus its own, both normal, plus a shift
after contrast; so the AUC of slices of different patients, and the sensitivity at the middle threshold, follow from the
normal distribution. An interval is good when it holds the truth in 95 of 100 studies; one that takes the slices of a
patient for independent answers is too narrow and holds it less often.
"""

import argparse
import dataclasses
import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.evaluation.auc import auc_interval
from contrast_tfdata.evaluation.bootstrap import auc_bootstrap_interval
from contrast_tfdata.evaluation.jackknife import auc_interval_by_group
from contrast_tfdata.evaluation.metrics import wilson_interval
from contrast_tfdata.evaluation.series import per_series

STUDIES = 2000
_NORMAL = NormalDist()
Interval = tuple[float, float] | list[float] | None


@dataclasses.dataclass(frozen=True)
class Design:
    """How a study is made.

    Attributes:
        name: for the table.
        patients: in a study.
        both_series: each patient has a series before and one after contrast; else half of them have the one and half
            the other.
        slices: of a series.
        auc: of slices of different patients.
        shared: part of a score's variance that the slices of a patient share, in [0, 1].
    """

    name: str
    patients: int
    both_series: bool = False
    slices: int = 10
    auc: float = 0.9
    shared: float = 0.5

    @property
    def shift(self) -> float:
        """Distance of the classes in standard deviations of a slice."""
        return math.sqrt(2) * _NORMAL.inv_cdf(self.auc)

    @property
    def sensitivity(self) -> float:
        """Of slices, at the threshold halfway between the classes."""
        return _NORMAL.cdf(self.shift / 2)

    @property
    def series_sensitivity(self) -> float:
        """The same of series, by the mean of their slices."""
        return _NORMAL.cdf(self.shift / 2 / math.sqrt(self.shared + (1 - self.shared) / self.slices))

    def draw(self, rng: np.random.Generator) -> Predictions:
        """Returns one study."""
        if self.both_series:
            patient, label = np.repeat(np.arange(self.patients), 2), np.tile([0, 1], self.patients)
        else:
            patient, label = np.arange(self.patients), np.arange(self.patients) % 2
        series = np.repeat(np.arange(len(patient)), self.slices)
        patient, label = patient[series], label[series]
        own = rng.normal(0, math.sqrt(1 - self.shared), len(series))
        of_patient = rng.normal(0, math.sqrt(self.shared), self.patients)
        logit = of_patient[patient] + own + self.shift * (label - 0.5)
        names = tuple(map(str, range(len(series))))
        return Predictions(
            tuple(f"{each}.nii" for each in series),
            np.arange(len(series)),
            names,
            tuple(map(str, patient)),
            label,
            logit,
        )


DESIGNS = (
    Design("60 patients, one series each", 60),
    Design("60 patients, both series each", 60, both_series=True),
    Design("20 patients, one series each", 20),
    Design("20 patients, both series each", 20, both_series=True),
    Design("60 patients, AUC 0.97", 60, auc=0.97),
)


def _by_slice(study: Predictions) -> Interval:
    return auc_interval(study.label, study.logit)


def _by_variance(study: Predictions) -> Interval:
    return auc_interval(study.label, study.logit, np.array(study.group))


def _by_group(study: Predictions) -> Interval:
    return auc_interval_by_group(study.label, study.logit, np.array(study.group))


def _by_bootstrap(study: Predictions) -> Interval:
    return auc_bootstrap_interval(study.label, study.logit, np.array(study.group))


def _sensitivity(study: Predictions) -> Interval:
    found = study.logit[study.label == 1] > 0
    return wilson_interval(int(found.sum()), len(found))


def _series_sensitivity(study: Predictions) -> Interval:
    return _sensitivity(per_series(study))


INTERVALS: dict[str, tuple[Callable[[Predictions], Interval], Callable[[Design], float]]] = {
    "AUC, slices as independent (DeLong)": (_by_slice, lambda design: design.auc),
    "AUC, variance by group (Obuchowski)": (_by_variance, lambda design: design.auc),
    "AUC, groups left out in turn (jackknife)": (_by_group, lambda design: design.auc),
    "AUC, groups drawn anew (bootstrap)": (_by_bootstrap, lambda design: design.auc),
    "Sensitivity of slices (Wilson)": (_sensitivity, lambda design: design.sensitivity),
    "Sensitivity of series (Wilson)": (_series_sensitivity, lambda design: design.series_sensitivity),
}
"""Each kind of interval with the truth that it should hold."""


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How an interval did.

    Attributes:
        interval: its name in `INTERVALS`.
        share: of the studies with an interval, in which it held the truth.
        too_low: share of them in which it lay below the truth altogether.
        too_high: share of them in which it lay above the truth altogether.
        width: its mean.
        undefined: number of studies without one.
    """

    interval: str
    share: float
    too_low: float
    too_high: float
    width: float
    undefined: int


def measure(design: Design, studies: int, seed: int = 0, intervals: Sequence[str] = tuple(INTERVALS)) -> list[Coverage]:
    """Returns how often each interval holds the truth over many studies of one design."""
    rng = np.random.default_rng(seed)
    found = {name: [] for name in intervals}
    for _ in range(studies):
        study = design.draw(rng)
        for name, each in found.items():
            each.append(INTERVALS[name][0](study))
    return [_coverage(name, each, INTERVALS[name][1](design)) for name, each in found.items()]


def _coverage(name: str, found: Sequence[Interval], truth: float) -> Coverage:
    bounds = np.array([each for each in found if each is not None])
    low, high = bounds[:, 0], bounds[:, 1]
    shares = (float(np.mean(each)) for each in ((low <= truth) & (truth <= high), high < truth, low > truth))
    return Coverage(name, *shares, float(np.mean(high - low)), len(found) - len(bounds))


def table(design: Design, rows: Sequence[Coverage], studies: int) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = [
        f"{design.name}: {studies} studies of {design.slices} slices a series, AUC {design.auc}, "
        f"{design.shared:.0%} of a score's variance shared",
        "",
        "| interval | holds the truth | all below it | all above it | mean width | none |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    return lines + [
        f"| {row.interval} | {row.share:.1%} | {row.too_low:.1%} | {row.too_high:.1%} | "
        f"{row.width:.3f} | {row.undefined} |"
        for row in rows
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures all designs and prints their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=STUDIES, help="drawn for each design")
    options = parser.parse_args(arguments)
    for design in DESIGNS:
        print("\n".join(table(design, measure(design, options.studies), options.studies)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
