"""What people are told about files that were accepted all the same."""

from image_files import dicom_bytes

from contrast_tfdata.images.reading import scan
from contrast_tfdata.intake import file_warnings

BARE = {"ImageOrientationPatient": None, "BurnedInAnnotation": None, "SeriesDescription": "Zauberwort"}


def test_each_kind_is_counted_and_explained():
    scanned = [("a.dcm", scan(dicom_bytes())), *((name, scan(dicom_bytes(**BARE))) for name in ("b.dcm", "c.dcm"))]
    burnt, plane = file_warnings.lines(scanned)
    assert burnt.startswith("2 files: DICOM does not say whether text is burnt")
    # Said of NIfTI volumes too, which have no such element.
    assert plane.startswith("2 files: the file does not say how its slices lie")
    assert "ImageOrientationPatient" in plane
    assert "NIfTI without qform and sform code" in plane


def test_an_example_is_the_first_file_and_no_word_of_its_header():
    scanned = [("a.dcm", scan(dicom_bytes())), *((name, scan(dicom_bytes(**BARE))) for name in ("b.dcm", "c.dcm"))]
    plain, shown = file_warnings.lines(scanned), file_warnings.lines(scanned, examples=True)
    assert shown == [f"{line}; for example b.dcm" for line in plain]
    assert not any(word in " ".join(shown) for word in ("Zauberwort", "Secret", "patient-7"))


def test_there_is_nothing_to_say_of_other_files():
    assert file_warnings.lines([("a.dcm", scan(dicom_bytes()))], examples=True) == []
