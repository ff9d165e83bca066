import io
import logging
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
from pydicom.uid import HTJ2KLossless, JPEG2000Lossless, JPEGLSLossless, RLELossless

from contrast_tfdata.images import dicom, dicom_stream, patient_ids
from contrast_tfdata.images.kinds import ImageKind
from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import FramePlace, RejectedImageError, Slice

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


def read_slice(data: bytes, index: int = 0) -> Slice:
    return read(data, scan(data), [index])[0]


def place_of(data: bytes) -> FramePlace:
    (place,) = dicom.read_header(data).frames
    return place


def test_header():
    header = dicom.read_header(dicom_bytes())
    assert (header.patient_id, header.study_uid, header.series_uid) == ("patient-7", "1.2", "1.2.3")
    assert (header.kind, header.warnings) == (ImageKind("sagittal"), ())
    (place,) = header.frames
    assert (place.position, place.spacing, place.orientation) == (12.5, (0.5, 0.75), tuple(map(float, SAGITTAL)))
    assert place.shape == PIXELS.shape


def test_values_are_stored_values_rescaled():
    image = read_slice(dicom_bytes(PIXELS, RescaleSlope="2.5", RescaleIntercept="-7"), index=3)
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, PIXELS * 2.5 - 7)
    assert (image.index, image.spacing) == (3, (0.5, 0.75))


def test_signed_and_8_bit_pixels():
    for pixels in (PIXELS.astype(np.int16) - 100, ramp()):
        np.testing.assert_array_equal(read_slice(dicom_bytes(pixels)).pixels, pixels)


def test_monochrome1_is_reflected():
    pixels = read_slice(dicom_bytes(PIXELS, PhotometricInterpretation="MONOCHROME1")).pixels
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
    image = read_slice(dicom_bytes(stored, ImageOrientationPatient=orientation, PixelSpacing=spacing))
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.spacing == (0.5, 0.75)


@pytest.mark.parametrize("orientation", [SAGITTAL, [0, -1, 0, 0, 0, -1], [0, 0, 1, 0, 1, 0]])
def test_position_grows_to_the_right_however_the_slice_is_stored(orientation):
    positions = [
        place_of(dicom_bytes(ImageOrientationPatient=orientation, ImagePositionPatient=[x, 3, 4])).position
        for x in (30, 0, -30)  # DICOM's x grows to the left.
    ]
    assert positions == [-30, 0, 30]


def test_slightly_oblique_is_sagittal():
    tilt = np.deg2rad(20)
    orientation = [float(np.sin(tilt)), float(np.cos(tilt)), 0, 0, 0, -1]
    header = dicom.read_header(dicom_bytes(ImageOrientationPatient=[f"{value:.6f}" for value in orientation]))
    assert header.kind.plane == "sagittal"


@pytest.mark.parametrize(("orientation", "plane"), [([1, 0, 0, 0, 1, 0], "axial"), ([1, 0, 0, 0, 0, -1], "coronal")])
def test_other_planes(orientation, plane):
    assert scan(dicom_bytes(ImageOrientationPatient=orientation)).kind.plane == plane


def test_missing_plane_is_accepted_with_a_warning():
    data = dicom_bytes(ImageOrientationPatient=None, ImagePositionPatient=None, SliceLocation="4.5")
    facts = scan(data)
    assert (facts.warnings, facts.kind.plane) == (("plane_unknown",), "unknown")
    assert (facts.frames[0].position, facts.frames[0].location) == (None, 4.5)
    np.testing.assert_array_equal(read(data, facts, [0])[0].pixels, PIXELS)


def test_burnt_in_annotation():
    assert code_of(dicom_bytes(BurnedInAnnotation="YES")) == "burned_in_annotation"
    assert scan(dicom_bytes(BurnedInAnnotation=None)).warnings == ("burned_in_unknown",)


