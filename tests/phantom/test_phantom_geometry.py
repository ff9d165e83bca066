"""Coordinates, curves and noise fields that everything is painted with."""

import dataclasses

import numpy as np
import pytest

from contrast_tfdata.phantom import anatomy, drawing, vessels
from contrast_tfdata.phantom.geometry import Plane, draw_pose
from contrast_tfdata.phantom.template import load_template
from contrast_tfdata.phantom.tissue import Tissue


@pytest.mark.parametrize("seed", range(8))
def test_pixels_and_millimetres_are_each_others_inverse(seed):
    plane = Plane(draw_pose(np.random.default_rng(seed)), offset=5.0, side=256)
    grid = plane.to_mm()
    places = np.random.default_rng(seed).integers(0, 256, (50, 2))
    back = plane.to_pixels(grid[places[:, 0], places[:, 1]].astype(float))
    np.testing.assert_allclose(back[:, ::-1], places, atol=0.6)


def test_elastic_field_never_folds():
    for seed in range(20):
        grid = Plane(draw_pose(np.random.default_rng(seed)), offset=0.0, side=128).to_mm()
        dy, dz = np.gradient(grid[..., 0]), np.gradient(grid[..., 1])
        jacobian = dy[1] * dz[0] - dy[0] * dz[1]
        assert (np.sign(jacobian) == np.sign(jacobian[64, 64])).all()


def test_x_follows_offset_and_tilt():
    pose = dataclasses.replace(draw_pose(np.random.default_rng(0)), tilt=(0.1, 0.0), scale=(1.0, 1.0, 1.0))
    plane = Plane(pose, offset=4.0, side=128)
    np.testing.assert_allclose(plane.x_at(np.array([[0.0, 50.0], [10.0, -50.0]])), [4.0, 5.0])


def test_curves_pass_through_their_points():
    points = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 8.0], [0.0, 8.0]])
    np.testing.assert_allclose(drawing.smooth_closed(points, steps=5)[::5], points)
    np.testing.assert_allclose(drawing.smooth_open(points, steps=5)[::5], points[:-1])


def test_a_stroke_is_as_wide_as_asked():
    course = np.stack([np.linspace(0, 10, 11), np.zeros(11)], axis=1)
    outline = drawing.stroke(course, np.full(11, 3.0))
    assert np.ptp(outline[:, 1]) == pytest.approx(3.0)


@pytest.mark.parametrize("period", [4.0, 25.0, (30.0, 6.0)])
def test_noise_has_unit_spread(period):
    field = drawing.noise_field(np.random.default_rng(1), (512, 512), period)
    assert field.shape == (512, 512)
    assert field.std() == pytest.approx(1.0, abs=0.15)


def test_template_is_a_brain_on_its_documented_grid():
    template = load_template()
    assert template.grey.shape == template.white.shape == template.mask.shape == (197, 233, 189)
    assert template.white[98, 134 + 28, 72 + 10] > 200  # Genu of the corpus callosum at (0, 28, 10).
    assert 1.4e6 < np.count_nonzero(template.mask) < 2.2e6  # mm3


PARTS = (*anatomy.FACE, *anatomy.ORBIT, *anatomy.BASE, *anatomy.SPINE)


def test_parts_lie_in_a_head():
    for part in PARTS:
        y, z = part.outline.T
        assert y.min() > -100
        assert y.max() < 112
        assert z.max() < 0
        assert part.half_width > 0


def test_profile_changes_smoothly_from_nose_to_cheek():
    noses = [anatomy.profile(x)[:, 0].max() for x in (0.0, 6.0, 12.0, 18.0, 30.0)]
    assert noses == sorted(noses, reverse=True)
    assert noses[-1] < 85


def test_contrast_reaches_veins_sinuses_and_plexus():
    kinds = {course.tissue for course in vessels.COURSES}
    assert kinds == {Tissue.VEIN, Tissue.SINUS, Tissue.ARTERY, Tissue.CHOROID}
