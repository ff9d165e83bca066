"""The package from Python: data sets, the network, its evaluation and predictions, for scripts and notebooks.

What is public is named in `contrast_tfdata` itself, which imports it where it is first used.
"""
