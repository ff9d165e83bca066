"""Scores of real slices to the figures that say how far a network transfers. NumPy only."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.evaluation.jackknife import auc_interval_by_group


@dataclasses.dataclass(frozen=True)
class Scored:
    """A network's answers on one source of images.

    Attributes:
        labels: (n,) 0 before contrast, 1 after it.
        series: (n,) name of each slice's series; a series has one label.
        patients: (n,) name of each slice's patient, or of whatever groups slices where patients are unknown.
        logits: (n,) of the slices.
        matched_logits: (n,) of the slices once their foreground histograms were matched to one reference.
    """

    labels: np.ndarray
    series: np.ndarray
    patients: np.ndarray
    logits: np.ndarray
    matched_logits: np.ndarray

    def without(self, patients: Collection[str]) -> "Scored":
        """Returns the answers on all other patients; a patient that is not here changes nothing."""
        kept = ~np.isin(self.patients, list(patients))
        return Scored(**{field.name: getattr(self, field.name)[kept] for field in dataclasses.fields(self)})


def summarize(scored: Scored, threshold: float) -> dict:
    """Returns the figures of one network on one source.

    Args:
        scored: its answers.
        threshold: logit above which a slice, or the mean of a series, is called post contrast.

    Returns:
        slices, series, patients: counts. auc, auc_matched: of slices. auc_ci95: by patients, None where there is none.
        slice_balanced_accuracy, series_balanced_accuracy: at the threshold. series_auc. pairs, pairs_in_order: patients
        with series of both classes, and those whose series after contrast all score above those before.
    """
    series = _per_series(scored)
    labels = np.array([label for label, _, _ in series])
    means = np.array([mean for _, _, mean in series])
    interval = auc_interval_by_group(scored.labels, scored.logits, scored.patients)
    pairs = _pairs(series)
    return {
        "slices": len(scored.labels),
        "series": len(series),
        "patients": len(set(scored.patients.tolist())),
        "auc": area(scored.labels, scored.logits),
        "auc_ci95": list(interval) if interval else None,
        "auc_matched": area(scored.labels, scored.matched_logits),
        "slice_balanced_accuracy": balanced_accuracy(scored.labels, scored.logits > threshold),
        "series_auc": area(labels, means),
        "series_balanced_accuracy": balanced_accuracy(labels, means > threshold),
        "pairs": len(pairs),
        "pairs_in_order": sum(pairs),
    }


def summarize_sources(sources: Mapping[str, Scored], threshold: float) -> dict[str, dict]:
    """Returns what `summarize` says of each source, and how far a threshold travels.

    Args:
        sources: a network's answers on two sources or more, by name.
        threshold: the network's own, as a logit.

    Returns:
        By source its figures, and series_balanced_accuracy_travelled: at the threshold that `choose_threshold` finds on
        the other sources, as someone would meet it whose scanner had no part in the choice.
    """
    found = {}
    for name, scored in sources.items():
        elsewhere = choose_threshold([other for key, other in sources.items() if key != name])
        travelled = summarize(scored, elsewhere)["series_balanced_accuracy"]
        found[name] = {**summarize(scored, threshold), "series_balanced_accuracy_travelled": travelled}
    return found


def mean_and_spread(figures: Sequence[Mapping]) -> dict[str, tuple[float, float]]:
    """Returns mean and standard deviation (n - 1; 0 for one network) of each figure that is a number, over networks."""
    names = [name for name, value in figures[0].items() if isinstance(value, (int, float))]
    columns = {name: np.array([each[name] for each in figures], np.float64) for name in names}
    return {
        name: (float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0)
        for name, values in columns.items()
    }


def choose_threshold(sources: Sequence[Scored]) -> float:
    """Returns the logit at which series are told apart best, each source counting the same.

    Of the middles between neighbouring means of series, the one with the largest mean of the sources' balanced
    accuracies; of several, the one in the middle of the widest gap.

    Args:
        sources: a network's answers; each source has series of both classes.
    """
    series = [_per_series(source) for source in sources]
    labels = [np.array([label for label, _, _ in each]) for each in series]
    means = [np.array([mean for _, _, mean in each]) for each in series]
    values = np.unique(np.concatenate(means))
    middles, gaps = (values[:-1] + values[1:]) / 2, np.diff(values)
    merits = [
        np.mean([balanced_accuracy(one, each > middle) for one, each in zip(labels, means, strict=True)])
        for middle in middles
    ]
    best = np.flatnonzero(np.isclose(merits, max(merits)))
    return float(middles[best[np.argmax(gaps[best])]])


def area(labels: np.ndarray, scores: np.ndarray) -> float:
    """Returns the AUC.

    Raises:
        ValueError: a class is missing.
    """
    components = auc_components(labels, scores)
    if components is None:
        raise ValueError("An AUC needs both classes.")
    return components.auc


def balanced_accuracy(labels: np.ndarray, answers: np.ndarray) -> float:
    """Returns the mean of sensitivity and specificity; both classes must be there."""
    labels, answers = np.asarray(labels), np.asarray(answers)
    return float(np.mean([(answers[labels == label] == label).mean() for label in (0, 1)]))


def _per_series(scored: Scored) -> list[tuple[int, str, float]]:
    """Returns label, patient and mean logit of each series, in the order of their names."""
    rows = []
    for name in sorted(set(scored.series.tolist())):
        mine = scored.series == name
        rows.append((int(scored.labels[mine][0]), str(scored.patients[mine][0]), float(scored.logits[mine].mean())))
    return rows


def _pairs(series: Sequence[tuple[int, str, float]]) -> list[bool]:
    """Returns, for each patient with series of both classes, whether all after contrast score above all before."""
    found = []
    for patient in sorted({patient for _, patient, _ in series}):
        before, after = (
            [mean for label, who, mean in series if (label, who) == (wanted, patient)] for wanted in (0, 1)
        )
        if before and after:
            found.append(min(after) > max(before))
    return found
