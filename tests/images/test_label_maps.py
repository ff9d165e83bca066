"""Masks and segmentations are told from images by how their pixels lie, and no image is taken for one."""

import io
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from image_files import dicom_bytes, encode, nifti_bytes
from PIL import Image

from contrast_tfdata import phantom
from contrast_tfdata.images import nifti
from contrast_tfdata.images.label_maps import check_intensities
from contrast_tfdata.images.reading import read, read_planes, scan
from contrast_tfdata.images.slices import RejectedImageError

SHAPE = (60, 80, 72)


def is_label_map(pixels) -> bool:
    try:
        check_intensities(pixels)
    except RejectedImageError as error:
        return error.code == "label_map"
    return False


def head(shape=SHAPE) -> np.ndarray:
    """Returns distances from the middle of an ellipsoid, 1 at its surface."""
    axes = np.meshgrid(*(np.linspace(-1.2, 1.2, size) for size in shape), indexing="ij")
    return np.sqrt(sum(axis**2 for axis in axes))


def regions(count: int, seed: int = 0, shape=SHAPE) -> np.ndarray:
    """Returns a head in which each voxel has the number of its region, of `count` around points drawn by chance."""
    inside = head(shape) < 1
    rng = np.random.default_rng(seed)
    points = rng.permutation(np.argwhere(inside))[:count]
    nearest = np.zeros(shape, int)
    least = np.full(shape, np.inf)
    grid = np.indices(shape)
    for number, point in enumerate(points, start=1):
        distance = ((grid - point[:, None, None, None]) ** 2).sum(axis=0)
        nearest[distance < least] = number
        least = np.minimum(least, distance)
    return np.where(inside, nearest, 0)


def lesions() -> np.ndarray:
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(1).normal(size=SHAPE), 3)
    return ((noise > np.quantile(noise, 0.995)) & (head() < 1)).astype(np.uint8)


def tissues() -> np.ndarray:
    rough = head() + scipy.ndimage.gaussian_filter(np.random.default_rng(2).normal(size=SHAPE), 2)
    return np.where(head() < 1, 1 + np.digitize(rough, (0.4, 0.8)), 0)


LABELS = {
    "mask": (head() < 1).astype(np.uint8),
    "mask of 255": np.where(head() < 1, 255, 0).astype(np.uint8),
    "mask of floats": (head() < 1).astype(np.float32),
    "inverted mask": (head() > 1).astype(np.int16),
    "mask on another background": np.where(head() < 1, 1, -1000).astype(np.int16),
    "lesions": lesions(),
    "organ and lesions": np.where(head() < 0.9, 1 + lesions(), 0).astype(np.uint8),
    "tissues": tissues().astype(np.uint8),
    "12 regions": regions(12).astype(np.uint8),
    "100 regions": regions(100).astype(np.uint8),
    "100 regions of floats": regions(100).astype(np.float32),
    "numbers of FreeSurfer": np.where(regions(80) > 0, 1000 + 13 * regions(80), 0).astype(np.int32),
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_volumes_of_labels(name, order):
    assert is_label_map(np.asarray(LABELS[name], order=order))


@pytest.mark.parametrize("name", [name for name in LABELS if name != "lesions"])
def test_slices_of_labels(name):
    for number in (20, 30):
        assert is_label_map(LABELS[name][number])


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("compressed", [False, True])
def test_nifti_files_of_labels_whichever_slices_are_asked_for(name, compressed):
    data = nifti_bytes(LABELS[name], compressed=compressed)
    with pytest.raises(RejectedImageError) as caught:
        read(data, scan(data), [0])  # The first slice is empty.
    assert caught.value.code == "label_map"


@pytest.mark.parametrize("intent", [1002, 1003])
def test_nifti_files_that_say_so_are_left_out_unread(intent):
    volume = np.random.default_rng(0).normal(size=(20, 24, 18)).astype(np.float32)
    data = nifti_bytes(volume)
    header = nifti._stored_header(data[:348])
    header["intent_code"] = intent
    with pytest.raises(RejectedImageError, match="intent_code") as caught:
        scan(header.binaryblock + data[348:])
    assert caught.value.code == "label_map"


def coloured(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8), "P")
    image.putpalette(np.random.default_rng(3).integers(0, 256, 768).tolist())
    return image


PICTURES = {
    "mask": Image.fromarray(LABELS["mask of 255"][30]),
    "mask of 1": Image.fromarray(LABELS["mask"][30]),
    "one bit": Image.fromarray(LABELS["mask"][30].astype(bool)),
    "flat greys": Image.fromarray((regions(4)[30] * 60).astype(np.uint8)),
    "palette": coloured(regions(20)[30]),
    "palette as colours": coloured(regions(20)[30]).convert("RGB"),
    "sixteen bits": Image.fromarray((regions(20)[30] * 3000).astype(np.uint16)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_labels(name):
    data = encode(PICTURES[name], "PNG")
    with pytest.raises(RejectedImageError) as caught:
        read(data, scan(data), [0])
    assert caught.value.code == "label_map"


@pytest.mark.parametrize("number", [4, 7])
def test_dicom_segmentations_by_their_class(number):
    data = dicom_bytes(SOPClassUID=f"1.2.840.10008.5.1.4.1.1.66.{number}", Modality="SEG")
    with pytest.raises(RejectedImageError, match="that of segmentations") as caught:
        scan(data)
    assert caught.value.code == "label_map"


def test_masks_stored_as_mr_images():
    data = dicom_bytes(LABELS["mask"][30].astype(np.uint16))
    with pytest.raises(RejectedImageError) as caught:
        read(data, scan(data), [0])
    assert caught.value.code == "label_map"


@pytest.fixture(scope="module")
def slices():
    """T1 slices of the phantom, as 8-bit pictures."""
    patient = phantom.generate_patient(3, 0, phantom.PhantomOptions())
    return [to_bytes(each.pixels) for each in (*patient.pre, *patient.post)]


def to_bytes(pixels) -> np.ndarray:
    return (pixels / pixels.max() * 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encode(pixels, "JPEG", quality=quality))))


