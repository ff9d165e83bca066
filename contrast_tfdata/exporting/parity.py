"""Whether an exported network says what the network says: measured on slices, in a process without this package."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from contrast_tfdata.errors import ContrastError
from contrast_tfdata.evaluation.auc import auc_components
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.exporting import outside
from contrast_tfdata.exporting.formats import Tolerance
from contrast_tfdata.exporting.samples import Sample
from contrast_tfdata.exporting.thresholds import Thresholds
from contrast_tfdata.storage.plain_path import plain_path
from contrast_tfdata.wording import plural


@dataclasses.dataclass(frozen=True)
class Parity:
    """What came out of a comparison, over all slices.

    Attributes:
        slices: how many and which, for people.
        logit: largest difference of logits.
        logit_relative: the same, each relative to the larger of 1 and the network's logit.
        probability: largest difference of probabilities.
        probability_mean: mean difference of probabilities.
        agreement: share of slices with the same prediction.
        decision_agreement: share of slices with the same decision.
        strays: slices with another answer, whose logit does not lie near enough to where it changes to excuse that.
        auc: of the exported network; None where the slices have one class.
        auc_network: of the network.
        runtime: which ran the exported network, by name the version.
    """

    slices: str
    logit: float
    logit_relative: float
    probability: float
    probability_mean: float
    agreement: float
    decision_agreement: float
    strays: int
    auc: float | None
    auc_network: float | None
    runtime: Mapping[str, str]

    @property
    def auc_loss(self) -> float | None:
        """By how much the exported network's AUC is smaller than the network's."""
        return None if self.auc is None else self.auc_network - self.auc

    def to_dict(self) -> dict:
        """Returns what the file of facts holds."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Returns what was found, a line each, for people."""
        lines = [
            f"compared in a process of its own, {_shown_runtime(self.runtime)}, on {self.slices}",
            f"largest difference: {self.logit:.2g} in a logit, {self.probability:.2g} in a probability "
            f"(mean {self.probability_mean:.2g})",
            f"same prediction: {self.agreement:.2%}; same decision: {self.decision_agreement:.2%}",
        ]
        if self.auc is not None:
            lines.append(f"AUC {self.auc:.4f}, the network's {self.auc_network:.4f} (loss {self.auc_loss:.4f})")
        return lines

    def problems(self, tolerance: Tolerance) -> list[str]:
        """Returns a line for each tolerance that was not kept."""
        asked = (
            ("logit difference, relative", self.logit_relative, tolerance.logit),
            ("mean probability difference", self.probability_mean, tolerance.probability_mean),
            ("loss of AUC", self.auc_loss, tolerance.auc_loss),
        )
        # So written that NaN is a problem.
        found = [
            f"{name}: {value:.3g}, allowed {most:g}"
            for name, value, most in asked
            if most is not None and value is not None and not value <= most
        ]
        if tolerance.logit is not None and self.strays:
            found.append(f"other answers than the network's: {plural(self.strays, 'slice')}, not near a threshold")
        return found


def compare(
    logits: np.ndarray,
    answers: Mapping[str, np.ndarray],
    thresholds: Thresholds,
    sample: Sample,
    runtime: Mapping[str, str],
    near: float = 0.0,
) -> Parity:
    """Returns how far answers lie from those that follow from the network's logits.

    Args:
        logits: (N,) float32, the network's.
        answers: of the exported network: `logit`, `probability`, `prediction`, `decision`, each (N,).
        thresholds: where the network's answers change.
        sample: the N slices.
        runtime: what ran the exported network.
        near: another answer is no stray where the logit lies as near as this, relative to its size, to a cut.

    Raises:
        ContrastError: an answer is missing, or has another shape.
    """
    wrong = [
        name for name in ("logit", "probability", "prediction", "decision") if _shape(answers, name) != logits.shape
    ]
    if wrong:
        raise ContrastError(f"the exported network gives no or misshapen answers: {', '.join(wrong)}")
    difference = np.abs(answers["logit"].astype(np.float64) - logits)
    relative = difference / np.maximum(1.0, np.abs(logits))
    of_probability = np.abs(answers["probability"].astype(np.float64) - sigmoid(logits))
    same_prediction = answers["prediction"] == thresholds.prediction(logits)
    same_decision = answers["decision"] == thresholds.decision(logits)
    auc, auc_network = (_auc(sample.labels, each) for each in (answers["logit"], logits))
    return Parity(
        slices=sample.source,
        logit=float(difference.max()),
        logit_relative=float(relative.max()),
        probability=float(of_probability.max()),
        probability_mean=float(of_probability.mean()),
        agreement=float(same_prediction.mean()),
        decision_agreement=float(same_decision.mean()),
        strays=int((~(same_prediction & same_decision) & ~_is_near_a_threshold(logits, thresholds, near)).sum()),
        auc=auc,
        auc_network=auc_network,
        runtime=runtime,
    )


def _is_near_a_threshold(logits: np.ndarray, thresholds: Thresholds, near: float) -> np.ndarray:
    distance = np.min(
        [np.abs(logits - each) for each in (thresholds.threshold, thresholds.low, thresholds.high)], axis=0
    )
    return distance <= near * np.maximum(1.0, np.abs(logits))


def _auc(labels: np.ndarray, logits: np.ndarray) -> float | None:
    components = auc_components(labels, logits)
    return None if components is None else components.auc


def run_outside(name: str, path: Path, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Runs an exported network in a process that can import neither this package nor Keras.

    Args:
        name: of the format.
        path: of the exported file or folder.
        pixels: (N, S, S) uint8.

    Returns:
        Its answers, (N,) each, by name; the runtime and its version.

    Raises:
        ContrastError: the process fails.
    """
    with tempfile.TemporaryDirectory() as folder, plain_path(path.resolve()) as plain:
        given, answered = Path(folder, "slices.npy"), Path(folder, "answers.npz")
        np.save(given, pixels)
        command = [sys.executable, "-I", outside.__file__, name, str(plain), str(given), str(answered)]
        # On the CPU, wherever it runs later: GPUs round convolutions to 10 bits by themselves.
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
        if result.returncode:
            last = result.stderr.strip().splitlines()[-1:] or ["it says nothing"]
            raise ContrastError(f"the exported network does not run by itself: {last[0]}")
        with np.load(answered) as answers:
            return dict(answers), json.loads(result.stdout.strip().splitlines()[-1])


def _shape(answers: Mapping[str, np.ndarray], name: str) -> tuple[int, ...] | None:
    return answers[name].shape if name in answers else None


def _shown_runtime(runtime: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in runtime.items())