def test_nothing_but_allowed_tags_leaves_the_parser():
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
        ({"PixelData": None}, "truncated"),
        ({"PixelData": PIXELS.tobytes()[:-100]}, "truncated"),
        ({"Rows": 8}, "too_small"),
        ({"Rows": 60000, "Columns": 60000}, "too_large"),
        ({"Rows": None}, "corrupt"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 1, 0]}, "corrupt"),
        ({"ImageOrientationPatient": [0, 1, 0]}, "corrupt"),
        ({"PixelSpacing": ["1e308", "1"]}, "bad_spacing"),
        ({"RescaleSlope": "1e300"}, "not_finite"),
    ],
)
def test_defined_rules(tags, code):
    assert code_of(dicom_bytes(**tags)) == code


def test_odd_codes_are_not_repeated():
    for data in (dicom_bytes(PhotometricInterpretation="SMITH"), dicom_bytes(Modality="SMITH")):
        with pytest.raises(RejectedImageError) as caught:
            scan(data)
        assert "SMITH" not in str(caught.value)
    with pytest.raises(RejectedImageError, match="the modality is CT, not MR"):
        scan(dicom_bytes(Modality="CT"))


def test_unknown_spacing_means_square_pixels():
    for spacing in (None, [0, 0]):
        assert place_of(dicom_bytes(PixelSpacing=spacing)).spacing == (1.0, 1.0)


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
        ("1.2.840.10008.5.1.4.1.1.4.3", "not_mr", "Enhanced MR Color Image Storage"),
        ("1.2.840.10008.5.1.4.1.1.7", "not_mr", "Secondary Capture Image Storage"),
        ("1.2.3.4.5", "not_mr", "the SOP class is unknown"),
    ],
)
def test_images_that_are_mr_only_by_their_modality(sop_class, code, said):
    with pytest.raises(RejectedImageError, match=said) as caught:
        scan(dicom_bytes(SOPClassUID=sop_class))
    assert caught.value.code == code


def test_syntax_that_is_not_installed_names_the_package(tmp_path):
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
    assert "pip install pyjpegls" in done.stdout


def test_syntax_that_is_not_read_says_what_to_do():
    with pytest.raises(RejectedImageError, match="High-Throughput JPEG 2000.*store it uncompressed") as caught:
        scan(dicom_bytes(frame=(HTJ2KLossless, b"\xff\x4f")))
    assert caught.value.code == "transfer_syntax"


def test_deflated_file_is_not_inflated_wherever_it_says_so():
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(np.zeros((512, 512), np.uint16))))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.file_meta.FileMetaInformationVersion = bytes(4000)  # Before the transfer syntax.
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert buffer.getvalue().find(b"1.2.840.10008.1.2.1.99") > 4000
    assert code_of(buffer.getvalue()) == "transfer_syntax"


@pytest.mark.parametrize("name", ["dicom_rle", "dicom_jpeg", "dicom_jpeg_ls", "dicom_jpeg_2000"])
def test_every_cut_of_compressed_pixels(name):
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


def test_damaged_compressed_pixels():
    data = EXAMPLES["dicom_rle"]
    assert code_of(data[: len(data) - 300]) in ("undecodable", "truncated")


def test_codestreams_larger_than_the_header_says():
    header, coded = np.zeros((64, 64), np.uint8), np.zeros((700, 900), np.uint8)
    for data in (
        dicom_jpeg(header, encode(coded, "JPEG")),
        dicom_jpeg_2000(header, encode(coded, "JPEG2000", no_jp2=True)),
        dicom_bytes(header, frame=(JPEGLSLossless, jpeg_ls.encode_array(coded))),
    ):
        with pytest.raises(RejectedImageError, match="700x900 pixels of 1 components; the header says 64x64") as caught:
            scan(data)
        assert caught.value.code == "corrupt"


def test_jpeg_of_12_bits_says_what_to_do():
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


