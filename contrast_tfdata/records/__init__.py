"""Slices to records: where files and labels come from, who belongs to which split, the byte format, the manifest.

Importing this package imports no TensorFlow: worker processes, which only decode, start fast and stay small.
"""
