"""What the page and the model card both say, by the names that their templates use."""

from collections.abc import Iterator, Mapping
from typing import Any

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.report import findings, headline, origin
from contrast_tfdata.report.description import RunDescription


def context(metrics: Metrics, run: RunDescription) -> dict[str, Any]:
    """Returns what is said about a run and its figures.

    Args:
        metrics: what `evaluation.summarize` returned.
        run: the run.
    """
    split = findings.main_split(metrics)
    unit = "patients" if run.patients_known else "groups"
    return {
        "run": run,
        "origin": origin.sentences(metrics, split, run),
        "summary": headline.summary(metrics, split, run),
        "caveats": findings.caveats(metrics, run),
        "splits": findings.present_splits(metrics),
        "main_split": split,
        "metric_rows": findings.metric_rows(metrics, unit),
        "series_rows": findings.series_rows(metrics, unit),
        "certainty_sentences": findings.certainty_sentences(metrics),
        "scaled_rows": findings.scaled_rows(metrics),
        "confounder_rows": findings.confounder_rows(metrics),
        "confounder_sentence": findings.confounder_sentence(metrics),
        "robustness_rows": findings.robustness_rows(metrics),
        "subgroup_rows": findings.subgroup_rows(metrics),
        "data_rows": split_rows(metrics, run),
        "unit": unit,
        "group_rule": findings.group_rule(run),
        "model_facts": list(flat(run.model)),
    }


def flat(values: Mapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields name and text of every value, nested names joined by dots, empty values left out."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            if value:
                yield name, ", ".join(map(str, value))
        elif value is not None and value != "":
            yield name, str(value)


def split_rows(metrics: Metrics, run: RunDescription) -> list[dict]:
    """Returns the lines of the table of splits: cells are slices, those of each class, and patients, likewise."""
    return [
        {"name": name, "cells": [{"value": value} for value in _split_cells(split, _patients(name, metrics, run))]}
        for name, split in run.manifest.get("splits", {}).items()
    ]


def _split_cells(split: Mapping, patients: Mapping[str, int]) -> list[object]:
    slices = [split.get("classes", {}).get(name, "unknown") for name in CLASS_NAMES]
    holders = [patients.get(name, "not counted") for name in CLASS_NAMES]
    return [split.get("records", "unknown"), *slices, split.get("groups", "unknown"), *holders]


def _patients(split: str, metrics: Metrics, run: RunDescription) -> Mapping[str, int]:
    """Returns how many patients have slices of each class, where they were counted: of a split that was scored."""
    if split == "train":
        return run.training_patients_by_class or {}
    return (metrics.get(split) or {}).get("num_groups_by_class") or {}
