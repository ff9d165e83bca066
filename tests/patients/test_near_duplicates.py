"""What counts as a picture of the same thing, and what does not."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from contrast_tfdata import phantom
from contrast_tfdata.images import reading
from contrast_tfdata.images.preprocessing import scale_foreground
from contrast_tfdata.images.thumbnail import thumbnail
from contrast_tfdata.patients import near_duplicates
from contrast_tfdata.patients.near_duplicates import THRESHOLD, find_pairs


def saved_as_jpeg(pixels, rng):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(30, 90)))
    return np.asarray(Image.open(buffer).convert("L"))


def resized(pixels, rng):
    size = np.rint(np.array(pixels.shape[::-1]) * rng.uniform(0.5, 1.8)).astype(int)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def cropped(pixels, rng):
    top, bottom, left, right = np.rint(rng.uniform(0, 0.03, 4) * pixels.shape[0]).astype(int)
    return pixels[top : pixels.shape[0] - bottom, left : pixels.shape[1] - right]


def brighter(pixels, rng):
    gain, gamma = rng.uniform(0.8, 1.25, 2)
    return np.clip(255 * (pixels / 255) ** gamma * gain, 0, 255).astype(np.uint8)


def noisy(pixels, rng):
    return np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)


def mirrored(pixels, rng):
    return pixels[:, ::-1]


def everything(pixels, rng):
    for change in (cropped, resized, brighter, saved_as_jpeg, mirrored):
        pixels = change(pixels, rng)
    return pixels


CHANGES = (saved_as_jpeg, resized, cropped, brighter, noisy, mirrored, everything)


def thumbnails_of(pictures):
    return np.stack([thumbnail(each) for each in pictures])


def share_found(pictures, change):
    """Share of pictures whose changed copy is found to be one."""
    rng = np.random.default_rng(0)
    copies = [change(each, rng) for each in pictures]
    pairs = find_pairs(thumbnails_of([*pictures, *copies]))
    found = {each.first for each in pairs if each.second == each.first + len(pictures)}
    return len(found) / len(pictures)


def parted(pairs, people):
    """Pairs of pictures of different people."""
    return [each for each in pairs if people[each.first] != people[each.second]]


@pytest.fixture(scope="module")
def heads():
    """A slice of each of ten synthetic patients, uint8."""
    options = dataclasses.replace(phantom.PhantomOptions(), slices_per_class=1)
    patients = [phantom.generate_patient(3, number, options) for number in range(10)]
    return [np.clip(each.pre[0].pixels, 0, 255).astype(np.uint8) for each in patients]


def test_different_patients_are_not_alike(heads):
    assert find_pairs(thumbnails_of(heads)) == []


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(heads, change):
    assert share_found(heads, change) >= 0.9


def test_similarity_is_a_correlation_and_positions_rise(heads):
    pairs = find_pairs(thumbnails_of([*heads, heads[2][:, ::-1], heads[0]]))
    assert [(each.first, each.second) for each in pairs] == [(0, 11), (2, 10)]
    assert all(THRESHOLD <= each.similarity <= 1 + 1e-5 for each in pairs)


def test_brightness_and_type_do_not_matter_to_a_thumbnail(heads):
    scaled = thumbnail(heads[0].astype(np.float32) * 37.5)
    assert np.abs(scaled.astype(int) - thumbnail(heads[0])).max() <= 1


def test_only_pictures_of_different_sides_are_compared(heads):
    """More copies on its own side than there are neighbours to look at do not hide the one on the other side."""
    pictures = [*heads, *[heads[2]] * 12, heads[2][:, ::-1], heads[5]]
    sides = [0] * (len(pictures) - 2) + [2, 1]
    found = {(each.first, each.second) for each in find_pairs(thumbnails_of(pictures), sides)}
    assert (5, len(pictures) - 1) in found
    assert 1 <= sum(second == len(pictures) - 2 for _, second in found) == len(found) - 1
    assert find_pairs(thumbnails_of(pictures), [1] * len(pictures)) == []


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(heads, count):
    assert find_pairs(thumbnails_of(heads)[:count]) == []


def test_flat_pictures_are_not_alike():
    assert find_pairs(np.zeros((5, 48, 48), np.uint8)) == []


def test_pictures_alike_in_the_large_only_are_not_alike():
    """All of them are worth comparing, and none is left after the first comparison."""
    rng = np.random.default_rng(0)
    shades = Image.fromarray(rng.integers(80, 176, (8, 8), np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)
    pictures = np.asarray(shades) + rng.normal(0, 25, (4, 48, 48))
    assert find_pairs(np.clip(pictures, 0, 255).astype(np.uint8)) == []


def test_many_copies_of_one_picture_hang_together(heads):
    pairs = find_pairs(np.repeat(thumbnails_of(heads[:1]), 100, axis=0))
    reached, new = set(), {0}
    while new:
        reached |= new
        new = {j for each in pairs for i, j in ((each.first, each.second), (each.second, each.first)) if i in reached}
        new -= reached
    assert len(reached) == 100


@pytest.fixture(scope="module")
def jpegs(real_data):
    """Real pictures, and for each what its name says about whose copy it is."""
    files = sorted((real_data / "jpeg").rglob("*.jpg"))
    return [np.asarray(Image.open(file).convert("L")) for file in files], [file.name.split("_")[0] for file in files]


@pytest.mark.real
class TestRealPictures:
    """Bounds a little looser than what was measured; nobody tuned the thresholds on more than these pictures."""

    def test_known_near_duplicates_are_found(self, jpegs):
        """The names say which pictures are copies or mirrored copies: 112 pairs."""
        pictures, names = jpegs
        pairs = find_pairs(thumbnails_of(pictures))
        found = {(each.first, each.second) for each in pairs}
        known = {(i, j) for j in range(len(names)) for i in range(j) if names[i] == names[j]}
        assert len(found & known) >= 0.99 * len(known)
        # By eye these six are of the same picture or person too: ng61 and ng64, pi80 and pi106.
        assert len(parted(pairs, names)) <= 8

    @pytest.mark.parametrize("change", CHANGES)
    def test_copies_are_found(self, jpegs, change):
        assert share_found(jpegs[0], change) >= (0.95 if change in (cropped, everything) else 0.99)

    def test_patients_are_not_mistaken(self, real_data):
        """Four patients, before and after contrast: every fourth slice of the middle third of each volume."""
        pictures, people = [], []
        for file in sorted((real_data / "nifti").rglob("*.nii.gz")):
            data = Path(file).read_bytes()
            facts = reading.scan(data)
            wanted = range(facts.num_slices // 3, 2 * facts.num_slices // 3, 4)
            pictures += [each.pixels for each in reading.read(data, facts, wanted)]
            people += [file.name] * len(wanted)
        pairs = find_pairs(thumbnails_of(pictures))
        assert parted(pairs, people) == []
        assert len(pairs) >= 20  # The same slice before and after contrast.


def textures(count, side=48, seed=0, sigma=2):
    """Returns (count, side, side) float32 of smooth random textures, of about -3 to 3."""
    noise = np.random.default_rng(seed).normal(size=(count, side, side))
    smooth = ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="nearest")
    return (smooth / smooth.std()).astype(np.float32)


def waves(rows, columns):
    """A smooth picture without any symmetry, (rows, columns) float32, at places from -1 to 1."""
    rows, columns = rows[:, np.newaxis], columns[np.newaxis]
    picture = (
        np.sin(5 * rows + 1) * np.cos(4 * columns) + np.cos(7 * rows - 3 * columns) + np.sin(9 * columns + 2 * rows)
    )
    return picture.astype(np.float32)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 2.5])
def test_blurring_is_scipys_with_the_outermost_pixels_going_on(sigma):
    images = textures(3, 16)
    expected = ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest", truncate=16 / sigma)
    np.testing.assert_allclose(near_duplicates._blurred(images, sigma), expected, atol=1e-5)


def test_pooling_by_hand():
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    # The corner of the first: 0, 1, 4 and 5.
    np.testing.assert_array_equal(
        near_duplicates._pooled(images, 2), [[[2.5, 4.5], [10.5, 12.5]], [[18.5, 20.5], [26.5, 28.5]]]
    )


def test_normalising_by_hand():
    image = np.array([[[1, 3], [5, 7]]], np.float32)
    np.testing.assert_allclose(
        near_duplicates._normalised(image), np.array([[[-3, -1], [1, 3]]]) / np.sqrt(20), rtol=1e-6
    )
    inside = np.array([[[True, True], [True, False]]])
    np.testing.assert_allclose(
        near_duplicates._normalised(image, inside), np.array([[[-2, 0], [2, 0]]]) / np.sqrt(8), rtol=1e-6
    )
    for nothing in (image, np.full((1, 2, 2), 7, np.float32)):
        assert not near_duplicates._normalised(nothing, np.zeros((1, 2, 2), bool)).any()
    assert not near_duplicates._normalised(np.full((1, 2, 2), 7, np.float32)).any()


def test_coarse_pictures_are_of_zero_mean_and_of_one_length():
    pictures = np.clip(128 + 30 * textures(5), 0, 255).astype(np.uint8)
    coarse = near_duplicates._coarse(pictures)
    assert coarse.shape == (5, 8, 8)
    np.testing.assert_array_equal(coarse, np.rint(coarse))
    np.testing.assert_allclose(coarse.sum((1, 2)), 0, atol=32)  # Half a rounding of each of 64.
    np.testing.assert_allclose(np.sqrt((coarse**2).sum((1, 2))), 2000, atol=4)
    # Small enough for exact sums of products in float32, which no order of adding changes.
    assert np.abs(coarse).max() ** 2 < 2**24


@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (-2, 0), (0, 3), (2, -1)])
def test_a_shift_by_whole_pixels_moves_them_and_marks_what_comes_from_outside(rows, columns):
    image, place = textures(1, 9)[0], np.arange(9)
    motion = np.array([[[1, 2 * rows / 8], [1, 2 * columns / 8]]], np.float32)
    moved, inside = near_duplicates._moved(image[np.newaxis], motion)
    here = [(place + shift >= 0) & (place + shift < 9) for shift in (rows, columns)]
    np.testing.assert_array_equal(inside[0], here[0][:, np.newaxis] & here[1])
    expected = image[np.clip(place + rows, 0, 8)][:, np.clip(place + columns, 0, 8)]
    np.testing.assert_allclose(moved[0][inside[0]], expected[inside[0]], atol=1e-5)


def test_a_scale_moves_pixels_from_the_middle_outwards():
    image = np.tile(np.arange(9, dtype=np.float32), (9, 1))
    moved, inside = near_duplicates._moved(image[np.newaxis], np.array([[[1, 0], [0.5, 0]]], np.float32))
    np.testing.assert_allclose(moved[0], np.tile(np.linspace(2, 6, 9), (9, 1)), atol=1e-5)
    assert inside.all()


def test_slopes_are_what_a_little_motion_changes():
    axis = np.linspace(-1, 1, 48)
    image = waves(axis, axis)[np.newaxis]
    slopes = near_duplicates._slopes(image)[0].reshape(4, 48, 48)
    step = 1e-3
    for number, slope in enumerate(slopes):
        motion = near_duplicates._no_motion(1)
        motion[0, number // 2, number % 2] += step
        rows, columns = (scale * axis + shift for scale, shift in motion[0])
        change = (waves(rows, columns) - image[0]) / step
        # At the border differences reach one way only.
        np.testing.assert_allclose(slope[2:-2, 2:-2], change[2:-2, 2:-2], atol=0.25)


@pytest.mark.parametrize("motion", [[[1, 0], [1, 0]], [[1.06, 0.03], [0.95, -0.05]], [[0.93, -0.06], [1, 0.08]]])
def test_laying_over_finds_scale_and_shift_of_each_axis(motion):
    axis = np.linspace(-1, 1, 48)
    second = waves(axis, axis)[np.newaxis]
    first = waves(*(scale * axis + shift for scale, shift in motion))[np.newaxis]
    similarity, found = near_duplicates._align(first, second, near_duplicates._no_motion(1), 7)
    np.testing.assert_allclose(found[0], motion, atol=2e-3)
    assert 0.999 < similarity[0] <= 1 + 1e-5


@pytest.mark.parametrize(("change", "bound"), [(1, 0.88), (-0.5, 1.12)])
def test_motion_is_undone_within_its_bounds(change, bound):
    motion = np.array([[[1, 0], [1, 0.05]]], np.float32)
    small = np.array([[[0.04, 0.02], [-0.04, 0.01]]], np.float32)
    # Scale over 1 + change; the shift less that scale times its change.
    expected = [[1 / 1.04, -0.02 / 1.04], [1 / 0.96, 0.05 - 0.01 / 0.96]]
    np.testing.assert_allclose(near_duplicates._undone(motion, small)[0], expected, rtol=1e-5)
    large = near_duplicates._undone(motion, np.full((1, 2, 2), change, np.float32))[0]
    np.testing.assert_allclose(large, [[bound, -0.12 * np.sign(change)]] * 2, rtol=1e-5)


def test_too_little_overlap_is_no_similarity():
    """Three quarters must lie over each other: with a fifth cut off at one side they do, with a third they do not."""
    image = textures(1)
    for pixels, expected in ((9, 1.0), (16, 0.0)):
        moved, shift = np.roll(image, -pixels, 1), 2 * pixels / 47
        start = np.array([[[1, shift], [1, 0]]], np.float32)
        similarity, _ = near_duplicates._align(moved, image, start, 0)
        np.testing.assert_allclose(similarity, expected, atol=1e-5)


def candidates_one_by_one(thumbnails, sides):
    """Returns {(i, j, mirrored)} of different sides whose coarse pictures are alike enough, each pair looked at."""
    coarse = near_duplicates._coarse(thumbnails).astype(np.int64)
    found = set()
    for i in range(len(coarse)):
        for j in range(i + 1, len(coarse)):
            straight, mirrored = (coarse[i] * coarse[j]).sum(), (coarse[i] * coarse[j][:, ::-1]).sum()
            if sides[i] != sides[j] and max(straight, mirrored) >= 0.92 * 2000**2:
                found.add((i, j, bool(mirrored > straight)))
    return found


SIDES = {
    "own": range(24),
    "two": [0, 1] * 12,
    "few": [0] * 20 + [1, 2, 2, 3],
    "first": [0] * 11 + [1] + [0] * 4 + [2, 0, 0, 3] + [0] * 4,  # Of these the first picture's own look-alikes.
}


@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("blocks", [(256, 1024), (5, 7), (1, 1)])
def test_candidates_are_those_of_looking_at_every_pair_however_much_is_held_at_a_time(monkeypatch, sides, blocks):
    rng = np.random.default_rng(1)
    base = np.repeat(textures(6, sigma=6), 4, axis=0)  # Four of each, two of them mirrored, and all a little changed.
    base[1::4] = base[1::4, :, ::-1]
    base[2::4] = base[2::4, :, ::-1]
    noise = rng.uniform(0.1, 0.6, (24, 1, 1)) * textures(24, seed=2, sigma=6)
    pictures = np.clip(128 + 40 * (base + noise), 0, 255).astype(np.uint8)[rng.permutation(24)]
    expected = candidates_one_by_one(pictures, sides)
    assert len({each[2] for each in expected}) == 2
    monkeypatch.setattr(near_duplicates, "_ROWS", blocks[0])
    monkeypatch.setattr(near_duplicates, "_COLUMNS", blocks[1])
    first, second, mirrored = near_duplicates._candidates(pictures, np.asarray(sides))
    assert set(zip(first.tolist(), second.tolist(), mirrored.tolist(), strict=True)) == expected
    pairs = find_pairs(pictures, sides)
    assert {(each.first, each.second) for each in pairs} <= {each[:2] for each in expected}
    monkeypatch.setattr(near_duplicates, "_PAIRS", 1)
    assert [(each.first, each.second) for each in find_pairs(pictures, sides)] == [
        (each.first, each.second) for each in pairs
    ]


def test_of_each_row_the_eight_largest_products_stay_and_of_equal_ones_the_first():
    # Row 1 has ten, the last two of which are equal and among the largest; row 0 has two.
    products = [5, 3, 9, 1, 7, 6, 2, 4, 8, 8]
    found = [[1, neighbour, 0, product] for neighbour, product in enumerate(products)] + [[0, 4, 1, 2], [0, 3, 1, 2]]
    kept = near_duplicates._largest(np.array(found))
    assert kept[:, 1].tolist() == [3, 4, 2, 8, 9, 4, 5, 0, 7, 1]
    assert kept[:, 0].tolist() == [0] * 2 + [1] * 8


def test_products_that_reach_the_least_are_near_and_of_very_many_the_eight_largest():
    best = np.array([[1.0, 2, 3], [4, 5, 6]], np.float32)
    one, other = near_duplicates._near(best, np.array([2, 6], np.float32))
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    for many, kept in ((64, 64), (65, 8)):
        best = np.arange(2 * many, dtype=np.float32).reshape(2, many)
        one, other = near_duplicates._near(best, np.zeros(2, np.float32))
        assert one.tolist() == [0] * kept + [1] * kept
        assert other.tolist() == list(range(many - kept, many)) * 2


@pytest.mark.parametrize("size", [(48, 48), (96, 144), (192, 96), (384, 384), (385, 391), (960, 480)])
def test_a_thumbnail_is_the_picture_in_small_whatever_its_size(size):
    def seen(rows, columns):
        return 100 + 40 * waves((np.arange(rows) + 0.5) / rows * 2 - 1, (np.arange(columns) + 0.5) / columns * 2 - 1)

    expected = np.rint(scale_foreground(seen(48, 48))).astype(int)
    found = thumbnail(seen(*size).astype(np.float32)).astype(int)
    assert np.abs(found - expected)[1:-1, 1:-1].max() <= 6
    assert np.abs(np.mean(found - expected)) < 1


def test_what_is_left_of_a_picture_to_compare_are_its_edges_of_a_middle_scale():
    """Of the square root, less what is blurred more: by 2 of 8 pixels for candidates, by 0.7 and 2.5 of 48 after."""
    pictures = np.clip(128 + 30 * textures(3), 0, 255).astype(np.uint8)

    def blurred(images, sigma):
        return ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest", truncate=images.shape[1] / sigma)

    roots = np.sqrt(pictures.astype(np.float64))
    np.testing.assert_allclose(
        near_duplicates._band_pass(pictures), blurred(roots, 0.7) - blurred(roots, 2.5), atol=1e-4
    )
    small = np.sqrt(pictures.reshape(3, 8, 6, 8, 6).mean((2, 4)))
    edges = small - blurred(small, 2.0)
    edges -= edges.mean((1, 2), keepdims=True)
    expected = 2000 * edges / np.sqrt((edges**2).sum((1, 2), keepdims=True))
    np.testing.assert_allclose(near_duplicates._coarse(pictures), expected, atol=0.6)


@pytest.mark.parametrize("columns", [1024, 7, 1])
def test_of_many_look_alikes_the_eight_nearest_are_found_however_much_is_held_at_a_time(monkeypatch, columns):
    noise = np.random.default_rng(3).uniform(0.05, 0.5, (20, 1, 1)) * textures(20, seed=4, sigma=6)
    pictures = np.clip(128 + 40 * (textures(1, sigma=6) + noise), 0, 255).astype(np.uint8)
    coarse = near_duplicates._coarse(pictures)
    products = np.maximum(
        *(np.einsum("iab,jab", coarse, each, dtype=np.float64) for each in (coarse, coarse[:, :, ::-1]))
    )
    np.fill_diagonal(products, -1)
    expected = set()
    for row, values in enumerate(products):
        expected |= {
            (row, int(other)) for other in np.argsort(-values, kind="stable")[:8] if values[other] >= 0.92e6 * 4
        }
    assert len(expected) > 8 * 10
    monkeypatch.setattr(near_duplicates, "_COLUMNS", columns)
    rows, others, _ = near_duplicates._nearest(coarse.astype(np.int16), np.arange(20), np.arange(20))
    assert set(zip(rows.tolist(), others.tolist(), strict=True)) == expected
