"""What DICOM headers say about contrast agent."""

import pydicom
import pytest
from image_files import dicom_bytes

from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.reading import scan


def agent_sequence(**tags):
    item = pydicom.Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return pydicom.Sequence([item])


@pytest.mark.parametrize(
    ("tags", "claim"),
    [
        ({}, Claim.SILENT),
        ({"ContrastBolusAgent": "Gadovist"}, Claim.WITH_GAD),
        ({"ContrastBolusAgent": ["Gadovist", "7 ml"]}, Claim.WITH_GAD),
        ({"ContrastBolusAgent": ""}, Claim.SILENT),
        ({"ContrastBolusAgent": "NONE"}, Claim.NO_GAD),
        ({"ContrastBolusAgentSequence": agent_sequence(CodeMeaning="Gadoterate")}, Claim.WITH_GAD),
        ({"ContrastBolusAgentSequence": agent_sequence(CodeValue="C-B0300")}, Claim.WITH_GAD),
        ({"ContrastBolusAgentSequence": agent_sequence(CodeMeaning="None")}, Claim.NO_GAD),
        ({"ContrastBolusAgentSequence": agent_sequence()}, Claim.SILENT),
        ({"ContrastBolusAgentSequence": pydicom.Sequence()}, Claim.SILENT),
        ({"SeriesDescription": "SAG T1 POST"}, Claim.WITH_GAD),
        ({"SeriesDescription": "T1 sag apr\u00e8s gado", "SpecificCharacterSet": "ISO_IR 192"}, Claim.WITH_GAD),
        ({"ProtocolName": "SAG T1 PRE"}, Claim.NO_GAD),
        ({"SeriesDescription": "SAG T1 PRE", "ProtocolName": "BRAIN + C"}, Claim.NO_GAD),
        ({"SeriesDescription": "SAG T1", "ProtocolName": "BRAIN + C"}, Claim.WITH_GAD),
        ({"SeriesDescription": "BRAIN W/WO"}, Claim.SILENT),
        ({"SeriesDescription": "SAG T1 POST", "ContrastBolusAgent": "Gadovist"}, Claim.WITH_GAD),
        ({"SeriesDescription": "SAG T1 PRE", "ContrastBolusAgent": "Gadovist"}, Claim.CONTRADICTORY),
    ],
)
def test_claims_about_contrast_agent(tags, claim):
    assert scan(dicom_bytes(**tags)).claim is claim


@pytest.mark.parametrize("tag", ["SeriesDescription", "ContrastBolusAgent"])
@pytest.mark.parametrize("representation", [b"FD", b"US", b"AT", b"XX"])
def test_damaged_words_are_silent_and_reject_no_image(tag, representation):
    data = dicom_bytes(**{tag: "T1 GAD"})
    written = b"LO\x06\0T1 GAD"
    assert data.count(written) == 1
    assert scan(data.replace(written, representation + written[2:])).claim is Claim.SILENT


def test_a_sequence_of_no_items_is_silent():
    data = dicom_bytes(ContrastBolusAgentSequence=agent_sequence(CodeMeaning="Gado"))
    start = data.index(b"\x18\0\x12\0SQ")
    damaged = data[: start + 4] + b"OB" + data[start + 6 :]
    assert scan(data).claim is Claim.WITH_GAD
    assert scan(damaged).claim is Claim.SILENT


def test_a_byte_of_no_known_character_set_hides_no_other_word():
    assert scan(dicom_bytes(SeriesDescription="T1 GAD").replace(b"T1 GAD", b"\xff1 GAD")).claim is Claim.WITH_GAD
