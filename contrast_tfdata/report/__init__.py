"""Numbers to pages: figures, report.html and the model card. Needs no TensorFlow."""

from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.model_card import write_model_card
from contrast_tfdata.report.writing import write_report

__all__ = ["RunDescription", "write_model_card", "write_report"]
