"""The cortex that is drawn into the average brain."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from contrast_tfdata.phantom import brain, drawing, geometry
from contrast_tfdata.phantom.template import load_template


def _slice(offset: float, cortex: brain.Cortex, seed: int = 5) -> tuple[brain.BrainSlice, np.ndarray]:
    """Returns a brain without tilt or bend at an offset, and where its outer 4 to 15 mm above the tentorium are."""
    pose = geometry.draw_pose(np.random.default_rng(2))
    pose = dataclasses.replace(pose, field_of_view=230.0, pitch=0.0, tilt=(0.0, 0.0), bend=0.0)
    plane = geometry.Plane(pose, offset, 512)
    grid = plane.to_mm()
    made = brain.sample_brain(plane, grid, load_template(), cortex, np.random.default_rng(seed))
    return made, (made.depth > 4.0) & (made.depth < 15.0) & (grid[..., 1] > 20.0)


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


def _across(seed: int) -> float:
    """Returns the mean squared cosine between the sulci's edges' normals and the way out of the brain."""
    made, rim = _slice(20.0, _FOLDED, seed)
    down, right = np.gradient(made.fluid)
    rows, columns = (axis - np.average(axis, weights=made.cover) for axis in np.indices(rim.shape))
    edges = rim & (np.hypot(down, right) > 0.05)
    cosine = (down * rows + right * columns)[edges] / (np.hypot(down, right) * np.hypot(rows, columns))[edges]
    return float((cosine**2).mean())


def test_sulci_near_the_rim_run_outwards(monkeypatch):
    outwards = np.mean([_across(seed) for seed in range(6)])

    def anyhow(grid, wander, gyrus_mm, spacing, rng):
        return drawing.noise_field(rng, grid.shape[:2], 0.6 * gyrus_mm / spacing)

    monkeypatch.setattr(brain, "_radial_noise", anyhow)
    assert outwards < 0.75 * np.mean([_across(seed) for seed in range(6)])


def test_veins_lie_in_the_middle_of_wide_sulci():
    made, rim = _slice(20.0, dataclasses.replace(_FOLDED, atrophy=1.0))
    beds = rim & (made.beds > 0.45)
    assert beds.sum() > 0.01 * rim.sum()
    assert made.fluid[beds].mean() > 0.8
    assert beds.sum() < 0.5 * (made.fluid > 0.5)[rim].sum()


def test_atrophy_widens_sulci_most_at_the_rim():
    wider = {"outer": 0.0, "inner": 0.0}
    for seed in range(5):
        for atrophy, sign in ((1.0, 1), (0.0, -1)):
            made, rim = _slice(20.0, dataclasses.replace(_FOLDED, atrophy=atrophy), seed)
            for name, where in (("outer", made.depth < 8.0), ("inner", made.depth > 11.0)):
                wider[name] += sign * (made.fluid > 0.5)[rim & where].mean() / 5
    assert wider["inner"] > 0.1
    assert wider["outer"] > 1.1 * wider["inner"]
