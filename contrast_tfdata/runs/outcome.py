"""What train and evaluate leave in a folder: predictions, metrics, report, model, and what is needed to repeat them."""

import contextlib
import dataclasses
import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from contrast_tfdata import __version__, report
from contrast_tfdata.evaluation import Choices, Metrics, SplitScores, summarize
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.label_review import SUSPECTS_FILE, write_suspects
from contrast_tfdata.model import pretrained
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.model.views import PLAIN
from contrast_tfdata.model.weights import NetworkWeights, load_description, save_model
from contrast_tfdata.pipeline import folds
from contrast_tfdata.records.manifest import Manifest
from contrast_tfdata.report import findings, threshold
from contrast_tfdata.scoring import carried
from contrast_tfdata.scoring.evidence import evidence_maps
from contrast_tfdata.scoring.lineage import LearnedFrom
from contrast_tfdata.scoring.splits import Scorer, are_synthetic, gate_around, read_images
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.wording import plural

_PACKAGES = ("tensorflow", "tensorflow-addons", "keras", "tf_keras", "onnxruntime", "numpy", "scikit-learn", "pillow")
"""Those of them that are installed: Addons or tf_keras are, as Python is older or newer."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A folder that holds what became of a network on some records.

    Attributes:
        directory: the folder; made where it does not exist.
        records_dir: the records.
        manifest: theirs.
        plan: how the network was trained; None where it was not trained here.
        batch_size: slices in memory at once.
        command: what stands after `python -m` to repeat what was done.
        views: a slice's logit is the mean over these views of it.
        leakage: why the network may have been trained on patients that it is scored on (see `scoring.lineage`).
        learned_from: what the network learned from, as far as it is known.
        warnings: of the records, those that matter for this network.
    """

    directory: Path
    records_dir: Path
    manifest: Manifest
    plan: RuntimePlan | None
    batch_size: int
    command: tuple[str, ...] = ()
    views: tuple[str, ...] = PLAIN
    leakage: tuple[str, ...] = ()
    learned_from: LearnedFrom = LearnedFrom()
    warnings: tuple[str, ...] = ()

    def write_provenance(self, flags_text: str) -> None:
        """Writes flags.txt and environment.json: what it takes to repeat the run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with replacing(self.directory / "flags.txt") as file:
            file.write(flags_text)
        self._write_json("environment.json", self._environment())

    def announce(self, console: Console) -> None:
        """Says how the network will be trained, and what the records and the network's origin warn of."""
        for reason in self.plan.reasons if self.plan else ():
            console.print(f"plan: {reason}")
        for warning in (*self.warnings, *self.leakage):
            console.print(f"warning: {warning}")

    def scorer(self, networks: Sequence[NetworkWeights]) -> Scorer:
        """Returns networks as what scores these records."""
        return Scorer(networks, self.records_dir, self.manifest, batch_size=self.batch_size, views=self.views)

    def summarize(
        self,
        validation: SplitScores | None,
        test: SplitScores | None,
        *,
        choices: Choices | None = None,
        criterion: str = "accuracy",
        max_error: float = DEFAULT_MAX_ERROR,
    ) -> Metrics:
        """Writes metrics.json and tables of slices; settles on validation what was not settled before."""
        metrics = summarize(validation, test, choices, criterion=criterion, max_error=max_error)
        scored = {"validation": validation, "test": test}
        self._write_json("metrics.json", metrics)
        for split, scores in scored.items():
            path = self.directory / f"predictions-{split}.csv"
            if scores is None:
                path.unlink(missing_ok=True)  # of an earlier run here
            else:
                scores.predictions.write_csv(path, metrics["operating_point"]["threshold"])
        found = {split: scores.predictions for split, scores in scored.items() if scores is not None}
        write_suspects(self.directory / SUSPECTS_FILE, found)
        return metrics

    def save_model(self, weights: NetworkWeights, metrics: Metrics, flags: Mapping[str, object]) -> None:
        """Writes model/: weights and everything that prediction needs."""
        description = {
            "preprocessing": self.manifest.preprocessing,
            **{key: metrics[key] for key in ("operating_point", "indeterminate_band", "temperature")},
            "input_gate": gate_around(self.records_dir, self.manifest, "train").to_dict(),
            "class_names": list(self.manifest.class_names),
            "views": list(self.views),
            "records": self.manifest.fingerprint,
            "patients_known": self.manifest.patients_known,
            "synthetic_share": self.learned_from.synthetic_share,
            "training_slices": self.learned_from.training_slices,
            "training_patients": self.learned_from.training_patients,
            "flags": dict(flags),
        }
        save_model(self.directory / "model", weights, description)

    def write_report(
        self,
        metrics: Metrics,
        validation: SplitScores | None,
        test: SplitScores | None,
        history: Sequence[Mapping[str, float]],
        flags: Mapping[str, object],
        networks: Sequence[NetworkWeights],
        console: Console,
    ) -> Path:
        """Writes figures/, report.html and MODEL_CARD.md; returns the path of the page."""
        run = report.RunDescription(
            title="Pre- or post-contrast sagittal T1",
            command=self.command,
            flags=flags,
            environment=self._environment(),
            manifest=json.loads(self.manifest.to_text()) | {"warnings": list(self.warnings)},
            model={
                "network": "ContrastNet" if len(networks) == 1 else f"{len(networks)} ContrastNets",
                "parameters": sum(each.num_parameters for each in networks),
                "weights_sha256": ", ".join(each.sha256 for each in networks),
                "precision": self.plan.precision if self.plan else "float32",
                "views": self.views,
            },
            warnings=self.warnings,
            leakage=self.leakage,
            is_synthetic=are_synthetic(self.records_dir, self.manifest),
            training_patients_by_class=self._training_patients_by_class(),
            **dataclasses.asdict(self.learned_from),
            was_trained_here=self.plan is not None,
        )
        scored = validation and validation.predictions, test and test.predictions
        images = self._images(report.pictures_wanted(metrics, *scored, patients_known=self.manifest.patients_known))
        page = report.write_report(
            self.directory,
            metrics=metrics,
            validation=scored[0],
            test=scored[1],
            history=history,
            images=images,
            maps=self._maps(networks, images),
            run=run,
            warn=lambda text: console.print(f"warning: {text}"),
        )
        report.write_model_card(self.directory / "MODEL_CARD.md", metrics=metrics, run=run)
        return page

    def _training_patients_by_class(self) -> dict[str, int] | None:
        """Returns how many patients were trained on with slices of each class; None where that was not done here."""
        if self.plan is None or not self.manifest.patients_known:
            return None
        held = folds.count_slices(self.records_dir, self.manifest.splits["train"])
        return {name: sum(own == label for _, own in held) for label, name in enumerate(self.manifest.class_names)}

    def _images(self, wanted: Mapping[str, Collection[str]]) -> dict[str, np.ndarray]:
        images = {}
        for split, example_ids in wanted.items():
            images |= read_images(self.records_dir, self.manifest, split, example_ids)
        return images

    def _maps(self, networks: Sequence[NetworkWeights], images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not images:
            return {}
        maps = evidence_maps(networks, np.stack(list(images.values())), self.views)
        return dict(zip(images, maps, strict=True))

    def _environment(self) -> dict:
        return {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "devices": [device.name for device in tf.config.list_physical_devices()],
            "packages": {"contrast_tfdata": __version__, **_installed_packages()},
            "plan": self.plan and {**dataclasses.asdict(self.plan), "reasons": list(self.plan.reasons)},
            "records": self.manifest.fingerprint,
        }

    def _write_json(self, name: str, content: Mapping) -> None:
        with replacing(self.directory / name) as file:
            json.dump(content, file, indent=2, allow_nan=False)
            file.write("\n")


def _installed_packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def say_findings(metrics: Metrics, manifest: Manifest, console: Console) -> None:
    """Says whether the answers are of use, and what scores that look at no anatomy reach; the worst comes first."""
    for warning in findings.usefulness_warnings(metrics, patients_known=manifest.patients_known):
        console.print(f"warning: {warning}")
    if sentence := findings.confounder_sentence(metrics):
        console.print(sentence)
    for warning in findings.confounder_warnings(metrics):
        console.print(f"warning: {warning}")


def inherited_choices(init_weights: str | None) -> Choices | None:
    """Returns the threshold of the weights that a run began with, for one that has no split to choose its own on.

    On patients of other scanners it does better than 0.5 after fine-tuning, too (benchmarks/TRANSFER.md).

    Args:
        init_weights: as `starting_point.build` takes them.

    Returns:
        Nothing but the point; None for random weights and for an .h5 file, which has none.

    Raises:
        DataError: the weights cannot be read.
    """
    if not init_weights or pretrained.is_weight_file(init_weights):
        return None
    description = load_description(pretrained.model_folder(init_weights))
    reason = "there is no validation split, so that of the weights this run began with is kept"
    return Choices(dataclasses.replace(carried.choices(description).operating_point, reason=reason))


def headline(metrics: Metrics, report_path: Path) -> str:
    """The one line with which a command ends: AUC, accuracy, errors, what is indeterminate, path."""
    split = findings.main_split(metrics)
    if split is None:
        return f"neither validation nor test split, so nothing was measured: {report_path}"
    figures, point = metrics[split], metrics["operating_point"]
    auc = "undefined (one class)" if figures["auc"] is None else f"{figures['auc']:.4f}"
    where = "validation" if point["chosen_on"] == "validation" else threshold.chosen(point)
    (_, false_positive), (false_negative, _) = figures["confusion_matrix"]
    errors = plural(false_positive + false_negative, "error")
    left = (figures["abstention"] or {}).get("num_indeterminate")
    return (
        f"{split} AUC {auc}, accuracy {figures['accuracy']:.4f} at the threshold {point['threshold']:.3f} ({where}), "
        f"{errors} in {figures['num_examples']}{f', {left} indeterminate' if left else ''}: {report_path}"
    )
