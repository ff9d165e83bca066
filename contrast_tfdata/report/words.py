"""Words that pages and cards share."""

from contrast_tfdata import CLASS_NAMES

CLASS_WORDS = dict(zip(CLASS_NAMES, ("before contrast", "after contrast"), strict=True))
"""The classes as a reader of English knows them."""
