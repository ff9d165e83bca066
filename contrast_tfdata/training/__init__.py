"""Fitting a ContrastNet to records."""
