"""Tell pre- from post-contrast sagittal T1 brain MRI.

The stages, in the order in which data goes through them (imports run the same way, never back):
`images` -> `records` -> `pipeline` -> `model` -> `training` -> `evaluation` -> `report`.
Entry points: `python -m contrast_tfdata.make_records`, `.train`, `.evaluate`, `.predict`, `.export`.
"""

from contrast_tfdata.version import __version__

CLASS_NAMES = ("no_gad", "with_gad")
"""Class names; a label is the position of its name here: 0 before contrast, 1 after."""

__all__ = ["CLASS_NAMES", "__version__"]
