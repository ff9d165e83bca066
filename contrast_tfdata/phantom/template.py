"""The average brain the phantom is cut from: ICBM152 2009a tissue maps, as nilearn ships them."""

import dataclasses
import functools
import importlib.util
import pathlib

import numpy as np

from contrast_tfdata.errors import DataError

ORIGIN_MM = (-98.0, -134.0, -72.0)
"""MNI coordinates (x right, y anterior, z superior) of voxel (0, 0, 0); voxels are 1 mm cubes along the axes."""

_FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclasses.dataclass(frozen=True)
class Template:
    """Tissue shares in 1 mm voxels, x by y by z.

    Attributes:
        grey, white: (197, 233, 189) uint8, share of 255.
        mask: (197, 233, 189) uint8, 255 inside the brain's envelope (sulci and ventricles included), else 0.
    """

    grey: np.ndarray
    white: np.ndarray
    mask: np.ndarray


@functools.lru_cache(maxsize=1)
def load_template() -> Template:
    """Returns the maps from nilearn's installed files: no network, and nilearn itself (2 s to import) stays unimported.

    Raises:
        DataError: nilearn is not installed or lacks the files.
    """
    folder = _data_folder()
    return Template(
        _read(folder, "gm"), _read(folder, "wm"), np.where(_read(folder, "t1") > 0, 255, 0).astype(np.uint8)
    )


def _data_folder() -> pathlib.Path:
    found = importlib.util.find_spec("nilearn")
    if found is None or found.origin is None:
        raise DataError("The phantom needs the brain maps in nilearn's wheel: pip install nilearn")
    return pathlib.Path(found.origin).parent / "datasets" / "data"


def _read(folder: pathlib.Path, name: str) -> np.ndarray:
    import nibabel  # Comes with nilearn; a third of a second that nobody else in images/ should pay.

    path = folder / _FILE.format(name)
    if not path.is_file():
        raise DataError(f"nilearn's brain map {path.name} is missing: the phantom needs nilearn 0.10.4 or newer")
    return np.asarray(nibabel.load(path).dataobj, dtype=np.uint8)
