"""Synthetic patients from physics: heads scanned before and after contrast, the project's embedded data set.

anatomy (where things are) -> brain, head, vessels, lesions (what one slice shows) -> tissue, sequences (what it
signals) -> scanner (what becomes of the signal) -> patient (all of it, from one seed) -> tree, sheet (as files, as a
figure).
"""

from contrast_tfdata.phantom.options import EASY_OPTIONS, PhantomOptions
from contrast_tfdata.phantom.patient import PhantomPatient, SliceTruth, generate_patient
from contrast_tfdata.phantom.sheet import contact_sheet
from contrast_tfdata.phantom.tree import write_png_tree

__all__ = [
    "EASY_OPTIONS",
    "PhantomOptions",
    "PhantomPatient",
    "SliceTruth",
    "contact_sheet",
    "generate_patient",
    "write_png_tree",
]
