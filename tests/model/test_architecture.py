import numpy as np
import pytest

from contrast_tfdata.model.architecture import FILTERS, feature_size, visible_size, weight_shapes


def reachable(image_size: int) -> int:
    """Counts the input rows with a path to the last feature map, by following every row forward."""
    paths = [{row} for row in range(image_size)]
    for _ in FILTERS:
        convolved = [set().union(*paths[row : row + 3]) for row in range(len(paths) - 2)]
        paths = [convolved[2 * row] | convolved[2 * row + 1] for row in range(len(convolved) // 2)]
    return len(set().union(*paths))


@pytest.mark.parametrize("image_size", range(190, 331 + 64))
def test_visible_size_is_what_can_reach_the_output(image_size):
    assert visible_size(image_size) == reachable(image_size)


def test_slides_sizes():
    assert (feature_size(331), visible_size(331)) == (3, 318)
    assert visible_size(318) == 318


def test_smallest_image():
    assert visible_size(190) == 190
    with pytest.raises(ValueError, match=r"at least 190 pixels\. Received: image_size=189"):
        visible_size(189)


def test_slides_parameter_counts():
    shapes = weight_shapes()
    counts = [np.prod(shape) for shape in shapes.values()]
    layers = [kernel + bias for kernel, bias in zip(counts[::2], counts[1::2], strict=True)]
    assert layers == [448, 2320, 4640, 9248, 18496, 36928, 36928, 65]
    assert sum(counts) == 109_073
