"""The cortex that is drawn into the average brain."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from contrast_tfdata.images.phantom import brain, geometry
from contrast_tfdata.images.phantom.template import load_template


def _slice(offset: float, cortex: brain.Cortex) -> tuple[brain.BrainSlice, np.ndarray]:
    """Returns a brain without tilt or bend at an offset, and where its outer 4 to 15 mm above the tentorium are."""
    pose = geometry.draw_pose(np.random.default_rng(2))
    pose = dataclasses.replace(pose, field_of_view=230.0, pitch=0.0, tilt=(0.0, 0.0), bend=0.0)
    plane = geometry.Plane(pose, offset, 512)
    grid = plane.to_mm()
    made = brain.sample_brain(plane, grid, load_template(), cortex, np.random.default_rng(5))
    depth = ndimage.distance_transform_edt(made.cover > 0.5) * plane.spacing
    return made, (depth > 4.0) & (depth < 15.0) & (grid[..., 1] > 20.0)


@pytest.mark.parametrize("offset", [0.0, 15.0, 28.0])
def test_shares_lie_between_0_and_1(offset):
    made, _ = _slice(offset, brain.Cortex(atrophy=0.4, gyrus_mm=12.0, folding=0.8))
    for share in (made.grey, made.white, made.fluid):
        assert share.min() > -1e-5
        assert share.max() < 1.0 + 1e-5


def _banded(white: np.ndarray, where: np.ndarray) -> float:
    """Returns how much white matter differs from its surroundings of about a gyrus, on average."""
    return float(np.abs(white - ndimage.gaussian_filter(white, 12.0))[where].mean())


_FLAT = brain.Cortex(atrophy=0.3, gyrus_mm=11.0, folding=0.0)
_FOLDED = dataclasses.replace(_FLAT, folding=1.0)


def test_near_the_midline_gyri_get_white_cores():
    """The average of 152 people has none left."""
    flat, where = _slice(5.0, _FLAT)
    folded, _ = _slice(5.0, _FOLDED)
    assert ((folded.white - flat.white)[where] > 0.3).mean() > 0.2
    assert _banded(folded.white, where) > 1.5 * _banded(flat.white, where)


@pytest.mark.parametrize("offset", [12.0, 20.0, 28.0])
def test_far_from_the_midline_sulci_cut_into_white_matter_between_grey_banks(offset):
    flat, where = _slice(offset, _FLAT)
    folded, _ = _slice(offset, _FOLDED)
    sulci = where & (folded.fluid > flat.fluid + 0.3)
    assert sulci.sum() > 0.005 * where.sum()
    beside = ndimage.binary_dilation(sulci, iterations=5) & where & (folded.fluid < 0.1)
    assert folded.grey[beside].mean() > 0.6
    for share in (folded.grey, folded.white):
        assert share[where].mean() > 0.25
