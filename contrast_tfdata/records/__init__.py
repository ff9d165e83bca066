"""Slices to records: the conversion, here or with Beam, the byte format, shards, manifest and verification.

Where files and labels come from stands in `intake` (`sources`, `units`); who goes to which split in `patients`.

Importing this package imports no TensorFlow: worker processes, which only decode, start fast and stay small.
"""
