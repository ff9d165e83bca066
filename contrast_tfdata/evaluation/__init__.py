"""Labels and scores to numbers: metrics, intervals, operating point, calibration. SciPy is imported when used only."""

from contrast_tfdata.evaluation.abstention import IndeterminateBand
from contrast_tfdata.evaluation.confounders import ConfounderScores
from contrast_tfdata.evaluation.contents import Metrics
from contrast_tfdata.evaluation.input_gate import InputGate
from contrast_tfdata.evaluation.label_review import misclassified, suspected_labels
from contrast_tfdata.evaluation.metrics import metrics_at
from contrast_tfdata.evaluation.operating_point import OperatingPoint, choose, slides_sweep
from contrast_tfdata.evaluation.predictions import Predictions, read_csv
from contrast_tfdata.evaluation.summary import Choices, SplitScores, summarize

__all__ = [
    "Choices",
    "ConfounderScores",
    "IndeterminateBand",
    "InputGate",
    "Metrics",
    "OperatingPoint",
    "Predictions",
    "SplitScores",
    "choose",
    "metrics_at",
    "misclassified",
    "read_csv",
    "slides_sweep",
    "summarize",
    "suspected_labels",
]
