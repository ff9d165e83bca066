import io
import struct
import subprocess
import sys

import jpeg_ls
import numpy as np
import pydicom.data
import pytest
from fuzz_images import outcome
from image_files import EXAMPLES, SAGITTAL, dicom_bytes, dicom_jpeg, dicom_jpeg_2000, encode, ramp
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

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
    texts = dict.fromkeys(("SeriesDescription", "ProtocolName", "ContrastBolusAgent"), "Secret words, gad")
    facts = scan(dicom_bytes(**texts, PatientComments="Secret"))
    assert "Secret" not in repr(facts)
    assert "Secret" not in repr(dicom.read_header(dicom_bytes(**texts)))
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


@pytest.mark.parametrize(
    "kind", ["", "_RLE", "_bigendian", "_implicit", "_jp2klossless", "_jpeg_ls_lossless", "_padded"]
)
def test_transfer_syntaxes_decode_to_the_same_pixels(kind):
    data = retagged(f"MR_small{kind}.dcm", ImageOrientationPatient=SAGITTAL)
    expected = pydicom.dcmread(pydicom.data.get_testdata_file("MR_small.dcm")).pixel_array
    np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, expected)


def test_jpeg_is_what_pillow_decodes():
    pixels = read(EXAMPLES["dicom_jpeg"], scan(EXAMPLES["dicom_jpeg"]), [0])[0].pixels
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(encode(ramp(), "JPEG")))))


@pytest.mark.parametrize(
    ("sop_class", "code", "said"),
    [
        ("1.2.840.10008.5.1.4.1.1.4.1", "multi_frame", "Enhanced MR Image Storage"),
        ("1.2.840.10008.5.1.4.1.1.4.4", "multi_frame", "Legacy Converted Enhanced MR Image Storage"),
        ("1.2.840.10008.5.1.4.1.1.7", "not_mr", "Secondary Capture Image Storage"),
        ("1.2.3.4.5", "not_mr", "the SOP class is unknown"),
    ],
)
def test_fault_67_images_that_are_mr_only_by_their_modality(sop_class, code, said):
    with pytest.raises(RejectedImageError, match=said) as caught:
        scan(dicom_bytes(SOPClassUID=sop_class))
    assert caught.value.code == code


def test_fault_67_sop_class_of_the_file_meta_group():
    assert scan(dicom_bytes(SOPClassUID=None)).format == "dicom"
    # 1.2.840.10008.5.1.4.1.1.4 with a null at its end: one digit more fits in.
    other = dicom_bytes(SOPClassUID=None).replace(b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.10008.5.1.4.1.1.42")
    assert code_of(other) == "not_mr"


def test_fault_68_syntax_that_is_not_installed_names_the_extra(tmp_path):
    (tmp_path / "slice.dcm").write_bytes(EXAMPLES["dicom_jpeg_ls"])
    code = (
        "import sys\n"
        "sys.modules['jpeg_ls'] = None\n"
        "from contrast_tfdata.images.reading import scan\n"
        "from contrast_tfdata.images.slices import RejectedImageError\n"
        "try:\n    scan(open(sys.argv[1], 'rb').read())\n"
        "except RejectedImageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "slice.dcm")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("transfer_syntax: JPEG-LS Lossless")
    assert 'pip install "contrast_tfdata[dicom]"' in done.stdout


def test_fault_68_syntax_that_is_not_read_says_what_to_do():
    with pytest.raises(RejectedImageError, match="JPEG Lossless.*store it uncompressed") as caught:
        scan(dicom_bytes(frame=(JPEGLosslessSV1, b"\xff\xd8")))
    assert caught.value.code == "transfer_syntax"


def test_fault_68_deflated_file_is_not_inflated_wherever_it_says_so():
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(np.zeros((512, 512), np.uint16))))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.file_meta.FileMetaInformationVersion = bytes(4000)  # Before the transfer syntax.
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert buffer.getvalue().find(b"1.2.840.10008.1.2.1.99") > 4000
    assert code_of(buffer.getvalue()) == "transfer_syntax"


