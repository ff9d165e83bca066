import contextlib
import gzip

import pytest
from image_files import EXAMPLES, encode, nifti_bytes, ramp

from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.images.sniffing import HEAD_BYTES, expected_format, sniff

MADE = {name: EXAMPLES[name] for name in ("png", "jpeg", "dicom", "nifti")}


@pytest.mark.parametrize("name", MADE)
def test_content_decides(name):
    assert sniff(MADE[name][:HEAD_BYTES]) == name


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_nifti_of_every_kind(version, big_endian, compressed):
    data = nifti_bytes(version=version, big_endian=big_endian, compressed=compressed)
    assert sniff(data[:HEAD_BYTES]) == "nifti"


def test_zero_bytes():
    with pytest.raises(RejectedImageError) as caught:
        sniff(b"")
    assert caught.value.code == "empty"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (encode(ramp(), "GIF"), "GIF"),
        (encode(ramp(), "BMP"), "BMP"),
        (encode(ramp(), "WEBP"), "WebP"),
        (encode(ramp(), "TIFF"), "TIFF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?><svg/>", "SVG"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(b"no volume", mtime=0), "gzip"),
        (b"\x1f\x8bbroken", "gzip"),
        (b"hello", "DICM"),
    ],
)
def test_other_formats_are_named(head, name):
    with pytest.raises(RejectedImageError, match=name) as caught:
        sniff(head)
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("magic", [b"MZ", b"\x7fELF", b"#!/bin/sh\n"])
def test_executable_preamble(magic):
    with pytest.raises(RejectedImageError) as caught:
        sniff(magic + MADE["dicom"][len(magic) :])
    assert caught.value.code == "not_dicom"


def test_not_dicom_though_named_so():
    assert expected_format("slice.dcm") == "dicom"
    with pytest.raises(RejectedImageError) as caught:
        sniff(MADE["dicom"][132:])  # The data set alone, without preamble and DICM.
    assert caught.value.code == "unsupported_format"


def test_two_file_nifti_is_named():
    head = bytearray(MADE["nifti"][:HEAD_BYTES])
    head[344:348] = b"ni1\0"
    with pytest.raises(RejectedImageError, match="two-file"):
        sniff(bytes(head))


def test_expected_format_by_name():
    names = ["a/b.JPG", "c.jpeg", "d.png", "e.nii", "f.nii.gz", "IM0001", "g.txt"]
    assert [expected_format(name) for name in names] == ["jpeg", "jpeg", "png", "nifti", "nifti", None, None]


def test_every_prefix_is_a_format_or_a_rejection():
    for name, data in MADE.items():
        for length in range(1, 400):
            with contextlib.suppress(RejectedImageError):
                assert sniff(data[:length]) == name
