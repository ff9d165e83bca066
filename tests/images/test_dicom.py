import io
import sys

import numpy as np
import pydicom.data
import pytest
from image_files import SAGITTAL, dicom_bytes, ramp

from contrast_tfdata.errors import UsageError
from contrast_tfdata.images import dicom
from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError

PIXELS = ramp().astype(np.uint16)


def code_of(data: bytes) -> str:
    with pytest.raises(RejectedImageError) as caught:
        read(data, scan(data), [0])
    return caught.value.code


def retagged(name: str, **tags) -> bytes:
    """Returns a file of pydicom's test set with other tags."""
    dataset = pydicom.dcmread(pydicom.data.get_testdata_file(name))
    buffer = io.BytesIO()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_header():
    header = dicom.read_header(dicom_bytes())
    assert header == dicom.DicomHeader("patient-7", "1.2", "1.2.3", 12.5, (0.5, 0.75), tuple(map(float, SAGITTAL)), ())


def test_values_are_stored_values_rescaled():
    image = dicom.read_slice(dicom_bytes(PIXELS, RescaleSlope="2.5", RescaleIntercept="-7"), index=3)
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, PIXELS * 2.5 - 7)
    assert (image.index, image.spacing) == (3, (0.5, 0.75))


def test_signed_and_8_bit_pixels():
    for pixels in (PIXELS.astype(np.int16) - 100, ramp()):
        np.testing.assert_array_equal(dicom.read_slice(dicom_bytes(pixels)).pixels, pixels)


def test_monochrome1_is_reflected():
    pixels = dicom.read_slice(dicom_bytes(PIXELS, PhotometricInterpretation="MONOCHROME1")).pixels
    np.testing.assert_array_equal(pixels, PIXELS.max() - PIXELS.astype(np.float32))


@pytest.mark.parametrize("vertical", [(0, 0, -1), (0, 0, 1)])
@pytest.mark.parametrize("horizontal", [(0, 1, 0), (0, -1, 0)])
@pytest.mark.parametrize("transposed", [False, True])
def test_every_way_to_store_a_sagittal_slice_shows_the_same(vertical, horizontal, transposed):
    stored = PIXELS if vertical[2] < 0 else PIXELS[::-1]
    stored = stored if horizontal[1] > 0 else stored[:, ::-1]
    orientation, spacing = [*horizontal, *vertical], [0.5, 0.75]
    if transposed:
        stored, orientation, spacing = stored.T, [*vertical, *horizontal], spacing[::-1]
    image = dicom.read_slice(dicom_bytes(stored, ImageOrientationPatient=orientation, PixelSpacing=spacing))
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.spacing == (0.5, 0.75)


@pytest.mark.parametrize("orientation", [SAGITTAL, [0, -1, 0, 0, 0, -1], [0, 0, 1, 0, 1, 0]])
def test_position_grows_to_the_right_however_the_slice_is_stored(orientation):
    positions = [
        dicom.read_header(dicom_bytes(ImageOrientationPatient=orientation, ImagePositionPatient=[x, 3, 4])).position
        for x in (30, 0, -30)  # DICOM's x grows to the left.
    ]
    assert positions == [-30, 0, 30]


def test_slightly_oblique_is_sagittal():
    tilt = np.deg2rad(20)
    orientation = [float(np.sin(tilt)), float(np.cos(tilt)), 0, 0, 0, -1]
    header = dicom.read_header(dicom_bytes(ImageOrientationPatient=[f"{value:.6f}" for value in orientation]))
    assert header.orientation is not None


@pytest.mark.parametrize(("orientation", "plane"), [([1, 0, 0, 0, 1, 0], "axial"), ([1, 0, 0, 0, 0, -1], "coronal")])
def test_fault_67_other_planes(orientation, plane):
    with pytest.raises(RejectedImageError, match=plane) as caught:
        scan(dicom_bytes(ImageOrientationPatient=orientation))
    assert caught.value.code == "not_sagittal"