def test_coloured_codestreams_under_a_grey_header():
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
def test_rle_of_another_length(segments, body, code):
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
def test_jpeg_2000_of_tiny_blocks(options):
    # 3 kB of precincts of one pixel make a decoder take 600 MB for 1000 x 1000 pixels.
    pixels = np.zeros((1024, 1024), np.uint8)
    data = encode(pixels, "JPEG2000", no_jp2=True, num_resolutions=1, **options)
    assert code_of(dicom_jpeg_2000(pixels, data)) == "too_large"


def test_jpeg_2000_of_usual_blocks():
    pixels = ramp(256, 256)  # Pillow's encoder mixes up the tiles of 16-bit pictures.
    for options in ({"tile_size": (64, 64)}, {"precinct_size": (64, 64)}, {"codeblock_size": (32, 32)}):
        data = dicom_jpeg_2000(pixels, encode(pixels, "JPEG2000", no_jp2=True, **options))
        np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, pixels)


def test_jpeg_2000_in_a_file_of_boxes():
    assert code_of(dicom_bytes(ramp(), frame=(JPEG2000Lossless, encode(ramp(), "JPEG2000")))) == "corrupt"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CT_small.dcm", "not_mr"),
        ("rtplan.dcm", "no_pixels"),
        ("MR_truncated.dcm", "truncated"),
        ("image_dfl.dcm", "transfer_syntax"),  # Deflated: refused before it is inflated.
    ],
)
def test_pydicoms_own_files(name, code):
    with open(pydicom.data.get_testdata_file(name), "rb") as file:
        assert code_of(file.read()) == code


def checked(syntax: str, frame: bytes, rows: int, columns: int, bits: int = 8) -> str:
    """Returns the code with which a coded frame is refused before its decoder may see it, or `accepted`."""
    dataset = pydicom.Dataset()
    dataset.Rows, dataset.Columns, dataset.BitsAllocated = rows, columns, bits
    try:
        dicom_stream.CHECKS[syntax](frame, dataset)
    except RejectedImageError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (b"\x05abcdef", "accepted"),  # 5: six bytes as they are.
        (b"\x04abcde", "truncated"),
        (b"\x05abcde", "truncated"),
        (b"\x06abcdefg", "accepted"),  # One more than there are pixels, to an even number.
        (b"\x07abcdefgh", "corrupt"),
        (b"\xfba", "accepted"),  # 257 - 251: six times the same.
        (b"\xfca", "truncated"),
        (b"\xfaa", "accepted"),
        (b"\xf9a", "corrupt"),
        (b"\x01ab\xfdc", "accepted"),
        (b"\x01ab\xffc\xffd", "accepted"),
        (b"\x01ab\xffc\0d", "truncated"),
        (b"\x80\x80\xfba", "accepted"),  # 128 says nothing.
        (b"\x80\x04abcde", "truncated"),
        (b"\x05abcdef\0\0", "accepted"),
        (b"\x05abcdef\0\0\0", "corrupt"),
        (b"", "truncated"),
    ],
)
def test_rle_segments_of_six_pixels_by_hand(segment, expected):
    assert checked(RLELossless, struct.pack("<16I", 1, 64, *[0] * 14) + segment, 2, 3) == expected


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ((64, 66), "accepted"),
        ((63, 66), "corrupt"),  # Inside the header.
        ((64, 64), "truncated"),  # The first one is empty.
        ((66, 64), "corrupt"),
        ((64, 68), "truncated"),  # The last one is.
        ((64, 69), "corrupt"),
    ],
)
def test_rle_segments_lie_one_after_the_other(offsets, expected):
    frame = struct.pack("<16I", 2, *offsets, *[0] * 13) + b"\xfba\xfbb"
    assert checked(RLELossless, frame, 2, 3, bits=16) == expected
    assert checked(RLELossless, frame, 2, 3, bits=8) == "corrupt"  # Two segments are of 16 bits.


