import pytest
from pydicom.dataset import Dataset

from contrast_tfdata.images.dicom_origin import OTHER, origin_of


def origin(manufacturer=None, strength=None):
    dataset = Dataset()
    if manufacturer is not None:
        dataset.Manufacturer = manufacturer
    if strength is not None:
        dataset.add_new("MagneticFieldStrength", "DS", strength)
    return dict(origin_of(dataset))


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GEMS", "GE"),
        ("Philips Medical Systems", "Philips"),
        (" TOSHIBA_MEC", "Canon or Toshiba"),
        ("TOSHIBA", "Canon or Toshiba"),
        ("Hitachi, Ltd.", "Fujifilm or Hitachi"),
        ("UIH", "United Imaging"),
        ("Gently Scanned By Dr. Miller", OTHER),
        ("Miller^Ann", OTHER),
    ],
)
def test_vendor_is_one_of_a_few_words(text, vendor):
    assert origin(text) == {"vendor": vendor}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("1.5", "1.5 T"),
        ("1.494", "1.5 T"),
        ("3", "3 T"),
        ("2.8936", "3 T"),
        ("15000", "1.5 T"),
        ("7", "7 T"),
        ("9.4", OTHER),
    ],
)
def test_field_strength_is_that_of_a_magnet_that_is_sold(text, field):
    assert origin(strength=text) == {"field strength": field}


@pytest.mark.parametrize("text", ["", "0", "-1.5"])
def test_what_is_no_field_strength_is_left_out(text):
    assert origin(strength=text) == {}


def test_nothing_is_said_where_the_header_says_nothing():
    assert origin() == origin("", None) == origin("  ") == {}


def test_both_come_in_the_order_of_their_names():
    assert list(origin("GE", "3")) == ["field strength", "vendor"]


def test_damaged_elements_are_left_out():
    class Damaged:
        def get(self, keyword):
            raise NotImplementedError(keyword)

    assert origin_of(Damaged()) == ()
