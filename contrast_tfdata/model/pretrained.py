"""The weights that come with the package, learned from synthetic patients alone.

They stand in `contrast_tfdata/pretrained/` as `weights.save_model` writes a model folder, with the measurements that
were made of them and the model card that follows from both (`report.write_shipped_card`). Exchanging that folder is all
that it takes to ship others.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from contrast_tfdata.version import __version__

NAME = "shipped"
"""Stands for the package's weights where the folder of a run can be named; `./shipped` is a folder of that name."""


def directory() -> Path:
    """Returns the model folder within the installed package."""
    return Path(str(resources.files("contrast_tfdata"))) / "pretrained"


def sequence_directory() -> Path:
    """Returns the model folder, within the installed package, of the network that tells T1 from other sequences."""
    return directory() / "sequence"


def is_shipped(workdir: str) -> bool:
    """Tells whether the package's weights are meant, and not those of a run.

    Args:
        workdir: as a user gave it: a `Path` has lost what tells `./shipped` from `shipped`.
    """
    return workdir == NAME


def model_folder(workdir: str) -> Path:
    """Returns the folder that `weights.load_model` reads: that of a run, or the package's own for `NAME`."""
    return directory() if is_shipped(workdir) else Path(workdir) / "model"


def is_weight_file(name: str) -> bool:
    """Returns whether given weights are a file of the slides' network, and not the package's own or those of a run."""
    return Path(name).is_file() and not is_shipped(name)


def announcement(description: Mapping[str, Any]) -> str:
    """Returns the line by which a command says that it uses the shipped weights, and which they are.

    Args:
        description: as `weights.load_model` returns it.
    """
    return (
        f"weights: {description.get('name', 'without a name')} of contrast_tfdata {__version__}, trained on synthetic "
        f"patients only; not a medical device (SHA-256 {description['weights_sha256'][:16]})"
    )