def test_rle_that_ends_inside_its_header():
    assert checked(RLELossless, struct.pack("<15I", 1, *[64] * 14), 2, 3) == "truncated"


def segment(marker: bytes, body: bytes) -> bytes:
    """Returns a marker segment: its length counts itself, and not the marker."""
    return b"\xff" + marker + struct.pack(">H", 2 + len(body)) + body


CODING_STYLE = bytes([0, 0, 0, 1, 0])  # No precincts; progression, one layer, no colour transform.
BLOCKS = bytes([0, 4, 4, 0, 1])  # No halvings, blocks of 64 x 64.
TILE = struct.pack(">HHIBB", 10, 0, 14 + 3, 0, 1)  # Number 0, 17 bytes from its marker on, the only part.
PART = b"\xff\x90" + TILE + b"\xff\x93" + b"abc"


def codestream(
    area=(16, 24, 0, 0), tiling=(16, 24, 0, 0), component=(1, 7, 1, 1), header=None, parts=PART, end=b"\xff\xd9"
) -> bytes:
    """Returns a JPEG 2000 codestream: right, bottom, left and top of the picture; size, left and top of its tiles."""
    size = segment(b"\x51", struct.pack(">H8IH3B", 0, *area, *tiling, *component))
    style = segment(b"\x52", CODING_STYLE + BLOCKS) if header is None else header
    return b"\xff\x4f" + size + style + parts + end


@pytest.mark.parametrize(
    ("shape", "changes", "expected"),
    [
        ((24, 16), {}, "accepted"),
        ((24, 17), {}, "corrupt"),
        ((25, 16), {}, "corrupt"),
        ((24, 16), {"component": (2, 7, 1, 1)}, "corrupt"),
        ((24, 16), {"component": (1, 7, 2, 1)}, "corrupt"),  # Every second sample of a row.
        ((24, 16), {"component": (1, 7, 1, 2)}, "corrupt"),
        ((20, 13), {"area": (16, 24, 3, 4)}, "accepted"),
        ((24, 16), {"area": (16, 24, 3, 4)}, "corrupt"),
        ((24, 16), {"tiling": (0, 24, 0, 0)}, "corrupt"),
        ((24, 16), {"tiling": (16, 0, 0, 0)}, "corrupt"),
        ((64, 64), {"area": (64, 64, 0, 0), "tiling": (1, 1, 0, 0)}, "accepted"),  # 4,096 tiles.
        ((241, 17), {"area": (17, 241, 0, 0), "tiling": (1, 1, 0, 0)}, "too_large"),  # 4,097.
        ((127, 128), {"area": (128, 127, 0, 0), "tiling": (2, 2, 0, 0)}, "accepted"),  # The last row is half a tile.
        ((129, 128), {"area": (128, 129, 0, 0), "tiling": (2, 2, 0, 0)}, "too_large"),
        ((64, 64), {"area": (72, 64, 8, 0), "tiling": (1, 1, 8, 0)}, "accepted"),
        ((64, 64), {"area": (72, 64, 8, 0), "tiling": (1, 1, 0, 0)}, "too_large"),
        ((64, 64), {"area": (64, 72, 0, 8), "tiling": (1, 1, 0, 8)}, "accepted"),
        ((64, 64), {"area": (64, 72, 0, 8), "tiling": (1, 1, 0, 0)}, "too_large"),
    ],
)
def test_size_and_tiles_of_a_jpeg_2000_codestream(shape, changes, expected):
    assert checked(JPEG2000Lossless, codestream(**changes), *shape) == expected


def test_jpeg_2000_that_ends_inside_its_header():
    assert checked(JPEG2000Lossless, codestream()[:44], 24, 16) == "truncated"
    assert checked(JPEG2000Lossless, b"\0" + codestream(), 24, 16) == "corrupt"


