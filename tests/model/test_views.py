import numpy as np
import pytest

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.model import views


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 4, 5), (2, 4, 5, 3)])
def test_mirrored_swaps_left_and_right(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    plain, mirrored = views.make(images, ("plain", "mirrored"))
    np.testing.assert_array_equal(plain, images)
    assert mirrored.shape == shape
    for column in range(5):
        np.testing.assert_array_equal(mirrored[:, :, column], images[:, :, 4 - column])


@pytest.mark.parametrize("name", views.VIEWS)
def test_every_view_keeps_number_form_and_dtype(name):
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6), np.uint8)
    (view,) = views.make(images, (name,))
    assert (view.shape, view.dtype) == (images.shape, images.dtype)


def test_a_flag_names_views():
    assert views.parse("plain") == views.PLAIN
    assert views.parse("plain, mirrored") == ("plain", "mirrored")


@pytest.mark.parametrize("text", ["", "plain,", "turned", "plain,plain", "Plain"])
def test_other_flags_are_refused(text):
    with pytest.raises(UsageError, match="Received: views="):
        views.parse(text)


def test_descriptions_without_views_are_plain():
    assert views.stored({}) == ("plain",)
    assert views.stored({"views": ["mirrored", "plain"]}) == ("mirrored", "plain")


@pytest.mark.parametrize("value", [None, [], "plain", ["turned"], ["plain", "plain"], [1], {"plain": 1}, [["plain"]]])
def test_damaged_or_newer_views_are_refused(value):
    with pytest.raises(DataError, match="damaged, or of a newer version"):
        views.stored({"views": value})
