"""What a network says about labelled slices: figures, tables and plots."""

import dataclasses
import html

import numpy as np
import tensorflow as tf

from contrast_tfdata.api.plots import Plot
from contrast_tfdata.evaluation import Choices, OperatingPoint, Predictions, SplitScores, summarize
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.contents import SplitMetrics
from contrast_tfdata.evaluation.metrics import confusion_matrix
from contrast_tfdata.evaluation.summary import choose_all
from contrast_tfdata.report import figures, gallery, style

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
        """
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
    def errors(self) -> Plot:
        """Shows the slices that the network got wrong, the most confident first, 15 at most."""
        images = dict(zip(self.predictions.example_id, self.pictures, strict=True))
        return Plot(gallery.gallery_figure(gallery.collect(self.name, self.predictions, self.threshold, images)))

    def _rows(self) -> list[tuple[str, str]]:
        shown = lambda value: "undefined" if value is None else f"{value:.4f}"  # noqa: E731
        rows = [("slices", str(self.metrics["num_examples"])), ("AUC", shown(self.auc))]
        for key, how in _INTERVALS:
            if self.metrics[key] is not None:
                low, high = self.metrics[key]
                rows.append((f"95 % interval, {how}", f"{low:.4f} to {high:.4f}"))
                break
        rows += [(name, shown(self.metrics[name])) for name in ("accuracy", "sensitivity", "specificity")]
        return [*rows, ("threshold", f"{self.threshold:.4f} (chosen on: {self.choices.operating_point.chosen_on})")]

    def __repr__(self) -> str:
        return f"Evaluation of {self.name}: " + ", ".join(f"{name} {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        rows = (f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in self._rows())
        return f"<table><tr><th>{html.escape(self.name)}</th><th></th></tr>{''.join(rows)}</table>"


def evaluate(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    *,
    validation: tf.data.Dataset | None = None,
    threshold: float | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
) -> Evaluation:
    """Scores labelled slices with a network.

    Args:
        model: returns logits, (N, 1), as `ContrastNet` does.
        batches: of (images, labels) or (images, labels, weights); slices of weight 0 are padding and left out. Those of
            `Records` bring patients and files with them, from which intervals by patients follow.
        validation: likewise; the threshold is chosen on it for accuracy. Without it, it is 0.5.
        threshold: a fixed one instead.
        max_error: largest share of wrong answers among slices that are answered, for the indeterminate band.

    Raises:
        ValueError: both `validation` and `threshold`, a threshold outside [0, 1], or no slice.
    """
    if validation is not None and threshold is not None:
        raise ValueError("Give `validation`, to choose the threshold on, or a fixed `threshold`, not both.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` must be in [0, 1]. Received: threshold={threshold}")
    if validation is not None:
        choices = choose_all(_scored(model, validation)[1], "accuracy", max_error)
    else:
        choices = Choices(OperatingPoint.fixed(0.5 if threshold is None else threshold, reason="it was given"))
    name, predictions, pictures = _scored(model, batches)
    metrics = summarize(None, SplitScores(predictions), choices)["test"]
    return Evaluation(name, predictions, choices, metrics, pictures)


def _scored(model: tf.keras.Model, batches: tf.data.Dataset) -> tuple[str, Predictions, np.ndarray]:
    """Returns the name of the split, its predictions, and its pictures."""
    images, labels, logits = [], [], []
    for image, label, *weight in batches:
        real = weight[0].numpy() > 0 if weight else np.ones(len(image), bool)
        images.append(image.numpy()[real])
        labels.append(label.numpy().ravel()[real])
        logits.append(np.ravel(model(image, training=False))[real])
    if not labels:
        raise ValueError("There is no slice to evaluate.")
    columns = np.concatenate(labels).astype(np.int64), np.concatenate(logits)
    records, name = getattr(batches, "split", (None, "test"))
    if records is None:
        keys = tuple(map(str, range(len(columns[0]))))
        predictions = Predictions(keys, np.zeros(len(keys), int), keys, ("",) * len(keys), *columns)
    else:
        rows = [(each.source, each.slice_index, each.example_id, each.group) for each in records.examples(name)]
        predictions = Predictions(*zip(*rows, strict=True), *columns)
    return name, predictions, np.concatenate(images)