PRECINCTS = [
    (0, [2, 2], b"", "accepted"),  # Blocks of 2 ** (2 + 2) x 16.
    (0, [1, 2], b"", "too_large"),
    (0, [2, 1], b"", "too_large"),
    (0, [4, 4], b"\x00", "accepted"),  # No precincts are given: what stands there is none.
    (2, [4, 4], b"\x00", "accepted"),
    (1, [4, 4], b"\x33\x44", "accepted"),  # Of the half resolution 8 x 8 are 16 x 16 of the picture.
    (1, [4, 4], b"\x32\x44", "too_large"),
    (1, [4, 4], b"\x23\x44", "too_large"),
    (1, [4, 4], b"\x33\x43", "too_large"),
    (1, [4, 4], b"\x33\x34", "too_large"),
    (3, [4, 4], b"\x33\x34", "too_large"),
    (1, [4, 4], b"\xff\xff\x00", "accepted"),  # Of a third resolution, which there is not.
]


@pytest.mark.parametrize(("flags", "blocks", "precincts", "expected"), PRECINCTS)
@pytest.mark.parametrize("place", ["main", "component", "tile"])
def test_blocks_and_precincts_of_sixteen_pixels_and_less(flags, blocks, precincts, expected, place):
    sizes = bytes([1, *blocks, 0, 1]) + precincts  # One halving.
    style = segment(b"\x52", bytes([flags, *CODING_STYLE[1:]]) + sizes)
    of_component = segment(b"\x53", bytes([0, flags]) + sizes)
    usual = segment(b"\x52", CODING_STYLE + BLOCKS)
    quantization = segment(b"\x5c", bytes([0x40, 0, 0]))
    if place == "tile":
        length = struct.pack(">HHIBB", 10, 0, 14 + len(style) + 3, 0, 1)
        frame = codestream(parts=b"\xff\x90" + length + style + b"\xff\x93abc")
    else:
        frame = codestream(header=quantization + (style if place == "main" else usual + of_component))
    assert checked(JPEG2000Lossless, frame, 24, 16) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parts": PART + PART}, "accepted"),
        ({"parts": PART + b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 0, 0, 1) + b"\xff\x93rest"}, "accepted"),
        ({"parts": b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14, 0, 1) + b"\xff\x93"}, "accepted"),  # No data.
        ({"parts": PART + b"\0"}, "truncated"),
        ({"parts": PART[:-1]}, "truncated"),
        ({"end": b""}, "truncated"),
        ({"end": b"\xff\xd9\0\0"}, "accepted"),
        ({"end": b"\xff\xd9\xff\0"}, "accepted"),
        ({"end": b"\xff\xd9\xff\0\x01"}, "trailing_data"),
        ({"end": b"\xff\xd9\x01"}, "trailing_data"),
    ],
)
def test_tile_parts_lie_one_after_the_other_to_the_end(changes, expected):
    assert checked(JPEG2000Lossless, codestream(**changes), 24, 16) == expected


def test_monochrome1_is_reflected_within_its_own_range():
    pixels = read_slice(dicom_bytes(PIXELS + 50, PhotometricInterpretation="MONOCHROME1")).pixels
    highest = 23 * 7 + 31 * 2 + 50  # Of the ramp; the lowest is 50.
    np.testing.assert_array_equal(pixels, highest + 50 - (PIXELS + 50.0))


