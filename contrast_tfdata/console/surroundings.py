"""The one place where a command is made independent of the user's settings of other libraries.

A configuration in somebody's home, or a variable that a notebook hands to the programs it starts, must neither change a
result nor end a command.
"""

import os
import sys
import warnings


def make_independent() -> None:
    """Sets what libraries read when they are imported; called before any of them is."""
    # Keras reads keras.json there (image_data_format, floatx, epsilon), and finds none in what is no folder.
    os.environ["KERAS_HOME"] = os.devnull
    # Figures are drawn into files. A notebook names a backend that need not be installed here.
    os.environ["MPLBACKEND"] = "agg"
    _take_warnings_as_python_does()


def _take_warnings_as_python_does() -> None:
    """Puts back Python's own filters: under PYTHONWARNINGS=error any library's note of its future ends a command."""
    os.environ.pop("PYTHONWARNINGS", None)
    # Python hands these on to the processes that multiprocessing starts.
    sys.warnoptions[:] = [each for each in sys.warnoptions if not each.startswith("error")]
    warnings.resetwarnings()
    for category in (ImportWarning, PendingDeprecationWarning, DeprecationWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
