"""What a network learned from and what it is scored on, in the sentences that a page begins with."""

from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.model import pretrained
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.wording import plural


def sentences(metrics: Metrics, split: str | None, run: RunDescription) -> list[str]:
    """Returns what was learned from, what was scored, and whether patients are known.

    Args:
        metrics: what `evaluation.summarize` returned.
        split: the one to be judged by; None where nothing was scored.
        run: the run.
    """
    scored = []
    if split:
        numbers = metrics[split]
        patients = numbers["num_groups"] if run.patients_known else None
        counted = _counted(numbers["num_examples"], patients, synthetic=bool(run.is_synthetic))
        scored = [f"It is scored on {counted}: the {split} split."]
    return [_learned_from(run), *scored, _whether_patients_are_known(run)]


def caveats(run: RunDescription) -> list[str]:
    """Returns why figures on these patients may not hold for others."""
    if not run.is_synthetic:
        return []
    return [
        "The patients are synthetic: a program drew the images. The figures do not say how well the network works on "
        "scans of real patients."
    ]


def _learned_from(run: RunDescription) -> str:
    return f"The network learned from {_training_data(run)}.{_start(run)}" if _is_told(run) else _NOT_TOLD + _start(run)


_NOT_TOLD = "It is not recorded whether the network learned from synthetic patients."


def _is_told(run: RunDescription) -> bool:
    return run.synthetic_share is not None or run.training_slices is not None


def _training_data(run: RunDescription) -> str:
    """Returns what a network learned from, after "learned from"."""
    share, all_synthetic = run.synthetic_share or 0.0, run.synthetic_share == 1.0
    mixed = f", and from synthetic slices, {share:.0%} of each batch" if 0 < share < 1 else ""
    if run.training_slices:
        return _counted(run.training_slices, run.training_patients, synthetic=all_synthetic) + mixed
    if all_synthetic:
        return "synthetic patients only: a program drew their images"
    if mixed:
        return "image files and from synthetic patients"
    return "image files" if run.init_weights else "image files, not from synthetic patients"


def _start(run: RunDescription) -> str:
    if not run.init_weights:
        return ""
    if pretrained.is_shipped(run.init_weights):
        return " It began with the weights in this package, which learned from synthetic patients only."
    return f" It began with the weights of {run.init_weights}."


def _counted(slices: int, patients: int | None, *, synthetic: bool) -> str:
    # Of files nobody knows whether a scanner made them, so nothing is called real.
    kind = "synthetic patient" if synthetic else "patient"
    if patients:
        return f"{plural(slices, 'slice')} of {plural(patients, kind)}"
    return f"{plural(slices, 'slice')} of an unknown number of {kind}s"


def _whether_patients_are_known(run: RunDescription) -> str:
    if not run.patients_known:
        same = (
            "slices of one patient may be in training and in another split, too"
            if run.was_trained_here
            else ("nobody can say which slices are of the same patient")
        )
        return f"Patients are not known: {same}."
    if run.keeps_groups_apart:
        if any(text.startswith("NEAR-DUPLICATES") for text in (*run.warnings, *run.manifest.get("warnings", ()))):
            return (
                "Patients are known: no patient is in two splits, as far as their names tell. But files of different "
                "patients in different splits look alike and may be of one person."
            )
        return "Patients are known: no patient is in two splits."
    return "Patients are known, but nothing kept a patient from being in two splits."