@pytest.mark.parametrize(("scale", "expected"), [(0.94, "corrupt"), (0.96, 12.5), (1.04, 12.5), (1.06, "corrupt")])
def test_directions_are_unit_vectors_but_for_what_rounding_loses(scale, expected):
    """The length of their cross product, the square of it, is between 0.9 and 1 / 0.9."""
    data = dicom_bytes(ImageOrientationPatient=[value * scale for value in SAGITTAL])
    if expected == "corrupt":
        assert code_of(data) == "corrupt"
    else:
        assert place_of(data).position == pytest.approx(expected)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(0, -5.0), (44, None), (-44, None), (46, "coronal"), (-46, "coronal")]
)
def test_a_plane_is_that_to_which_it_lies_nearest(degrees, expected):
    turned = np.deg2rad(degrees)
    orientation = [f"{value:.8f}" for value in (np.sin(turned), np.cos(turned), 0, 0, 0, -1)]
    data = dicom_bytes(ImageOrientationPatient=orientation, ImagePositionPatient=[5, 7, 9])
    if expected == "coronal":
        assert scan(data).kind.plane == "coronal"
    else:
        # Along the unit normal that points to the right, where x is negative.
        assert place_of(data).position == pytest.approx(-5 * np.cos(turned) + 7 * np.sin(turned), abs=1e-6)


@pytest.mark.parametrize(
    ("degrees", "is_transposed"), [(40, False), (45, False), (-45, False), (50, True), (-50, True)]
)
def test_an_oblique_slice_is_turned_by_whole_quarters(degrees, is_transposed):
    """Turned within the plane: up to 45 degrees it stays, beyond it a quarter turn brings it nearer to upright."""
    turned = np.deg2rad(degrees)
    orientation = [0, np.cos(turned), -np.sin(turned), 0, -np.sin(turned), -np.cos(turned)]
    data = dicom_bytes(ImageOrientationPatient=[f"{value:.8f}" for value in orientation])
    image = read_slice(data)
    # At 50 degrees columns run down as well as back, and rows up as well as to the front: transposed, then mirrored.
    expected = np.rot90(PIXELS, -1 if degrees > 0 else 1) if is_transposed else PIXELS
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.spacing == ((0.75, 0.5) if is_transposed else (0.5, 0.75))


@pytest.mark.parametrize(
    ("tags", "position"),
    [
        ({"ImagePositionPatient": [4, 0, 0]}, -4.0),
        ({"ImagePositionPatient": None}, None),
        ({"ImageOrientationPatient": None, "ImagePositionPatient": [4, 0, 0]}, None),
        ({"ImageOrientationPatient": None, "PatientOrientation": ["P", "F"], "ImagePositionPatient": [4, 0, 0]}, -4.0),
    ],
)
def test_a_position_is_known_where_corner_and_directions_are(tags, position):
    assert place_of(dicom_bytes(**tags)).position == position


@pytest.mark.parametrize("spacing", [[0, 0.5], [0.5, 0], [-1, 0.5]])
def test_a_distance_that_is_not_positive_makes_both_unknown(spacing):
    assert place_of(dicom_bytes(PixelSpacing=spacing)).spacing == (1.0, 1.0)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"PixelData": PIXELS.tobytes()[:-2]}, "truncated"),
        ({"ImagePositionPatient": [1, 2]}, "corrupt"),
        ({"PixelSpacing": [1]}, "corrupt"),
        ({"SliceLocation": [1, 2], "ImagePositionPatient": None}, "corrupt"),
    ],
)
def test_rules_at_their_bounds(tags, code):
    assert code_of(dicom_bytes(**tags)) == code


@pytest.mark.parametrize(
    ("patient_id", "known"),
    [
        ("patient-7", "patient-7"), ("007", "007"), ("0X0", "0X0"), ("X-1", "X-1"), ("anonymous7", "anonymous7"),
        ("0", None), ("0-00", None), ("x", None), ("XX X", None), (" - ", None), ("", None), (None, None),
        ("anonymous", None), ("N/A", None), ("Anonymous Patient", None), ("ANON", None), ("unspecified", None),
    ],
)  # fmt: skip
def test_which_patient_ids_are_somebodys(patient_id, known):
    assert patient_ids.known_patient(patient_id) == known


def test_burnt_in_annotation_in_small_letters():
    data = dicom_bytes(BurnedInAnnotation="YES")
    assert data.count(b"CS\x04\0YES ") == 1
    assert code_of(data.replace(b"CS\x04\0YES ", b"CS\x04\0yes ")) == "burned_in_annotation"


