"""Whether answers are of use: better than guessing, better than always the commoner class, on enough patients."""

from collections.abc import Iterator, Mapping

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.report.words import CLASS_WORDS
from contrast_tfdata.wording import plural

FEWEST_OF_CLASS = 25
"""Patients of a class, below which each is more than 4 % of what sensitivity or specificity rests on."""
FEWEST_PATIENTS = 50
"""Of both classes together, likewise: each is more than 2 % of what a figure rests on."""


def warnings(split: str, numbers: Mapping, *, patients_known: bool) -> list[str]:
    """Returns why the answers to a split may be of no use, the worst first; none of a split with one class.

    Args:
        split: its name.
        numbers: its figures, as `evaluation.summarize` gives them.
        patients_known: whether each group is a patient.
    """
    if numbers["auc"] is None:
        return []
    found = [_of_answers(split, numbers, patients_known), _of_ranking(split, numbers, patients_known)]
    return [*filter(None, found), *_of_few(split, numbers, patients_known)]


def interval_that_counts(numbers: Mapping, *, patients_known: bool) -> list[float] | None:
    """Returns the AUC's 95 % interval by patients where these are known, else by slices; None where there is none."""
    return numbers.get("auc_ci95_by_group") if patients_known else numbers.get("auc_ci95")


def patients_of_class(numbers: Mapping) -> dict[str, int] | None:
    """Returns how many patients have slices of each class; None where unknown, or not counted by an earlier version."""
    return numbers.get("num_groups_by_class")


def _separates(numbers: Mapping, patients_known: bool) -> bool:
    """Whether scores are higher after contrast by more than chance would explain."""
    bounds = interval_that_counts(numbers, patients_known=patients_known)
    return bounds[0] > 0.5 if bounds else numbers["auc"] == 1


def _of_answers(split: str, numbers: Mapping, patients_known: bool) -> str | None:
    """Returns what is wrong with the answers at the threshold."""
    (right_before, wrong_before), (wrong_after, right_after) = numbers["confusion_matrix"]
    called = right_before + wrong_after, wrong_before + right_after
    separates = _separates(numbers, patients_known)
    if not all(called):
        always = CLASS_WORDS[CLASS_NAMES[int(called[1] > 0)]]
        meaning = (
            f"the threshold does not fit these slices, although its scores separate the classes (AUC "
            f"{numbers['auc']:.3f})"
            if separates
            else "it has learned nothing that can be used"
        )
        return f"At its threshold the network calls every {split} slice {always}: {meaning}."
    if numbers["accuracy"] > numbers["majority_accuracy"]:
        return None
    commoner = int(wrong_after + right_after > right_before + wrong_before)
    advice = "Judge by sensitivity and specificity" if separates else "These answers show no use of the network"
    return (
        f"On {split} {numbers['accuracy']:.1%} of the answers are right. Always answering "
        f"{CLASS_WORDS[CLASS_NAMES[commoner]]} would be right for {numbers['majority_accuracy']:.1%}. {advice}."
    )


def _of_ranking(split: str, numbers: Mapping, patients_known: bool) -> str | None:
    """Returns that the scores may be guesses."""
    bounds = interval_that_counts(numbers, patients_known=patients_known)
    if _separates(numbers, patients_known):
        return None
    if bounds is None:
        return f"The AUC on {split} is not above 0.5: that is guessing." if numbers["auc"] <= 0.5 else None
    return (
        f"The AUC on {split}, {numbers['auc']:.3f}, cannot be told from guessing: its 95% interval, "
        f"{bounds[0]:.3f} to {bounds[1]:.3f}, reaches down to 0.5 or below."
    )


def _of_few(split: str, numbers: Mapping, patients_known: bool) -> Iterator[str]:
    """Yields of which class there is too little to tell much, or that all patients together are few."""
    slices = [sum(row) for row in numbers["confusion_matrix"]]
    patients = patients_of_class(numbers) if patients_known else None
    counted = list(patients.values()) if patients else slices
    scarce = min(range(len(CLASS_NAMES)), key=lambda label: counted[label])
    if counted[scarce] < FEWEST_OF_CLASS:
        of = f" of {plural(counted[scarce], 'patient')}" if patients else ""
        yield (
            f"The {split} split has only {plural(slices[scarce], 'slice')}{of} {CLASS_WORDS[CLASS_NAMES[scarce]]}. On "
            "other patients the figures may differ much."
        )
    elif patients_known and (numbers["num_groups"] or FEWEST_PATIENTS) < FEWEST_PATIENTS:
        yield (
            f"The {split} split has only {plural(numbers['num_groups'], 'patient')}. On other patients the figures may "
            "differ much."
        )
