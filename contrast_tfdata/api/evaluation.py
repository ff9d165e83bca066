"""What a network says about labelled slices: figures, tables and plots."""

import dataclasses
import html
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contrast_tfdata.api import batches as labelled
from contrast_tfdata.api.plots import Plot
from contrast_tfdata.evaluation import Choices, OperatingPoint, Predictions, SplitScores, summarize
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.contents import SplitMetrics
from contrast_tfdata.evaluation.metrics import confusion_matrix
from contrast_tfdata.evaluation.predictions import logit
from contrast_tfdata.evaluation.summary import choose_all
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.report import figures, gallery, style
from contrast_tfdata.report.threshold import chosen

_INTERVALS = (("auc_ci95_by_group", "patients left out in turn"), ("auc_ci95", "slices taken as independent"))


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network says about the slices of a data set.

    Attributes:
        name: of the split.
        predictions: a row a slice: label, logit, probability, patient.
        choices: the threshold, and where it was chosen.
        metrics: every figure, as metrics.json has it of a split; what is undefined is None.
        pictures: (N, S, S) uint8, in the same order.
    """

    name: str
    predictions: Predictions
    choices: Choices
    metrics: SplitMetrics
    pictures: np.ndarray

    @property
    def threshold(self) -> float:
        """A probability strictly above it means with_gad."""
        return self.choices.operating_point.threshold

    @property
    def auc(self) -> float | None:
        """Area under the ROC curve; None where one class is missing."""
        return self.metrics["auc"]

    @property
    def accuracy(self) -> float:
        """Share of right answers at the threshold."""
        return self.metrics["accuracy"]

    @style.own_settings
    def roc(self, *others: "Evaluation") -> Plot:
        """Draws the ROC curve, with the threshold as a dot; those of other splits beside it.

        Raises:
            ValueError: one class is missing, or two are of one split.
            TypeError: another is no evaluation.
        """
        if not all(isinstance(each, Evaluation) for each in others):
            raise TypeError(f"Give evaluations, as roc(ct.evaluate(model, records.validation())). Received: {others!r}")
        shown = {each.name: each for each in (self, *others)}
        if len(shown) <= len(others):
            raise ValueError(f"Curves are told apart by split. Received: {[each.name for each in (self, *others)]}")
        if any(each.auc is None for each in shown.values()):
            raise ValueError("A ROC curve needs slices of both classes.")
        predictions = {name: each.predictions for name, each in shown.items()}
        return Plot(figures.roc(predictions, {name: each.metrics for name, each in shown.items()}))

    @style.own_settings
    def confusion(self, threshold: float | None = None) -> Plot:
        """Draws the confusion matrix at a threshold; None: at that of the evaluation."""
        at = self.threshold if threshold is None else threshold
        matrix = confusion_matrix(self.predictions.label, self.predictions.prediction(at))
        return Plot(figures.confusion({f"{self.name.capitalize()} at {at:.3f}": matrix}))

    @style.own_settings
    def threshold_sweep(self) -> Plot:
        """Draws accuracy by threshold. Its maximum is optimistic: it was chosen on the slices that it is shown for."""
        return Plot(figures.threshold_sweep(self.predictions, self.threshold, self.name))

    @style.own_settings
    def histogram(self) -> Plot:
        """Draws how often each probability was given, by true class."""
        return Plot(figures.score_histograms({self.name: self.predictions}, self.threshold))

    @style.own_settings
    def errors(self, number: int = gallery.MAX_CASES) -> Plot:
        """Shows slices that the network got wrong, the most confident first; `number` of them at most."""
        images = dict(zip(self.predictions.example_id, self.pictures, strict=True))
        found = gallery.collect(self.name, self.predictions, self.threshold, images, most=number)
        return Plot(gallery.gallery_figure(found))

    def _rows(self) -> list[tuple[str, str]]:
        shown = lambda value: "undefined" if value is None else f"{value:.4f}"  # noqa: E731
        rows = [("slices", str(self.metrics["num_examples"])), ("AUC", shown(self.auc))]
        for key, how in _INTERVALS:
            if self.metrics[key] is not None:
                low, high = self.metrics[key]
                rows.append((f"95 % interval, {how}", f"{low:.4f} to {high:.4f}"))
                break
        rows += [(name, shown(self.metrics[name])) for name in ("accuracy", "sensitivity", "specificity")]
        return [*rows, ("threshold", f"{self.threshold:.4f} ({chosen(self.choices.operating_point.to_dict())})")]

    def __repr__(self) -> str:
        return f"Evaluation of {self.name}: " + ", ".join(f"{name} {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        rows = (f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in self._rows())
        return f"<table><tr><th>{html.escape(self.name)}</th><th></th></tr>{''.join(rows)}</table>"


def evaluate(
    model: tf.keras.Model,
    batches: tf.data.Dataset | Sequence,
    *,
    validation: tf.data.Dataset | Sequence | None = None,
    threshold: float | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
    from_logits: bool | None = None,
) -> Evaluation:
    """Scores labelled slices with a network.

    Args:
        model: returns (N, 1), as `ContrastNet` does.
        batches: a data set of (images, labels) or (images, labels, weights), or these as arrays; slices of weight 0 are
            padding and left out. Data sets of `Records` bring patients and files with them, from which intervals by
            patients follow.
        validation: likewise; the threshold is chosen on it for accuracy. Without it, it is 0.5.
        threshold: a fixed one instead.
        max_error: largest share of wrong answers among slices that are answered, for the indeterminate band.
        from_logits: whether the model returns logits, or probabilities. None: logits, unless all lie in [0, 1], when it
            must be said; a `ContrastNet` returns logits.

    Raises:
        ValueError: both `validation` and `threshold`, a threshold outside [0, 1], no slice, outputs of another shape,
            or outputs that may be either logits or probabilities.
        TypeError: no data set, and no arrays.
    """
    if validation is not None and threshold is not None:
        raise ValueError("Give `validation`, to choose the threshold on, or a fixed `threshold`, not both.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` must be in [0, 1]. Received: threshold={threshold}")
    if validation is not None:
        choices = choose_all(_scored(model, validation, from_logits)[1], "accuracy", max_error)
    else:
        choices = Choices(OperatingPoint.fixed(0.5 if threshold is None else threshold, reason="it was given"))
    name, predictions, pictures = _scored(model, batches, from_logits)
    metrics = summarize(None, SplitScores(predictions), choices)["test"]
    return Evaluation(name, predictions, choices, metrics, pictures)


def _scored(
    model: tf.keras.Model, given: tf.data.Dataset | Sequence, from_logits: bool | None
) -> tuple[str, Predictions, np.ndarray]:
    """Returns the name of the split, its predictions, and its pictures."""
    pictures, labels, outputs = [], [], []
    batches = labelled.as_batches(given)
    for batch in batches:
        image, label, *weight = labelled.parts(batch)
        real = weight[0].ravel() > 0 if weight else np.ones(len(image), bool)
        pictures.append(labelled.as_pictures(image[real]))
        labels.append(label.ravel()[real])
        outputs.append(_outputs(model, image)[real])
    if not labels:
        raise ValueError("There is no slice to evaluate.")
    logits = _logits(np.concatenate(outputs), True if isinstance(model, ContrastNet) else from_logits)
    columns = np.concatenate(labels).astype(np.int64), logits
    records, name = getattr(batches, "split", (None, "test"))
    if records is None:
        keys = tuple(map(str, range(len(columns[0]))))
        predictions = Predictions(keys, np.zeros(len(keys), int), keys, ("",) * len(keys), *columns)
    else:
        rows = [(each.source, each.slice_index, each.example_id, each.group) for each in records.examples(name)]
        predictions = Predictions(*zip(*rows, strict=True), *columns)
    return name, predictions, np.concatenate(pictures)


def _outputs(model: tf.keras.Model, images: np.ndarray) -> np.ndarray:
    found = np.asarray(model(images, training=False))
    if found.size != len(images):
        raise ValueError(f"The model must return one number a slice, (N, 1). Received: {found.shape}")
    return found.ravel()


def _logits(outputs: np.ndarray, from_logits: bool | None) -> np.ndarray:
    """Returns a model's outputs as logits; raises ValueError where nobody can tell whether they are."""
    if from_logits:
        return outputs
    are_shares = bool((outputs >= 0).all() and (outputs <= 1).all())
    if from_logits is None and are_shares:
        raise ValueError(
            "All outputs of the model lie in [0, 1]. Give from_logits=False if it returns probabilities, as with a "
            "sigmoid at its end, or from_logits=True if it returns logits"
        )
    if from_logits is None:
        return outputs
    if not are_shares:
        raise ValueError(
            f"Probabilities must lie in [0, 1]. Received: from_logits=False, and {outputs.min():g} to {outputs.max():g}"
        )
    # A sigmoid of 32 bits reaches 0 and 1, whose logits are infinite.
    ends = np.finfo(np.float32)
    return logit(np.clip(outputs.astype(np.float64), ends.tiny, 1 - ends.epsneg))
