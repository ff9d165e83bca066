"""Numbers to pages: figures, report.html and the model card. Needs no TensorFlow."""

from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.model_card import write_model_card
from contrast_tfdata.report.runs_page import write_runs_report
from contrast_tfdata.report.shipped_card import render_shipped_card, write_shipped_card
from contrast_tfdata.report.writing import pictures_wanted, write_report

__all__ = [
    "RunDescription",
    "pictures_wanted",
    "render_shipped_card",
    "write_model_card",
    "write_report",
    "write_runs_report",
    "write_shipped_card",
]
