"""What a header says that an image is: sequence, plane and content, from times and from words."""

import io

import numpy as np
import pydicom
import pytest
from image_files import dicom_bytes

from contrast_tfdata.images import dicom, sequences
from contrast_tfdata.images.dicom_kind import letters_to_orientation
from contrast_tfdata.images.kinds import CONTENTS, PLANES, SEQUENCES
from contrast_tfdata.images.reading import read, scan

SE, GR, IR = {"ScanningSequence": "SE"}, {"ScanningSequence": "GR"}, {"ScanningSequence": ["IR", "SE"]}


def kind_of(**tags):
    return dicom.read_header(dicom_bytes(**tags)).kind


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")  # Of pydicom, which writes the files.
@pytest.mark.parametrize(
    ("tags", "sequence"),
    [
        ({**SE, "EchoTime": 12, "RepetitionTime": 500}, "T1"),
        ({**GR, "EchoTime": 3, "RepetitionTime": 2300, "InversionTime": 900}, "T1"),  # MPRAGE
        ({"ScanningSequence": ["IR", "GR"], "EchoTime": 3, "RepetitionTime": 7, "InversionTime": 450}, "T1"),
        ({**IR, "EchoTime": 20, "RepetitionTime": 2000, "InversionTime": 800}, "T1"),  # T1-weighted FLAIR
        ({**SE, "EchoTime": 100, "RepetitionTime": 4000}, "T2"),
        ({**SE, "EchoTime": 15, "RepetitionTime": 2500}, "PD"),
        ({**IR, "EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500}, "FLAIR"),
        ({"EchoTime": 380, "RepetitionTime": 5000, "InversionTime": 1800}, "FLAIR"),  # in three dimensions
        ({**IR, "EchoTime": 60, "RepetitionTime": 4000, "InversionTime": 160}, "other"),  # STIR
        ({**GR, "EchoTime": 20, "RepetitionTime": 600}, "T2*"),
        ({"ScanningSequence": "EP", "EchoTime": 90, "RepetitionTime": 5000}, "other"),
        ({"DiffusionBValue": 1000.0, "EchoTime": 90}, "DWI"),
        ({**GR, "EchoTime": 4, "RepetitionTime": 25, "SeriesDescription": "3D TOF"}, "other"),
        ({**GR, "EchoTime": 4, "RepetitionTime": 25, "AngioFlag": "Y"}, "other"),
        ({**GR, "EchoTime": 4, "RepetitionTime": 9, "SeriesDescription": "SAG T1 BRAVO"}, "T1"),
        ({**GR, "EchoTime": 4, "RepetitionTime": 9}, "unknown"),
        ({}, "unknown"),
        # Words, where there are no times.
        ({"SeriesDescription": "SAG T2 FLAIR"}, "FLAIR"),
        ({"SeriesDescription": "t1_mprage_sag_p2_iso"}, "T1"),
        ({"SeriesDescription": "Sag T1 FLAIR"}, "T1"),
        ({"SeriesDescription": "t2_tirm_tra_dark-fluid"}, "FLAIR"),
        ({"SeriesDescription": "AX T2* GRE"}, "T2*"),
        ({"SeriesDescription": "ep2d_diff_3scan_trace"}, "DWI"),
        ({"SeriesDescription": "T1 AND T2 BRAIN"}, "unknown"),
        ({"ProtocolName": "AX T2 FSE"}, "T2"),
        ({"SeriesDescription": "Schmidt, Hans"}, "unknown"),
        # Times win over words that lie.
        (
            {"SeriesDescription": "SAG T1", **IR, "EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500},
            "FLAIR",
        ),
        ({"SeriesDescription": "SAG T2", **SE, "EchoTime": 10, "RepetitionTime": 450}, "T1"),
    ],
)
def test_sequence(tags, sequence):
    assert kind_of(**tags).sequence == sequence
    assert sequence in SEQUENCES


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")  # Likewise.
@pytest.mark.parametrize(
    ("image_type", "content"),
    [
        (["ORIGINAL", "PRIMARY", "M", "ND", "NORM"], "magnitude"),
        (["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], "magnitude"),
        (["ORIGINAL", "PRIMARY", "P", "ND"], "phase"),
        (["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "phase"),
        (["ORIGINAL", "PRIMARY", "R_FFE", "R", "FFE"], "phase"),
        (["ORIGINAL", "PRIMARY", "LOCALIZER"], "localizer"),
        (["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], "mosaic"),
        (["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND"], "derived"),
        (["DERIVED", "SECONDARY", "ADC_10^-6_mm2/s"], "derived"),
        (["DERIVED", "SECONDARY"], "derived"),
        (["DERIVED", "SECONDARY", "PROJECTION IMAGE"], "projection"),
        (["DERIVED", "SECONDARY", "MPR", "CSA MPR"], "magnitude"),
        (["DERIVED", "PRIMARY", "M", "DIS2D"], "magnitude"),
        (["ORIGINAL", "PRIMARY"], "magnitude"),
        (None, "magnitude"),
    ],
)
def test_content(image_type, content):
    assert kind_of(ImageType=image_type).content == content
    assert content in CONTENTS


def test_a_picture_compressed_with_losses_is_no_other_one():
    assert kind_of(ImageType=["DERIVED", "PRIMARY"], LossyImageCompression="01").content == "magnitude"


@pytest.mark.parametrize(
    ("description", "content"),
    [
        ("3-plane loc", "localizer"),
        ("Survey", "localizer"),
        ("MIP sag", "projection"),
        ("T1 SUB", "derived"),
        ("LOCKE", "magnitude"),
    ],
)
def test_content_by_words(description, content):
    assert kind_of(SeriesDescription=description).content == content


@pytest.mark.parametrize(
    ("letters", "orientation"),
    [
        (["P", "F"], (0, 1, 0, 0, 0, -1)),
        (["AL", "HP"], (0, -1, 0, 0, 0, 1)),
        (["L", "P"], (1, 0, 0, 0, 1, 0)),
        (["P", "A"], None),
        (["P"], None),
        (["X", "F"], None),
        ([], None),
    ],
)
def test_directions_in_letters(letters, orientation):
    assert letters_to_orientation(letters) == orientation


def test_a_slice_described_by_letters_is_turned_and_one_of_another_plane_known():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 999, (24, 32), np.uint16)
    tags = {"ImageOrientationPatient": None, "ImagePositionPatient": None}
    upright = dicom_bytes(pixels, PatientOrientation=["P", "F"], **tags)
    flipped = dicom_bytes(np.ascontiguousarray(pixels[::-1, ::-1]), PatientOrientation=["A", "H"], **tags)
    for data in (upright, flipped):
        np.testing.assert_array_equal(read(data, scan(data), [0])[0].pixels, pixels)
    assert kind_of(PatientOrientation=["L", "P"], **tags).plane == "axial"


def test_only_documented_words_leave_a_header():
    kind = kind_of(SeriesDescription="Smith T2", ProtocolName="Jones", ImageType=["ORIGINAL", "PRIMARY", "SMITH"])
    assert kind.plane in PLANES
    assert kind.sequence in SEQUENCES
    assert kind.content in CONTENTS


def enhanced(frames, shared=None, **tags):
    """Returns an enhanced MR image of some frames, each with its functional groups."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes()))
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = b"".join(
        np.full((dataset.Rows, dataset.Columns), 10 * number, np.uint16).tobytes() for number in range(len(frames))
    )
    dataset.SharedFunctionalGroupsSequence = [group_of(shared or {})]
    dataset.PerFrameFunctionalGroupsSequence = [group_of(each) for each in frames]
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def group_of(macros):
    group = pydicom.Dataset()
    for name, values in macros.items():
        item = pydicom.Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        setattr(group, name, [item])
    return group


SHARED = {
    "PlaneOrientationSequence": {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
    "PixelMeasuresSequence": {"PixelSpacing": [0.5, 0.75]},
    "MREchoSequence": {"EffectiveEchoTime": 3.0},
    "MRModifierSequence": {"InversionTimes": [900.0]},
    "MRTimingAndRelatedParametersSequence": {"RepetitionTime": 2300.0},
}


def test_frames_of_an_enhanced_image_are_slices():
    frames = [
        {
            "PlanePositionSequence": {"ImagePositionPatient": [-2.0 * number, 0, 0]},
            "FrameContentSequence": {"InStackPositionNumber": number + 1, "StackID": "1"},
            "PixelValueTransformationSequence": {"RescaleSlope": 2.0, "RescaleIntercept": number},
        }
        for number in range(5)
    ]
    data = enhanced(frames, SHARED)
    header = dicom.read_header(data)
    assert (header.kind.plane, header.kind.sequence) == ("sagittal", "T1")
    assert [place.position for place in header.frames] == [0, 2, 4, 6, 8]
    assert {place.spacing for place in header.frames} == {(0.5, 0.75)}
    planes = dicom.read_planes(data, [4, 1])
    assert [plane.flat[0] for plane in planes] == [2 * 40 + 4, 2 * 10 + 1]


def test_the_times_of_an_enhanced_image_tell_its_sequence():
    other = {
        "MREchoSequence": {"EffectiveEchoTime": 120.0},
        "MRTimingAndRelatedParametersSequence": {"RepetitionTime": 9000.0},
    }
    shared = {**SHARED, **other, "MRModifierSequence": {"InversionTimes": [2500.0]}}
    assert dicom.read_header(enhanced([{}, {}], shared)).kind.sequence == "FLAIR"


def test_words_that_name_nothing_known_are_silent():
    assert sequences.by_words("", "Müller", "T2 space") == "T2"
    assert sequences.by_words("x" * 10_000) == "unknown"
