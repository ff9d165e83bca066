"""The one place where a command is made independent of the user's settings of other libraries.

A configuration in somebody's home, or a variable that a notebook hands to the programs it starts, must neither change a
result nor end a command.
"""

import os


def make_independent() -> None:
    """Sets what libraries read when they are imported; called before any of them is."""
    # Keras reads keras.json there (image_data_format, floatx, epsilon), and finds none in what is no folder.
    os.environ["KERAS_HOME"] = os.devnull
    # Figures are drawn into files. A notebook names a backend that need not be installed here.
    os.environ["MPLBACKEND"] = "agg"
