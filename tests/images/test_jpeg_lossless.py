"""DICOM files in JPEG Lossless: the pixels as they were, and damage found although the decoder repairs."""

import collections
import os
import random

import imagecodecs
import numpy as np
import pytest
from image_files import dicom_bytes
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError

MUTATED = int(os.environ.get("FUZZ_EXAMPLES", "300"))


def encoded(pixels, bits, predictor=1):
    unsigned = pixels.astype(np.uint16) & (2**bits - 1)
    stored = unsigned.astype(np.uint8) if bits <= 8 else unsigned
    return imagecodecs.jpeg8_encode(stored, lossless=True, predictor=predictor, bitspersample=bits)


def file_of(pixels, frame, syntax=JPEGLosslessSV1, **tags):
    return dicom_bytes(pixels, frame=(syntax, frame), **tags)


@pytest.fixture(scope="module")
def pixels():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(48), np.arange(64)) * 20
    return (smooth + rng.integers(0, 40, smooth.shape)).astype(np.uint16)


def outcome(data):
    try:
        return read(data, scan(data), [0])[0].pixels
    except RejectedImageError as error:
        return error.code


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
@pytest.mark.parametrize("bits", [12, 16])
def test_pixels_come_back_as_they_were(pixels, syntax, bits):
    data = file_of(pixels, encoded(pixels, bits), syntax, BitsStored=bits, HighBit=bits - 1)
    np.testing.assert_array_equal(outcome(data), pixels)


def test_8_bits(pixels):
    small = (pixels // 16).astype(np.uint8)
    np.testing.assert_array_equal(outcome(file_of(small, encoded(small, 8))), small)


def test_signed_values(pixels):
    signed = pixels.astype(np.int16) - 700
    data = file_of(signed, encoded(signed, 12), BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(outcome(data), signed)


def test_every_cut_is_noticed(pixels):
    frame = encoded(pixels, 16)
    for length in range(2, len(frame) - 2, 1 + len(frame) // 60):
        for end in (b"", b"\xff\xd9"):
            assert outcome(file_of(pixels, frame[:length] + end)) in ("truncated", "corrupt"), (length, end)


def test_what_the_header_says_of_its_size_must_be_so(pixels):
    assert outcome(file_of(pixels[:24], encoded(pixels, 16))) == "corrupt"
    assert outcome(file_of((pixels // 16).astype(np.uint8), encoded(pixels, 16))) == "corrupt"


@pytest.mark.slow
def test_mutated_streams_are_read_or_refused_and_crash_nothing(pixels):
    """A changed bit that decodes to other pixels cannot be noticed: there is no checksum."""
    frame, draw, found = encoded(pixels, 16), random.Random(1), collections.Counter()
    for _ in range(MUTATED):
        changed = bytearray(frame)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        result = outcome(file_of(pixels, bytes(changed)))
        found[result if isinstance(result, str) else "read"] += 1
    print(dict(found))
    assert sum(found.values()) == MUTATED
    assert found["corrupt"] + found["truncated"] > MUTATED / 10
