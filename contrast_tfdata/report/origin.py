"""What a network learned from and what it is scored on, in the sentences that a page begins with."""

from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.wording import plural

FEWEST_PATIENTS = 50
"""With fewer, each patient is more than 2 % of what a figure rests on."""


def sentences(metrics: Metrics, split: str | None, run: RunDescription) -> list[str]:
    """Returns what was learned from, what was scored, and whether patients are known.

    Args:
        metrics: what `evaluation.summarize` returned.
        split: the one to be judged by; None where nothing was scored.
        run: the run.
    """
    scored = []
    if split:
        counted = _counted(metrics[split]["num_examples"], metrics[split]["num_groups"], run)
        scored = [f"It is scored on {counted}: the {split} split."]
    return [_learned_from(run), *scored, _whether_patients_are_known(run)]


def caveats(metrics: Metrics, split: str | None, run: RunDescription) -> list[str]:
    """Returns why figures on these patients may not hold for others."""
    found = []
    if run.is_synthetic:
        found.append(
            "The patients are synthetic: a program drew the images. The figures do not say how well the network works "
            "on scans of real patients."
        )
    patients = metrics[split]["num_groups"] if split and run.patients_known else None
    if patients and patients < FEWEST_PATIENTS:
        found.append(
            f"The {split} split has only {plural(patients, 'patient')}. On other patients the figures may differ much."
        )
    return found


def _learned_from(run: RunDescription) -> str:
    began = run.flags.get("init_weights")
    start = f" It began with the weights of {began}." if began else ""
    train = run.manifest.get("splits", {}).get("train")
    if run.was_trained_here and train:
        mixed = run.synthetic_share if run.synthetic_share and not run.is_synthetic else 0
        beside = f" Beside them, {mixed:.0%} of each batch were synthetic slices." if mixed else ""
        return f"The network learned from {_counted(train['records'], train['groups'], run)}.{beside}{start}"
    return f"{_BY_SHARE.get(run.synthetic_share, _MIXED)}{start}"


_MIXED = "The network learned from image files and from synthetic patients."
_BY_SHARE = {
    None: "It is not recorded whether the network learned from synthetic patients.",
    0.0: "The network learned from image files, not from synthetic patients.",
    1.0: "The network learned from synthetic patients only: a program drew their images.",
}


def _counted(slices: int, patients: int | None, run: RunDescription) -> str:
    # Of files nobody knows whether a scanner made them, so nothing is called real.
    kind = "synthetic patient" if run.is_synthetic else "patient"
    if run.patients_known and patients:
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
        return "Patients are known: no patient is in two splits."
    return "Patients are known, but nothing kept a patient from being in two splits."