@pytest.mark.parametrize(
    ("syntax", "frame"),
    [
        ("1.2.840.10008.1.2.4.50", encode(ramp(), "JPEG")),
        ("1.2.840.10008.1.2.4.51", encode(ramp(), "JPEG")),
        ("1.2.840.10008.1.2.4.80", bytes(jpeg_ls.encode_array(ramp()))),
        ("1.2.840.10008.1.2.4.81", bytes(jpeg_ls.encode_array(ramp()))),
        ("1.2.840.10008.1.2.4.90", encode(ramp(), "JPEG2000", no_jp2=True)),
        ("1.2.840.10008.1.2.4.91", encode(ramp(), "JPEG2000", no_jp2=True)),
    ],
)
def test_every_compressed_syntax_is_read_and_checked_before(syntax, frame):
    data = dicom_bytes(ramp(), frame=(syntax, frame))
    np.testing.assert_allclose(read(data, scan(data), [0])[0].pixels, ramp(), atol=8)  # JPEG is lossy.
    assert checked(syntax, frame, *ramp().shape) == "accepted"
    assert checked(syntax, frame, 25, 32) == "corrupt"
    assert checked(syntax, frame[: len(frame) // 2], *ramp().shape) in ("truncated", "corrupt")


@pytest.mark.parametrize("empty", [b"\xff\x64\0\2", b"\xff\x64\0\3x", b"\xff\x64\0\1", b"\xff\x64\0\0"])
def test_marker_segments_of_no_content(empty):
    """A length below its own two bytes cannot be: the next marker is looked for behind them all the same."""
    tiny = segment(b"\x52", CODING_STYLE + bytes([0, 1, 4, 0, 1]))
    usual = segment(b"\x52", CODING_STYLE + BLOCKS)
    assert checked(JPEG2000Lossless, codestream(header=empty + usual), 24, 16) == "accepted"
    assert checked(JPEG2000Lossless, codestream(header=empty + tiny), 24, 16) == "too_large"
    assert checked(JPEG2000Lossless, codestream(header=segment(b"\x52", b"") + usual), 24, 16) == "accepted"


def test_what_pydicom_logs_reaches_no_handler_of_others():
    """It quotes the values that it does not like; a handler on the root logger, such as absl's, would print them."""
    records, handler = [], logging.Handler()
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    try:
        logging.getLogger("pydicom").warning("Invalid value: 'Secret^Person'")
    finally:
        logging.getLogger().removeHandler(handler)
    assert records == []


def test_a_file_that_does_not_name_its_transfer_syntax():
    data = dicom_bytes()
    start = data.index(b"\x02\0\x10\0UI")  # The element, renamed to one that says nothing of the kind.
    assert code_of(data[:start] + b"\x02\0\x11\0UI" + data[start + 6 :]) == "transfer_syntax"


@pytest.mark.parametrize(
    ("of_dataset", "of_meta", "expected"),
    [
        (None, "1.2.840.10008.5.1.4.1.1.4", "accepted"),
        (None, "1.2.840.10008.5.1.4.1.1.7", "not_mr"),
        (None, "1.2.840.10008.5.1.4.1.1.4.1", "accepted"),
        ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7", "accepted"),
        ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.4", "not_mr"),
        (None, None, "not_mr"),
    ],
)
def test_the_file_meta_group_is_asked_only_where_the_data_set_is_silent(of_dataset, of_meta, expected):
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes()))
    for holder, keyword, uid in (
        (dataset, "SOPClassUID", of_dataset), (dataset.file_meta, "MediaStorageSOPClassUID", of_meta)
    ):  # fmt: skip
        if uid is None:
            delattr(holder, keyword)
        else:
            setattr(holder, keyword, uid)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    if expected == "accepted":
        assert scan(buffer.getvalue()).format == "dicom"
    else:
        assert code_of(buffer.getvalue()) == expected