def enlarged(pixels: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.NEAREST))


def windowed(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.clip((pixels.astype(float) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


CHANGES = {
    "as it is": lambda pixels: pixels,
    **{f"{bits} bits": lambda pixels, bits=bits: pixels >> (8 - bits) << (8 - bits) for bits in (2, 3, 4, 5, 6)},
    **{
        f"{number} greys": lambda pixels, n=number: (pixels.astype(int) * n // 256).astype(np.uint8)
        for number in (5, 6, 12)
    },
    **{
        f"window {low}-{high}": lambda pixels, w=(low, high): windowed(pixels, *w)
        for low, high in ((60, 100), (90, 100))
    },
    "dithered": lambda pixels: np.asarray(Image.fromarray(pixels).convert("1")).astype(np.uint8),
    "noisy": lambda pixels: (
        (pixels + np.random.default_rng(0).normal(0, 20, pixels.shape)).clip(0, 255).astype(np.uint8)
    ),
    "float": lambda pixels: pixels.astype(np.float32) * 1.7 - 3,
    "dim": lambda pixels: pixels // 16,
    "padded": lambda pixels: np.pad(pixels, 60),
    "padded with white": lambda pixels: np.pad(pixels, 60, constant_values=255),
    "padded with -2000": lambda pixels: np.pad(pixels.astype(np.float32), 60, constant_values=-2000),
    "half black": lambda pixels: np.where(np.arange(pixels.shape[1]) < pixels.shape[1] * 0.9, 0, pixels),
    "enlarged to 331": lambda pixels: enlarged(pixels, 331),
    "enlarged to 1024": lambda pixels: enlarged(pixels, 1024),
    "few greys, enlarged": lambda pixels: enlarged(pixels >> 5 << 5, 1024),
    "reduced": lambda pixels: pixels[::4, ::4],
    **{f"JPEG {quality}": lambda pixels, q=quality: jpeg(pixels, q) for quality in (1, 10, 50)},
    "smoothed": lambda pixels: scipy.ndimage.gaussian_filter(pixels, 2),
    "median": lambda pixels: scipy.ndimage.median_filter(pixels, 5),
    "smoothed, 8 greys": lambda pixels: scipy.ndimage.gaussian_filter(pixels, 1.5) >> 5 << 5,
}


@pytest.mark.parametrize("name", CHANGES)
def test_images_are_none_however_they_were_treated(slices, name):
    assert not any(is_label_map(CHANGES[name](each)) for each in slices)


@pytest.mark.parametrize("levels", [12, 30, 255])
def test_volumes_of_8_bits_are_none(levels):
    rng = np.random.default_rng(0)
    volume = np.where(head() < 1, 500 + 200 * np.cos(9 * head()), 0) + np.abs(rng.normal(0, 40, SHAPE))
    scaled = np.round(volume / volume.max() * levels)
    assert not is_label_map(scaled.astype(np.uint8))
    assert not is_label_map((scaled + rng.integers(0, 2, SHAPE)).astype(np.uint8))


def test_empty_slices_and_what_is_almost_empty():
    for value, shape in itertools.product((0, 7, 255), ((60, 70), (20, 24, 18))):
        assert not is_label_map(np.full(shape, value, np.uint8))
    spots = np.zeros((60, 70), np.uint8)
    spots[::7, ::5] = 1
    assert not is_label_map(spots)
    noise = np.random.default_rng(0).poisson(0.2, (60, 70)).astype(np.uint8)
    assert not is_label_map(noise)


def test_stripes_and_ramps_are_no_regions():
    rows, columns = np.mgrid[:60, :70]
    for pixels in (rows, columns, rows // 6 * 3 % 17, rows + columns, (columns // 5 * 97) % 256):
        assert not is_label_map(pixels.astype(np.uint8))


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif("CONTRAST_REAL_DATA" not in os.environ, reason="CONTRAST_REAL_DATA names no folder")
def test_no_real_image_is_taken_for_labels():
    codes, root = {}, Path(os.environ["CONTRAST_REAL_DATA"])
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        data = path.read_bytes()
        try:
            facts = scan(data)
            if facts.format == "nifti":
                read(data, facts, [facts.num_slices // 2])
            elif facts.format == "dicom":
                for plane in read_planes(data, facts, range(facts.num_slices)):
                    check_intensities(plane)
            else:
                read(data, facts, [0])
        except RejectedImageError as error:
            codes[path] = error.code
        else:
            codes[path] = "read"
    assert not [path for path, code in codes.items() if code == "label_map"]
    assert list(codes.values()).count("read") > 250
