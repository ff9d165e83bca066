"""Values that are no intensity, and elements that are missing: as the standard says."""

import io

import numpy as np
import pydicom
import pytest
from image_files import dicom_bytes, ramp

from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError

PIXELS = ramp().astype(np.int16) + 20


def pixels_of(data):
    return read(data, scan(data), [0])[0].pixels


def edited(pixels=PIXELS, remove=(), raw=()):
    """Returns a file without some elements, and with bytes of others replaced by as many."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(pixels)))
    for keyword in remove:
        delattr(dataset, keyword)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    data = buffer.getvalue()
    for before, after in raw:
        assert before in data
        data = data.replace(before, after)
    return data


@pytest.mark.parametrize(
    ("value", "tag"), [(-2000, -2000), (4095, 4095), (-2000, 63536)], ids=["negative", "white", "of the other sign"]
)
def test_padding_is_black_and_nothing_else(value, tag):
    padded = PIXELS.copy()
    padded[:5] = value
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(padded)))
    dataset.add_new(0x00280120, "US" if tag > 32767 else "SS", tag)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    found = pixels_of(buffer.getvalue())
    np.testing.assert_array_equal(found[5:], PIXELS[5:])
    assert set(np.unique(found[:5])) == {PIXELS[5:].min()}


def test_a_range_of_padding():
    padded = PIXELS.copy()
    padded[0], padded[1] = 3000, 3010
    data = dicom_bytes(padded, PixelPaddingValue=3000, PixelPaddingRangeLimit=3010)
    assert pixels_of(data).max() == PIXELS[2:].max()


def test_padding_stays_black_where_small_values_are_white():
    padded = PIXELS.copy()
    padded[:5] = 4000
    found = pixels_of(dicom_bytes(padded, PixelPaddingValue=4000, PhotometricInterpretation="MONOCHROME1"))
    shown = PIXELS[5:].astype(np.float32)
    np.testing.assert_array_equal(found[5:], shown.max() + shown.min() - shown)
    assert set(np.unique(found[:5])) == {shown.min()}


@pytest.mark.parametrize("keyword", ["BitsStored", "HighBit", "SamplesPerPixel"])
def test_elements_with_a_default_may_be_missing(keyword):
    np.testing.assert_array_equal(pixels_of(edited(remove=[keyword])), PIXELS)


def test_unsigned_is_the_default():
    pixels = ramp().astype(np.uint16)
    np.testing.assert_array_equal(pixels_of(edited(pixels, remove=["PixelRepresentation"])), pixels)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_an_element_without_a_default_is_named(keyword):
    with pytest.raises(RejectedImageError, match=f"{keyword} is missing"):
        scan(edited(remove=[keyword]))


def test_decimal_commas_are_read():
    data = edited(raw=[(b"0.5\\0.75", b"0,5\\0,75")])
    assert scan(data).frames[0].spacing == (0.5, 0.75)


def test_a_number_that_is_none_is_named():
    with pytest.raises(RejectedImageError, match="PixelSpacing is not 2 numbers"):
        scan(edited(raw=[(b"0.5\\0.75", b"abc\\0.75")]))


@pytest.mark.parametrize("form", ["", "_RLE"])
def test_bits_above_those_stored_are_no_intensity(form):
    dataset = pydicom.dcmread(pydicom.data.get_testdata_file(f"MR_small{form}.dcm"))
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    expected = dataset.pixel_array
    assert expected.max() < 2**12
    dirty = dicom_bytes((expected.astype(np.uint16) | 0x7000), BitsStored=12, HighBit=11, PixelRepresentation=0)
    np.testing.assert_array_equal(pixels_of(dirty), expected)