@pytest.mark.parametrize("name", ["dicom_rle", "dicom_jpeg", "dicom_jpeg_ls", "dicom_jpeg_2000"])
def test_fault_68_every_cut_of_compressed_pixels(name):
    dataset = pydicom.dcmread(io.BytesIO(EXAMPLES[name]))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1).rstrip(b"\0")
    pixels = ramp().astype(np.uint16 if dataset.BitsAllocated == 16 else np.uint8)
    assert code_of(dicom_bytes(pixels, frame=(dataset.file_meta.TransferSyntaxUID, frame[: len(frame) // 2]))) in (
        "truncated",
        "corrupt",
    )
    for length in range(2, len(frame) - 2, 1 + len(frame) // 100):
        for end in (b"", b"\xff\xd9"):
            cut = dicom_bytes(pixels, frame=(dataset.file_meta.TransferSyntaxUID, frame[:length] + end))
            assert code_of(cut) in ("truncated", "corrupt", "undecodable"), (length, end)


def test_fault_68_damaged_compressed_pixels():
    data = EXAMPLES["dicom_rle"]
    assert code_of(data[: len(data) - 300]) in ("undecodable", "no_pixels")


def test_fault_68_codestreams_larger_than_the_header_says():
    header, coded = np.zeros((64, 64), np.uint8), np.zeros((700, 900), np.uint8)
    for data in (
        dicom_jpeg(header, encode(coded, "JPEG")),
        dicom_jpeg_2000(header, encode(coded, "JPEG2000", no_jp2=True)),
        dicom_bytes(header, frame=(JPEGLSLossless, jpeg_ls.encode_array(coded))),
    ):
        with pytest.raises(RejectedImageError, match="700x900 pixels of 1 components; the header says 64x64") as caught:
            scan(data)
        assert caught.value.code == "corrupt"


def test_fault_68_jpeg_of_12_bits_says_what_to_do():
    data = retagged(
        "JPEG-lossy.dcm", Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4", ImageOrientationPatient=SAGITTAL
    )
    with pytest.raises(RejectedImageError, match="JPEG of 12 bits.*uncompressed") as caught:
        scan(data)
    assert caught.value.code == "transfer_syntax"


@pytest.mark.parametrize("name", ["dicom_jpeg", "dicom_jpeg_ls", "dicom_jpeg_2000"])
@pytest.mark.parametrize(("padding", "code"), [(b"\0", "read"), (b"\xff", "read"), (b"PK\x03\x04", "trailing_data")])
def test_bytes_after_the_end_of_a_codestream(name, padding, code):
    dataset = pydicom.dcmread(io.BytesIO(EXAMPLES[name]))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    frame = frame[: frame.rindex(b"\xff\xd9") + 2] + padding
    pixels = ramp().astype(np.uint16 if dataset.BitsAllocated == 16 else np.uint8)
    assert outcome(dicom_bytes(pixels, frame=(dataset.file_meta.TransferSyntaxUID, frame))) == code


@pytest.mark.parametrize("name", ["dicom_jpeg", "dicom_jpeg_ls", "dicom_jpeg_2000", "dicom_rle"])
def test_one_frame_in_several_fragments(name):
    dataset = pydicom.dcmread(io.BytesIO(EXAMPLES[name]))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    buffer = io.BytesIO()
    dataset.PixelData = encapsulate([frame], fragments_per_frame=3)
    dataset.save_as(buffer)
    assert outcome(buffer.getvalue()) == "read"


def test_fault_68_coloured_codestreams_under_a_grey_header():
    colour = np.zeros((64, 64, 3), np.uint8)
    for data in (
        dicom_jpeg(colour[..., 0], encode(colour, "JPEG")),
        dicom_jpeg_2000(colour[..., 0], encode(colour, "JPEG2000", no_jp2=True)),
    ):
        with pytest.raises(RejectedImageError, match="of 3 components"):
            scan(data)


@pytest.mark.parametrize(
    ("segments", "body", "code"),
    [
        (1, b"\x81\0" * 32, "accepted"),  # 32 runs of 128 zeros are 64 x 64.
        (1, b"\x81\0" * 32 + b"\0\0", "accepted"),  # One more byte, to an even number.
        (1, b"\x81\0" * 31, "truncated"),
        (1, b"\x81\0" * (1 << 20), "corrupt"),  # 128 MiB under a header of 4 KiB.
        (1, b"\x80" * 4000 + b"\x81\0" * 32, "accepted"),
        (2, b"\x81\0" * 32, "corrupt"),
        (15, b"\x81\0" * 32, "corrupt"),
    ],
)
def test_fault_68_rle_of_another_length(segments, body, code):
    frame = struct.pack("<16I", segments, *[64] * 15) + body
    data = dicom_bytes(np.zeros((64, 64), np.uint8), frame=(RLELossless, frame))
    if code == "accepted":
        np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, np.zeros((64, 64)))
    else:
        assert code_of(data) == code


@pytest.mark.parametrize(
    "options",
    [
        {"tile_size": (8, 8)},  # 16,384 of them.
        {"precinct_size": (8, 8), "codeblock_size": (4, 4)},
        {"codeblock_size": (4, 64)},
    ],
)
def test_fault_68_jpeg_2000_of_tiny_blocks(options):
    # 3 kB of precincts of one pixel make a decoder take 600 MB for 1000 x 1000 pixels.
    pixels = np.zeros((1024, 1024), np.uint8)
    data = encode(pixels, "JPEG2000", no_jp2=True, num_resolutions=1, **options)
    assert code_of(dicom_jpeg_2000(pixels, data)) == "too_large"


def test_fault_68_jpeg_2000_of_usual_blocks():
    pixels = ramp(256, 256)  # Pillow's encoder mixes up the tiles of 16-bit pictures.
    for options in ({"tile_size": (64, 64)}, {"precinct_size": (64, 64)}, {"codeblock_size": (32, 32)}):
        data = dicom_jpeg_2000(pixels, encode(pixels, "JPEG2000", no_jp2=True, **options))
        np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, pixels)


def test_fault_68_jpeg_2000_in_a_file_of_boxes():
    assert code_of(dicom_bytes(ramp(), frame=(JPEG2000Lossless, encode(ramp(), "JPEG2000")))) == "corrupt"


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