def test_missing_plane_is_accepted_with_a_warning():
    data = dicom_bytes(ImageOrientationPatient=None, ImagePositionPatient=None, SliceLocation="4.5")
    facts = scan(data)
    assert (facts.warnings, facts.position) == (("plane_unknown",), 4.5)
    np.testing.assert_array_equal(read(data, facts, [0])[0].pixels, PIXELS)


def test_fault_66_burnt_in_annotation():
    assert code_of(dicom_bytes(BurnedInAnnotation="YES")) == "burned_in_annotation"
    assert scan(dicom_bytes(BurnedInAnnotation=None)).warnings == ("burned_in_unknown",)


def test_fault_28_nothing_but_allowed_tags_leaves_the_parser():
    facts = scan(dicom_bytes())
    assert "Secret" not in repr(facts)
    assert facts.patient_id == "patient-7"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Modality": "CT"}, "not_mr"),
        ({"Modality": None}, "not_mr"),
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"SamplesPerPixel": 3}, "colour"),
        ({"PixelData": None}, "no_pixels"),
        ({"PixelData": PIXELS.tobytes()[:-100]}, "truncated"),
        ({"Rows": 8}, "too_small"),
        ({"Rows": 60000, "Columns": 60000}, "too_large"),
        ({"Rows": None}, "too_small"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 1, 0]}, "corrupt"),
        ({"ImageOrientationPatient": [0, 1, 0]}, "corrupt"),
        ({"PixelSpacing": ["1e308", "1"]}, "bad_spacing"),
        ({"RescaleSlope": "1e300"}, "not_finite"),
    ],
)
def test_fault_67_68_defined_rules(tags, code):
    assert code_of(dicom_bytes(**tags)) == code


def test_odd_codes_stay_on_one_line_of_a_message():
    with pytest.raises(RejectedImageError, match="'C' pixels"):
        scan(dicom_bytes(PhotometricInterpretation="C"))
    with pytest.raises(RejectedImageError, match=r"the modality is 'M\\nR'"):
        scan(dicom_bytes(Modality="XXX").replace(b"CS\x04\0XXX ", b"CS\x04\0M\nR "))


def test_unknown_spacing_means_square_pixels():
    for spacing in (None, [0, 0]):
        assert dicom.read_header(dicom_bytes(PixelSpacing=spacing)).spacing == (1.0, 1.0)


@pytest.mark.parametrize("kind", ["", "_RLE", "_bigendian", "_implicit", "_jp2klossless", "_padded"])
def test_transfer_syntaxes_decode_to_the_same_pixels(kind):
    data = retagged(f"MR_small{kind}.dcm", ImageOrientationPatient=SAGITTAL)
    expected = pydicom.dcmread(pydicom.data.get_testdata_file("MR_small.dcm")).pixel_array
    np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, expected)


def test_fault_68_transfer_syntax_without_decoder_is_named():
    data = retagged("MR_small_jpeg_ls_lossless.dcm", ImageOrientationPatient=SAGITTAL)
    if pydicom.pixels.get_decoder(pydicom.uid.JPEGLSLossless).is_available:
        pytest.skip("a JPEG-LS decoder is installed")
    with pytest.raises(RejectedImageError, match="JPEG-LS.*Install.*pyjpegls") as caught:
        scan(data)
    assert caught.value.code == "transfer_syntax"


def test_fault_68_damaged_compressed_pixels():
    data = dicom_bytes(PIXELS, rle=True)
    assert code_of(data[: len(data) - 300]) in ("undecodable", "no_pixels")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CT_small.dcm", "not_mr"),
        ("rtplan.dcm", "no_pixels"),
        ("MR_truncated.dcm", "truncated"),
        ("MR_small.dcm", "not_sagittal"),
        ("image_dfl.dcm", "transfer_syntax"),  # Deflated: refused before it is inflated.
    ],
)
def test_fault_67_68_pydicoms_own_files(name, code):
    with open(pydicom.data.get_testdata_file(name), "rb") as file:
        assert code_of(file.read()) == code


def test_missing_pydicom_is_one_clear_line(monkeypatch):
    data = dicom_bytes()
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UsageError, match=r'pip install "contrast_tfdata\[dicom\]"'):
        scan(data)
