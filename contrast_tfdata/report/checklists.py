"""Where a run answers what reporting guidelines ask, and what is left for the author of a study.

Sources:
    CLAIM 2024: A. S. Tejani et al., Radiology: Artificial Intelligence 6 (2024) e240300, 44 items.
    TRIPOD+AI: G. S. Collins et al., BMJ 385 (2024) e078378, 27 items.
The topics are named in words of our own; the guidelines themselves say what each asks for.
"""

import dataclasses

from contrast_tfdata.evaluation import Metrics

FOR_THE_AUTHOR = "for the author"
"""Where an item is answered that no program can answer."""


@dataclasses.dataclass(frozen=True)
class Item:
    """A topic that a reader of a study expects.

    Attributes:
        claim: number of its item in CLAIM 2024.
        tripod: its item in TRIPOD+AI, "" where that has none of its own.
        topic: what it is about.
        where: where the run answers it.
    """

    claim: int
    tripod: str
    topic: str
    where: str


def checklist(metrics: Metrics, *, patients_known: bool, group_rule: str) -> tuple[Item, ...]:
    """Returns the items of CLAIM 2024 in their order, and where this run answers each.

    Args:
        metrics: what `evaluation.summarize` returned: what was not measured is said to be missing.
        patients_known: whether the records tell patients apart.
        group_rule: what the records promise of a group and their splits, as `findings.group_rule` says it.
    """
    where = {**_ALWAYS, **_depending(metrics, patients_known, group_rule)}
    return tuple(Item(number, tripod, topic, where[number]) for number, tripod, topic in _TOPICS)


_TOPICS = (
    (1, "1", "Title names the kind of AI"),
    (2, "2", "Structured abstract"),
    (3, "3", "Background and intended use"),
    (4, "4", "Aims and hypotheses"),
    (5, "5b", "Prospective or retrospective"),
    (6, "4", "Goal of the study"),
    (7, "5a", "Sources of the data"),
    (8, "6b", "Inclusion and exclusion"),
    (9, "7", "Preprocessing"),
    (10, "7", "Parts of images that were used"),
    (11, "17", "De-identification"),
    (12, "11", "Missing data"),
    (13, "9", "Acquisition"),
    (14, "8a", "Reference standard: how classes were told"),
    (15, "8a", "Reference standard: why that one"),
    (16, "8b", "Who labelled"),
    (17, "8c", "Labels of the test set"),
    (18, "8b", "Agreement between labellers"),
    (19, "12a", "How data were divided"),
    (20, "12a", "At which level the parts are disjoint"),
    (21, "10", "Sample size"),
    (22, "12c, 22", "The model"),
    (23, "18f", "Software"),
    (24, "12c", "Initial weights"),
    (25, "12c, 13", "Training, classes of unequal size"),
    (26, "12c", "Which model was kept"),
    (27, "12c", "Ensembles"),
    (28, "12e", "Measures of performance"),
    (29, "12e", "Uncertainty"),
    (30, "12e", "Robustness"),
    (31, "12c", "Explanation"),
    (32, "16", "Internal evaluation"),
    (33, "16", "External evaluation"),
    (34, "18c", "Registration"),
    (35, "20a", "Numbers included and excluded"),
    (36, "20b, 14", "Who the patients were, fairness"),
    (37, "23a", "Performance with its uncertainty"),
    (38, "23a, 15", "Sensitivity and specificity at the threshold"),
    (39, "23b", "What went wrong"),
    (40, "26", "Limits"),
    (41, "25, 27", "What it means for practice"),
    (42, "18b", "Protocol"),
    (43, "18d, 18e, 18f", "Availability of data, code and weights"),
    (44, "18a", "Funding"),
)

_ALWAYS = {
    **dict.fromkeys((1, 2, 4, 5, 6, 15, 16, 17, 18, 21, 33, 34, 42, 44), FOR_THE_AUTHOR),
    3: "Intended use, above; the rest for the author",
    7: "report.html, Data and split; where the files come from, for the author",
    8: "rejected.csv of the records: each file that was left out, and why; other rules for the author",
    9: "model.json, preprocessing",
    10: "of volumes, what --slice_range and --slice_step of make_records say; for the author",
    11: "patients are hashes in records, tables and pages; what the pixels show, for the author",
    12: "a file without a class is refused; manifest.json counts what was rejected",
    13: FOR_THE_AUTHOR,
    14: "the class folder or the table's column label; how it was told, for the author",
    19: "report.html, Data and split; manifest.json, split_rule",
    22: "Model, above; all parameters are in model/",
    23: "environment.json",
    24: "flags.txt, init_weights and seed",
    25: "flags.txt; history.csv",
    26: "flags.txt, final_weights",
    27: "Model, above: the views of a slice that are averaged; one network",
    28: "Result, above; metrics.json",
    31: "report.html, maps over the pictures of errors",
    32: "Result, above",
    37: "Result, above; metrics.json",
    38: "Result, above; report.html, confusion matrices",
    40: "Limits, above",
    41: "Intended use, above; the rest for the author",
    43: "Loading it, above; the rest for the author",
}


def _depending(metrics: Metrics, patients_known: bool, group_rule: str) -> dict[int, str]:
    scored = [metrics[split] for split in ("test", "validation") if metrics.get(split)]
    figures = scored[0] if scored else {}
    robust = "When slices change, above" if figures.get("robustness") else "not measured: evaluate --robustness"
    parts = "Parts of the data, above; " if figures.get("subgroups") else ""
    level = f"patients: {group_rule}" if patients_known else "patients are unknown"
    return {
        20: f"Data, above; {level}",
        29: "Result, above: 95% intervals" if scored else "nothing was scored",
        30: robust,
        36: f"{parts}the rest {FOR_THE_AUTHOR}" if parts else FOR_THE_AUTHOR,
        35: "Data, above; rejected.csv of the records",
        39: "report.html, misclassified slices and labels to look at again" if scored else "nothing was scored",
    }
